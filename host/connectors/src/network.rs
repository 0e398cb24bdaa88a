//! The network half of a connection: the wires of `rollcall-net`, stacked for one connector.

use std::collections::BTreeMap;
use std::sync::Arc;

use rollcall_core::{Diagnostic, Secret, codes};
use rollcall_edges::clock::Clock;
use rollcall_net::{
    AddressPolicy, Credential, Disturbed, Flow, Login, Logins, NetError, OAuth, Online, Options, Origin,
    Pause, Proof, Recorder, Retrying, Schedule, Scrubber, SignedIn, SystemPause, Trust, Way, Wire,
};

use crate::grants::{FilledLogin, FilledProof, FilledWay, Servers, TokenRequest, origin};
use crate::host::http::HttpGranted;
use crate::host::ldap::LdapGranted;
use crate::limits::Limits;
use crate::package::Package;
use crate::recording::{Recorded, Recording};
use crate::sandbox::ConnectSpec;

/// How much more than a response may have the wire lets through, in bytes: the guest's side counts exactly and names
/// the limit to raise, the wire only keeps memory bounded.
pub(crate) const SLACK_BYTES: u64 = 8 << 20;

/// What the wires are made of.
pub(crate) struct Parts<'a> {
    pub(crate) spec: &'a ConnectSpec,
    pub(crate) package: &'a Package,
    pub(crate) limits: &'a Limits,
    pub(crate) servers: &'a Servers,
    pub(crate) allow_insecure: bool,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Parts<'_> {
    /// Stacks the wires. A recording that is replayed needs neither network nor credentials.
    pub(crate) fn stack(
        &self,
        recorded: Recorded,
    ) -> Result<(HttpGranted, LdapGranted, Recorded), Vec<Diagnostic>> {
        let wants_http = !self.package.manifest().grant.http.is_empty();
        let mut granted = HttpGranted {
            wire: None,
            grants: self.servers.http.clone(),
            logins: self.servers.logins.iter().map(|login| login.name.clone()).collect(),
            login_headers: Default::default(),
        };
        if let Recorded::Replay(replay) = &recorded {
            let answers = replay.clone() as Arc<dyn Wire>;
            granted.wire = wants_http.then(|| match &self.spec.trial {
                Some(_) => self.retrying(answers),
                None => answers,
            });
            let ldap = self.ldap_granted(Some(self.disturbed(Arc::new(replay.clone()))));
            return Ok((granted, ldap, recorded));
        }
        let (signed_in, scrubber) = if wants_http { self.online()? } else { (None, Scrubber::default()) };
        let searches = self.searches(&scrubber)?;
        let recorded = self.recording(scrubber)?;
        let ldap = self.ldap_granted(searches.map(|online| self.disturbed(recorded.around(online))));
        granted.wire = match (signed_in, &recorded) {
            (Some(wire), Recorded::Record(recording)) => {
                Some(Arc::new(Recorder::new(wire, recording.clone())))
            }
            (Some(wire), _) => Some(Arc::new(wire)),
            (None, _) => None,
        };
        Ok((granted, ldap, recorded))
    }

    #[expect(clippy::type_complexity, reason = "the pair is taken apart at once")]
    fn online(&self) -> Result<(Option<SignedIn<Arc<dyn Wire>>>, Scrubber), Vec<Diagnostic>> {
        let options = Options {
            addresses: AddressPolicy::granting(&self.spec.grant_addresses)?,
            trust: self.spec.ca_file.clone().map_or(Trust::Machine, Trust::WithFile),
            proxy: self.spec.proxy.clone(),
            allow_insecure: self.allow_insecure,
            response_bytes: self.limits.response_bytes.saturating_add(SLACK_BYTES),
            ..Options::default()
        };
        let retrying = self.retrying(Arc::new(Online::new(options).map_err(told)?));
        let logins = Logins::new(self.logins()?, retrying.clone(), self.clock.clone()).map_err(told)?;
        let scrubber = logins.scrubber();
        Ok((Some(SignedIn::new(retrying, Arc::new(logins))), scrubber))
    }

    /// Puts retries around a wire, and beneath them what a trial lets go wrong.
    fn retrying(&self, wire: Arc<dyn Wire>) -> Arc<dyn Wire> {
        let seed = u64::try_from(self.clock.now().0).unwrap_or_default();
        // Waiting must end before the call does: "come later" says more than "took too long".
        let all_waits = Schedule::default().all_waits.min(self.limits.call_wall.mul_f64(0.8));
        let schedule = Schedule { seed, all_waits, ..Schedule::default() };
        let (wire, pause): (Arc<dyn Wire>, Arc<dyn Pause>) = match &self.spec.trial {
            Some(trial) => (Arc::new(Disturbed::new(wire, trial.faults.clone())), trial.faults.clone()),
            None => (wire, Arc::new(SystemPause)),
        };
        Arc::new(Retrying::new(wire, schedule, self.clock.clone(), pause))
    }

    fn logins(&self) -> Result<BTreeMap<String, Login>, Vec<Diagnostic>> {
        let mut logins = BTreeMap::new();
        let mut wrong: Vec<Diagnostic> = Vec::new();
        for login in &self.servers.logins {
            match self.login(login) {
                Ok(filled) => {
                    logins.insert(login.name.clone(), filled);
                }
                // Several logins may use one credential, which is missing once.
                Err(diagnostic) if wrong.contains(&diagnostic) => {}
                Err(diagnostic) => wrong.push(diagnostic),
            }
        }
        if wrong.is_empty() { Ok(logins) } else { Err(wrong) }
    }

    fn login(&self, login: &FilledLogin) -> Result<Login, Diagnostic> {
        let origins: Result<Vec<Origin>, Diagnostic> = login.origins.iter().map(origin).collect();
        Ok(Login { origins: origins?, way: way(&login.way, self.spec)? })
    }

    /// Begins a recording, where one is wanted.
    fn recording(&self, scrubber: Scrubber) -> Result<Recorded, Vec<Diagnostic>> {
        let Recording::Record { path, at } = &self.spec.recording else {
            return Ok(Recorded::None);
        };
        let header = rollcall_net::Header::new(&self.package.manifest().name, at, "");
        let recording = rollcall_net::Recording::create(path, &header, scrubber).map_err(told)?;
        Ok(Recorded::Record(recording))
    }
}

/// Puts the credentials that a way to sign in names into it.
fn way(way: &FilledWay, spec: &ConnectSpec) -> Result<Way, Diagnostic> {
    let secret = |name: &str| credential(spec, name).map(|credential| credential.value);
    let oauth = |TokenRequest { url, scope }: &TokenRequest, flow: Flow| {
        Way::OAuth(OAuth { token_url: url.clone(), scope: scope.clone(), flow })
    };
    Ok(match way {
        FilledWay::Token { scheme, token } => Way::Token { scheme: scheme.clone(), token: secret(token)? },
        FilledWay::Basic { username, password } => {
            Way::Basic { username: secret(username)?, password: secret(password)? }
        }
        FilledWay::ServiceAccount { token, subject, key } => {
            let key = credential(spec, key)?;
            oauth(token, Flow::ServiceAccount { key, subject: subject.clone() })
        }
        FilledWay::Client { token, client_id, proof } => {
            let proof = match proof {
                FilledProof::Secret(name) => Proof::Secret(secret(name)?),
                FilledProof::Certificate { certificate, private_key, algorithm } => Proof::Certificate {
                    certificate: credential(spec, certificate)?,
                    private_key: credential(spec, private_key)?,
                    algorithm: *algorithm,
                },
                FilledProof::Key { private_key, key_id } => {
                    Proof::Key { private_key: credential(spec, private_key)?, key_id: key_id.clone() }
                }
            };
            oauth(token, Flow::ClientCredentials { client_id: client_id.clone(), proof })
        }
    })
}

fn credential(spec: &ConnectSpec, name: &str) -> Result<Credential, Diagnostic> {
    secret(spec, name).map(|value| Credential::new(name, value))
}

pub(crate) fn secret(spec: &ConnectSpec, name: &str) -> Result<Secret, Diagnostic> {
    let found = spec.credentials.iter().find(|(given, _)| &***given == name);
    found.and_then(|(_, secret)| secret.clone()).ok_or_else(|| {
        let message = format!("the credential `{name}` gives nothing");
        Diagnostic::error(codes::CREDENTIAL_MISSING, message).path(&["directory", "credentials", name])
    })
}

/// Checks the form of the credentials that are resolved (a certificate with its key, the key of a service account).
///
/// # Errors
///
/// Gives one diagnostic for each mistake; none repeats what a credential holds.
pub(crate) fn check_credentials(servers: &Servers, spec: &ConnectSpec) -> Result<(), Vec<Diagnostic>> {
    let mut wrong: Vec<Diagnostic> = Vec::new();
    for login in &servers.logins {
        // One that is not resolved is nothing to look at yet.
        let Ok(way) = way(&login.way, spec) else { continue };
        for found in way.check().err().into_iter().flat_map(told) {
            if !wrong.contains(&found) {
                wrong.push(found);
            }
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

/// Gives an error of making a wire as a diagnostic.
pub(crate) fn told(error: NetError) -> Vec<Diagnostic> {
    match error {
        NetError::Refused(why) | NetError::Recording(why) | NetError::Invalid(why) => vec![*why],
        other => vec![Diagnostic::error(codes::CONNECTOR_FAILED, other.to_string())],
    }
}
