//! What a kept plan needs of a job: its digests, the phone system and the state; the directory is not asked again.

use std::collections::BTreeMap;

use rollcall_core::{Text, codes};
use rollcall_engine::Writer;
use rollcall_engine::execute::Render;
use rollcall_engine::kept::Held;
use rollcall_engine::scope::{Digests, decided_by, digests};
use rollcall_job::job::PhoneSystem;
use rollcall_state::{MirrorFile, Store};

use super::{Intent, Session};
use crate::exit;
use crate::failure::Failure;
use crate::offices;

/// The phone system and the state, reached.
pub(crate) struct KeptEnds {
    pub(crate) office: offices::Reached,
    store: Store,
    mirror: MirrorFile,
}

impl Session {
    /// Gives a digest of each thing that decides a plan, by its name for people.
    pub(crate) fn decided_by(&self) -> Result<BTreeMap<Text, Text>, Failure> {
        let mut templates = Vec::new();
        if let PhoneSystem::IpOffice(real) = &self.job.phone_system {
            for path in &real.templates {
                let content = std::fs::read(path).map_err(|error| {
                    let message = format!("the template file `{}` cannot be read: {error}", path.display());
                    Failure::new(exit::INVALID, codes::TEMPLATE_INVALID, message)
                })?;
                templates.push((Text::from(path.to_string_lossy()), content));
            }
        }
        Ok(decided_by(&self.job, &self.digests(), &templates))
    }

    /// Tells whether the job has an embedded office that does not exist.
    pub(crate) fn office_is_missing(&self) -> bool {
        matches!(&self.job.phone_system, PhoneSystem::Embedded { path } if !path.exists())
    }

    /// Gets the phone system and the state ready.
    pub(crate) async fn kept_ends(&self, store: Store) -> Result<KeptEnds, Failure> {
        let office = self.office(Intent::Write).await?;
        let mirror = store.mirror(&self.job.name, "run")?;
        Ok(KeptEnds { office, store, mirror })
    }

    fn digests(&self) -> Digests {
        digests(&self.job, self.connectors.iter().map(|one| one.digest.as_str()), &self.rule_files)
    }
}

impl KeptEnds {
    /// Gives the engine what it writes with, and what it holds the plan against.
    pub(crate) fn parts<'a>(
        &'a mut self,
        session: &'a Session,
        decided_by: &'a BTreeMap<Text, Text>,
        max_age_ms: u64,
        render: Render<'a>,
    ) -> (Writer<'a>, Held<'a>) {
        let writer = Writer {
            job: &session.job,
            office: self.office.office(),
            state: &self.store,
            clock: &*session.clock,
            observer: &*session.progress,
            cancel: &session.cancel,
            codes: session.handover.codes(),
            render,
        };
        let held = Held {
            decided_by,
            digests: session.digests(),
            office_is_new: self.office.is_new(),
            mirror: &mut self.mirror,
            max_age_ms,
        };
        (writer, held)
    }
}
