//! The LDAP half of the network: the searches of `rollcall-net`, for one connector.

use std::collections::BTreeMap;
use std::sync::Arc;

use rollcall_core::{Diagnostic, codes};
use rollcall_net::{
    AddressPolicy, Disturbed, LdapLogin, LdapOnline, LdapOptions, LdapRecorder, LdapWire, Scrubber,
};

use crate::grants_ldap::FilledLdap;
use crate::host::ldap::LdapGranted;
use crate::network::{Parts, SLACK_BYTES, secret, told};
use crate::recording::Recorded;

impl Parts<'_> {
    /// Gives what a connector may search through, where its manifest asks for a directory.
    pub(crate) fn ldap_granted(&self, wire: Option<Arc<dyn LdapWire>>) -> LdapGranted {
        let asked = &self.package.manifest().grant.ldap;
        LdapGranted {
            wire: wire.filter(|_| !asked.is_empty()),
            logins: asked.iter().map(|grant| grant.login.clone()).collect(),
        }
    }

    /// Puts what a trial lets go wrong around searches.
    pub(crate) fn disturbed(&self, wire: Arc<dyn LdapWire>) -> Arc<dyn LdapWire> {
        match &self.spec.trial {
            Some(trial) => Arc::new(Disturbed::new(wire, trial.faults.clone())),
            None => wire,
        }
    }

    /// Prepares the way to the servers of the logins; none where there is none.
    pub(crate) fn searches(&self, scrubber: &Scrubber) -> Result<Option<LdapOnline>, Vec<Diagnostic>> {
        if self.servers.ldap.is_empty() {
            return Ok(None);
        }
        if self.spec.proxy.is_some() {
            let message = "an LDAP server is not reached through a proxy";
            return Err(vec![
                Diagnostic::error(codes::JOB_BAD_VALUE, message)
                    .path(&["directory", "network", "proxy"])
                    .hint("take `proxy` out"),
            ]);
        }
        let mut logins = BTreeMap::new();
        for login in &self.servers.ldap {
            logins.insert(login.name.clone(), self.ldap_bind(login).map_err(|why| vec![why])?);
        }
        let options = LdapOptions {
            addresses: AddressPolicy::granting(&self.spec.grant_addresses)?,
            allow_insecure: self.allow_insecure,
            page_bytes: self.limits.response_bytes.saturating_add(SLACK_BYTES),
            ..LdapOptions::default()
        };
        LdapOnline::new(logins, options, scrubber).map(Some).map_err(told)
    }

    fn ldap_bind(&self, login: &FilledLdap) -> Result<LdapLogin, Diagnostic> {
        let bind = match &login.bind {
            None => None,
            Some((name, credential)) => Some((name.as_str().into(), secret(self.spec, credential)?)),
        };
        Ok(LdapLogin {
            server: login.server.clone(),
            start_tls: login.start_tls,
            bind,
            trust: login.trust.clone(),
            skip_referrals: login.skip_referrals,
        })
    }
}

impl Recorded {
    /// Puts the recording that is made around searches.
    pub(crate) fn around(&self, online: LdapOnline) -> Arc<dyn LdapWire> {
        match self {
            Self::Record(recording) => Arc::new(LdapRecorder::new(online, recording.clone())),
            _ => Arc::new(online),
        }
    }
}
