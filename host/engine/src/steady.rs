//! A plan is a pure function of what was read, what is remembered and what the job decides. Where all of that is as it was
//! at the last run, and that one found nothing to do, neither does this one: nothing is mapped and no plan is made.
//!
//! What changes a plan without any of these is time, by a leaver's grace alone; then there is no short way.

use rollcall_core::phone::{Abilities, Standing};
use rollcall_core::plan::{Plan, Reading};
use rollcall_core::{Place, Severity, Text};
use rollcall_edges::mirror::Mirror;
use rollcall_edges::state::{Identities, State, Steady};
use rollcall_job::job::Job;
use sha2::{Digest as _, Sha256};

use crate::error::RunError;
use crate::recall::Moment;
use crate::scope::add;

/// What decides a plan besides the phone system.
pub(crate) struct Ground<'a> {
    pub(crate) job: &'a Job,
    pub(crate) state: &'a dyn State,
    pub(crate) directories: &'a Identities,
    pub(crate) office: &'a str,
    pub(crate) abilities: &'a Abilities,
    pub(crate) moment: &'a Moment,
    pub(crate) scheduled: bool,
}

impl Ground<'_> {
    /// Takes a digest of what decides a plan for everybody alike: this program, the job with its rules and connectors, and
    /// which directories and phone system it is for, with what that takes.
    pub(crate) fn fixed(&self) -> Sha256 {
        let mut digest = Sha256::new();
        // Another rollcall may plan otherwise.
        for part in [env!("CARGO_PKG_VERSION"), &self.job.name, self.office] {
            add(&mut digest, part.as_bytes());
        }
        add(&mut digest, format!("{:?}", self.abilities).as_bytes());
        for (name, text) in self.job.spans.files() {
            add(&mut digest, name.as_bytes());
            add(&mut digest, text.as_bytes());
        }
        for (name, part) in &self.moment.digests {
            add(&mut digest, name.as_bytes());
            add(&mut digest, part);
        }
        for (name, identity) in self.directories {
            add(&mut digest, name.as_bytes());
            add(&mut digest, identity.as_bytes());
        }
        digest
    }

    /// Takes a digest of everything that a plan comes from, but for the phone system. `None`: time alone may change the plan.
    pub(crate) async fn digest(&self, mirror: &mut dyn Mirror) -> Result<Option<Sha256>, RunError> {
        let jumped = self.moment.jump_ms != 0 || self.moment.office_jump_ms != 0;
        let remembered = self.state.version(&self.job.name, self.office).await?.filter(|_| !jumped);
        let Some(remembered) = remembered else { return Ok(None) };
        let mut digest = self.fixed();
        add(&mut digest, &[u8::from(self.scheduled)]);
        add(&mut digest, remembered.as_bytes());
        for name in self.directories.keys() {
            let Some(version) = mirror.version(name).await? else { return Ok(None) };
            add(&mut digest, version.as_bytes());
        }
        Ok(Some(digest))
    }
}

/// Takes a digest of a phone system that only a read can tell apart.
pub(crate) fn stands(standing: &Standing) -> Text {
    let mut digest = Sha256::new();
    for user in standing.users.values() {
        digest.update(user.guid.as_bytes());
        digest.update(user.fingerprint);
    }
    let Standing { systems, extensions, groups, user_templates, extension_templates, licences, .. } =
        standing;
    let rest = (systems, extensions, groups, user_templates, extension_templates, licences);
    digest.update(format!("{rest:?}").as_bytes());
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

/// Gives the digest together with the phone system's.
pub(crate) fn with(digest: Sha256, stands: &str) -> Vec<u8> {
    digest.chain_update(stands.as_bytes()).finalize().to_vec()
}

/// Gives the plan of a run that has nothing to do, like the last one.
pub(crate) fn again(steady: &Steady) -> Plan {
    Plan {
        owned: steady.owned,
        complete: true,
        reading: Reading { complete: true, users: steady.users.clone() },
        unlisted: steady.unchanged,
        diagnostics: steady.diagnostics.clone(),
        ..Plan::default()
    }
}

/// Gives what to note of a plan: that there is nothing to do, and nothing to wait for or to mend. A plan without creates and
/// skips allocates nothing and keeps nothing back, so that the end of a quarantine changes nothing of it. What stands in the
/// text of a rule is told by a plan alone.
pub(crate) fn note(plan: &Plan, inputs: Vec<u8>) -> Option<Steady> {
    let quiet = plan.complete
        && plan.changes.is_empty()
        && plan.pending.is_empty()
        && plan.missing.is_empty()
        && plan.vanished == 0
        && plan.diagnostics.iter().all(|found| found.severity != Severity::Error)
        && plan.diagnostics.iter().all(|found| !matches!(found.place, Place::Span { .. }));
    quiet.then(|| Steady {
        inputs,
        users: plan.reading.users.clone(),
        owned: plan.owned,
        unchanged: plan.unchanged_users(),
        diagnostics: plan.diagnostics.clone(),
    })
}
