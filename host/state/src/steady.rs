//! Runs that had nothing to do, and whether anything that they remembered has changed since.

use std::collections::BTreeMap;

use rollcall_core::{Diagnostic, Place, Text};
use rollcall_edges::state::{StateError, Steady};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;

use crate::changes::HeldDiagnostic;
use crate::shapes::{json, parse};
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
    pub(crate) async fn read_version(&self, job: &str, office: &str) -> Result<Option<Text>, StateError> {
        let select = "SELECT hex(value), EXISTS (SELECT 1 FROM link WHERE job = $1 AND missing_since IS NOT NULL) \
                      OR EXISTS (SELECT 1 FROM op JOIN run ON run.id = op.run WHERE run.office = $2 AND \
                      (settled = 'unknown' OR (sent IS NOT NULL AND settled IS NULL))) FROM stamp";
        let query = sqlx::query(select).bind(job).bind(office).fetch_one(&self.pool).await;
        let row = query.map_err(|error| self.broken(&error))?;
        Ok((!row.get::<bool, _>(1)).then(|| row.get::<String, _>(0).into()))
    }

    pub(crate) async fn read_steady(&self, job: &str) -> Result<Option<Steady>, StateError> {
        let select = "SELECT inputs, body FROM steady WHERE job = $1";
        let row = sqlx::query(select).bind(job).fetch_optional(&self.pool).await;
        let Some(row) = row.map_err(|error| self.broken(&error))? else { return Ok(None) };
        let held: Held = parse(row.get(1))?;
        Ok(Some(Steady {
            inputs: row.get(0),
            users: held.users,
            owned: held.owned,
            unchanged: held.unchanged,
            diagnostics: held.diagnostics.into_iter().map(Told::back).collect::<Result<_, _>>()?,
        }))
    }

    pub(crate) async fn write_steady(&self, job: &str, steady: Option<&Steady>) -> Result<(), StateError> {
        let query = match steady {
            None => sqlx::query("DELETE FROM steady WHERE job = $1").bind(job),
            Some(steady) => {
                let body = json(&Held {
                    users: steady.users.clone(),
                    owned: steady.owned,
                    unchanged: steady.unchanged,
                    diagnostics: steady.diagnostics.iter().map(Told::of).collect(),
                })?;
                let put = "INSERT INTO steady (job, inputs, body) VALUES ($1, $2, $3) ON CONFLICT (job) DO UPDATE SET \
                           inputs = excluded.inputs, body = excluded.body";
                sqlx::query(put).bind(job).bind(&steady.inputs).bind(body)
            }
        };
        query.execute(&self.pool).await.map(drop).map_err(|error| self.broken(&error))
    }
}
