//! Runs that had nothing to do, and whether anything that they remembered has changed since.

use std::collections::BTreeMap;

use rollcall_core::{Diagnostic, Place, Text};
use rollcall_edges::state::{StateError, Steady};
use rollcall_sqlite::params;
use serde::{Deserialize, Serialize};

use crate::changes::HeldDiagnostic;
use crate::shapes::{json, parse};
use crate::sql;
use crate::store::Store;

/// How such a run stands in its row.
#[derive(Serialize, Deserialize)]
struct Held {
    users: BTreeMap<Text, usize>,
    owned: usize,
    unchanged: usize,
    diagnostics: Vec<Told>,
}

/// What there was to say, with the path of the key that it is about.
#[derive(Serialize, Deserialize)]
struct Told {
    path: Option<Vec<Text>>,
    what: HeldDiagnostic,
}

impl Told {
    fn of(diagnostic: &Diagnostic) -> Self {
        let path = match &diagnostic.place {
            Place::Path(path) => Some(path.clone()),
            Place::Nowhere | Place::Span { .. } => None,
        };
        Self { path, what: HeldDiagnostic::from(diagnostic) }
    }

    fn back(self) -> Result<Diagnostic, StateError> {
        let diagnostic = self.what.back()?;
        Ok(match self.path {
            Some(path) => diagnostic.at(Place::Path(path)),
            None => diagnostic,
        })
    }
}

impl Store {
    /// The stamp of the whole ledger is drawn anew by triggers, whoever writes.
    pub(crate) fn read_version(&self, job: &str, office: &str) -> Result<Option<Text>, StateError> {
        let select = "SELECT hex(value), EXISTS (SELECT 1 FROM link WHERE job = ?1 AND missing_since IS NOT NULL) \
                      OR EXISTS (SELECT 1 FROM op JOIN run ON run.id = op.run WHERE run.office = ?2 AND \
                      sent IS NOT NULL AND (settled IS NULL OR settled = 'unknown')) FROM stamp";
        let found = self.read(|state| {
            sql::first(state, select, [job, office], |row| {
                Ok((row.get::<_, Text>(0)?, row.get::<_, bool>(1)?))
            })
        })?;
        Ok(found.and_then(|(stamp, moves)| (!moves).then_some(stamp)))
    }

    pub(crate) fn read_steady(&self, job: &str) -> Result<Option<Steady>, StateError> {
        let select = "SELECT inputs, body FROM steady WHERE job = ?1";
        self.read(|state| {
            sql::first(state, select, [job], |row| {
                let held: Held = parse(row.get_ref(1)?.as_str()?)?;
                Ok(Steady {
                    inputs: row.get(0)?,
                    users: held.users,
                    owned: held.owned,
                    unchanged: held.unchanged,
                    diagnostics: held.diagnostics.into_iter().map(Told::back).collect::<Result<_, _>>()?,
                })
            })
        })
    }

    pub(crate) fn write_steady(&self, job: &str, steady: Option<&Steady>) -> Result<(), StateError> {
        let Some(steady) = steady else {
            return self.write(|state| sql::run(state, "DELETE FROM steady WHERE job = ?1", [job]).map(drop));
        };
        let body = json(&Held {
            users: steady.users.clone(),
            owned: steady.owned,
            unchanged: steady.unchanged,
            diagnostics: steady.diagnostics.iter().map(Told::of).collect(),
        })?;
        let put = "INSERT INTO steady (job, inputs, body) VALUES (?1, ?2, ?3) ON CONFLICT (job) DO UPDATE SET \
                   inputs = excluded.inputs, body = excluded.body";
        self.write(|state| sql::run(state, put, params![job, steady.inputs, body]).map(drop))
    }
}
