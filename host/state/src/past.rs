//! The history, read: runs, what each did, and everything that ever concerned one user.

use std::collections::BTreeMap;

use rollcall_core::plan::Action;
use rollcall_core::text::{count, fold};
use rollcall_core::{RecordId, Text};
use rollcall_edges::clock::Instant;
use rollcall_edges::state::StateError;
use rollcall_sqlite::{Row, params};
use serde_json::{Value, json};

use crate::lease;
use crate::rows::record_id;
use crate::runs::SUPERSEDED;
use crate::shapes::DRAWN;
use crate::sql::{self, Worked};
use crate::store::Store;

/// How many runs are named where a beginning fits several.
const CANDIDATES_MAX: u32 = 10;

/// Which runs are asked for.
#[derive(Clone, Debug, Default)]
pub struct RunFilter<'a> {
    /// Only this job's, by its present or a former name.
    pub job: Option<&'a str>,
    /// Only those that began at this time or later.
    pub since: Option<Instant>,
    /// Only those that began before this time.
    pub until: Option<Instant>,
    /// Only those that ended with this code.
    pub exit: Option<i32>,
    /// At most so many.
    pub limit: Option<u32>,
}

impl RunFilter<'_> {
    /// Tells whether it lets every run pass.
    pub fn is_open(&self) -> bool {
        self.job.is_none() && self.since.is_none() && self.until.is_none() && self.exit.is_none()
    }
}

/// How far a run came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// It came to its end.
    Ended,
    /// It is going on, in this process.
    Running(String),
    /// It stopped on its way, and can be resumed.
    Resumable,
    /// It stopped on its way, and a later run looked after what it left.
    Recovered,
    /// It stopped on its way, and later runs of its job went on without it.
    Interrupted,
}

impl RunState {
    /// The word in JSON and on screen.
    pub fn word(&self) -> &'static str {
        match self {
            RunState::Ended => "ended",
            RunState::Running(_) => "running",
            RunState::Resumable => "resumable",
            RunState::Recovered => "recovered",
            RunState::Interrupted => "interrupted",
        }
    }
}

/// A run of the history.
#[derive(Clone, Debug)]
pub struct PastRun {
    /// Its id.
    pub id: Text,
    /// Its job's present name.
    pub job: Text,
    /// The name that the job had then, where that was another one.
    pub named: Option<Text>,
    /// `sync`, `undo`, …
    pub kind: Text,
    /// When it began.
    pub started: Instant,
    /// When it ended.
    pub ended: Option<Instant>,
    /// Its exit code, once it has ended.
    pub exit: Option<i32>,
    /// How far it came.
    pub state: RunState,
    /// The guards that it was allowed to pass, as JSON.
    pub accepted: String,
    /// The contract's summary, as JSON; `null` where there is none.
    pub summary: String,
    /// How long its steps took, as JSON; `null` where that is not known.
    pub durations: String,
}

/// A change of a run of the history.
#[derive(Clone, Debug)]
pub struct PastChange {
    /// Its run.
    pub run: Text,
    /// Its place in the run's plan.
    pub idx: i64,
    /// `create`, `update`, …
    pub action: Text,
    /// Whose record it was.
    pub id: RecordId,
    /// The user identification.
    pub key: Text,
    /// The change as the plan had it, in the state's own form; see [`PastChange::text`] and [`PastChange::fields`].
    body: Value,
    /// `planned`, `applied`, `failed`, `unknown`.
    pub outcome: Text,
    /// Why it did not go through.
    pub why: Option<Text>,
    /// When it was settled, else when its run began.
    pub at: Instant,
}

impl PastChange {
    /// Gives a text of the change: `name`, `extension`, `system`, `rule`, `reason`.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str)
    }

    /// Gives how an adopted user was matched.
    pub fn matched_by(&self) -> Option<&str> {
        self.body.get("adoption")?.get("by")?.as_str().filter(|_| &*self.action == Action::Adopt.word())
    }

    /// Gives the changed fields; codes are hidden.
    pub fn fields(&self) -> Vec<PastField<'_>> {
        let list = self.body.get("fields").and_then(Value::as_array).into_iter().flatten();
        list.filter_map(|field| {
            let side = |name: &str| field.get(name).map_or(Value::Null, shown);
            Some(PastField {
                name: field.get("field")?.as_str()?,
                from: side("from"),
                to: side("to"),
                by_hand: field.get("drift").and_then(Value::as_bool) == Some(true),
            })
        })
        .collect()
    }
}

/// A field of a change.
#[derive(Clone, Debug, PartialEq)]
pub struct PastField<'c> {
    /// Its key.
    pub name: &'c str,
    /// What it was.
    pub from: Value,
    /// What it becomes.
    pub to: Value,
    /// Whether what stood was changed by hand on the phone system.
    pub by_hand: bool,
}

/// Gives a held value as people may see it.
fn shown(held: &Value) -> Value {
    match held.as_object().and_then(|one| one.iter().next()) {
        None => Value::Null,
        Some((kind, value)) if kind == "t" || kind == "l" => value.clone(),
        Some(_) => json!("(sensitive)"),
    }
}

/// An operation of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastOperation {
    /// Its place in the run.
    pub seq: i64,
    /// The place of its change in the plan.
    pub change: i64,
    /// `create_user`, `update_user`, …
    pub what: Text,
    /// Whether it was sent, or was about to be.
    pub sent: bool,
    /// `applied`, `failed`, `unknown`; `None`: it was never settled.
    pub settled: Option<Text>,
    /// Whether the journal has codes of it that were not handed over yet.
    pub codes: bool,
    /// Why it was not applied.
    pub why: Option<Text>,
    /// When it was settled.
    pub at: Option<Instant>,
}

/// A run that has made users, or may have, whose codes wait to be handed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodesWaiting {
    /// The run.
    pub run: Text,
    /// Its job.
    pub job: Text,
    /// The users, by name.
    pub users: Vec<Text>,
}

impl CodesWaiting {
    /// Says what waits, and for what.
    pub fn told(&self) -> [String; 2] {
        let names: Vec<String> = self.users.iter().map(|name| format!("`{name}`")).collect();
        let message = format!(
            "the run {} of `{}` has the codes of {} to hand over: {}",
            self.run,
            self.job,
            count(names.len(), "new user"),
            names.join(", ")
        );
        let hint = format!(
            "see that `[handover]` works; the job's next sync, or `rollcall resume {}`, hands them over before anything else",
            self.run
        );
        [message, hint]
    }
}

/// Somebody whom the state knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The job's name.
    pub job: Text,
    /// Whose record it is.
    pub id: RecordId,
    /// The user identification that was seen last.
    pub key: Text,
    /// The Name that was seen last.
    pub name: Option<Text>,
    /// Whether the job owns a phone user for it now.
    pub linked: bool,
}

impl Store {
    /// Lists runs, the latest first.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn past_runs(&self, filter: &RunFilter<'_>) -> Result<Vec<PastRun>, StateError> {
        let select = runs_where(
            "WHERE (?1 IS NULL OR job = ?1 OR named = ?1) AND (?2 IS NULL OR started >= ?2) \
             AND (?3 IS NULL OR exit = ?3) AND (?5 IS NULL OR started < ?5) ORDER BY started DESC, rowid DESC LIMIT ?4",
        );
        let (since, until) = (filter.since.map(|since| since.0), filter.until.map(|until| until.0));
        let limit = filter.limit.map_or(-1, i64::from);
        self.read(|state| {
            let params = params![filter.job, since, filter.exit, limit, until];
            sql::all(state, &select, params, |row| self.past_run(row))
        })
    }

    /// Gives the runs whose ids begin so: one where it is unambiguous, else the latest few.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn runs_beginning(&self, id: &str) -> Result<Vec<PastRun>, StateError> {
        if id.is_empty() {
            return Ok(Vec::new());
        }
        let select =
            runs_where("WHERE substr(id, 1, length(?1)) = ?1 ORDER BY started DESC, rowid DESC LIMIT ?2");
        self.read(|state| sql::all(state, &select, params![id, CANDIDATES_MAX], |row| self.past_run(row)))
    }

    /// Gives the JSON that a run was reported with.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn document(&self, run: &str) -> Result<String, StateError> {
        let select = "SELECT document FROM run WHERE id = ?1";
        let found = self.read(|state| sql::first(state, select, [run], |row| Ok(row.get(0)?)))?;
        Ok(found.unwrap_or_default())
    }

    /// Gives the changes of a run in the order of its plan.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn past_changes(&self, run: &str) -> Result<Vec<PastChange>, StateError> {
        let select = format!("{CHANGE} WHERE run = ?1 ORDER BY idx");
        self.read(|state| sql::all(state, &select, [run], past_change))
    }

    /// Gives the changes that ever concerned one user of a job, the latest first.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn past_of(&self, job: &str, id: &RecordId) -> Result<Vec<PastChange>, StateError> {
        let select = format!(
            "{CHANGE} WHERE run.job = ?1 AND directory = ?2 AND native = ?3 ORDER BY started DESC, run.rowid DESC, idx"
        );
        self.read(|state| sql::all(state, &select, [job, &*id.directory, &*id.native], past_change))
    }

    /// Gives the operations of a run in order.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn past_operations(&self, run: &str) -> Result<Vec<PastOperation>, StateError> {
        let select = "SELECT seq, change, json_extract(write, '$.op'), settled, why, at, sent IS NOT NULL, instr(write, ?2) > 0 \
                      FROM op WHERE run = ?1 ORDER BY seq";
        self.read(|state| {
            sql::all(state, select, [run, DRAWN], |row| {
                Ok(PastOperation {
                    seq: row.get(0)?,
                    change: row.get(1)?,
                    what: row.get::<_, Option<Text>>(2)?.unwrap_or_default(),
                    settled: row.get(3)?,
                    why: row.get(4)?,
                    at: row.get::<_, Option<i64>>(5)?.map(Instant),
                    sent: row.get(6)?,
                    codes: row.get(7)?,
                })
            })
        })
    }

    /// Gives the runs whose users were made and not handed over yet, the oldest first. `job`: only that job's.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn codes_waiting(&self, job: Option<&str>) -> Result<Vec<CodesWaiting>, StateError> {
        let select = "SELECT run.id, run.job, COALESCE(json_extract(change.body, '$.name'), op.key) FROM op JOIN run ON run.id = op.run \
                      LEFT JOIN change ON change.run = op.run AND change.idx = op.change \
                      WHERE op.sent IS NOT NULL AND op.settled IS NULL AND instr(op.write, ?2) > 0 AND (?1 IS NULL OR run.job = ?1) \
                      ORDER BY run.started, run.rowid, op.seq";
        let waiting = self.read(|state| {
            sql::all(state, select, params![job, DRAWN], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        })?;
        let mut found: Vec<CodesWaiting> = Vec::new();
        for (run, job, name) in waiting {
            match found.last_mut().filter(|last| last.run == run) {
                Some(last) => last.users.push(name),
                None => found.push(CodesWaiting { run, job, users: vec![name] }),
            }
        }
        // Of a run that goes on it is on its way.
        found.retain(|waits| lease::holder(&self.folder.join("locks"), "job", &waits.job).is_none());
        Ok(found)
    }

    /// Finds people whom the state knows, by immutable id, user identification, name, extension or e-mail, also those
    /// whose phone user is gone. `job`: only that job's.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn people(&self, job: Option<&str>, wanted: &str) -> Result<Vec<Person>, StateError> {
        let wanted = fold(wanted.trim());
        let mut found: BTreeMap<(Text, RecordId), Person> = BTreeMap::new();
        let mut fits: Vec<(Text, RecordId)> = Vec::new();
        let select = "SELECT run.job, directory, native, key, body FROM change JOIN run ON run.id = change.run \
                      WHERE (?1 IS NULL OR run.job = ?1) AND native <> '' ORDER BY started, run.rowid";
        let links = "SELECT job, directory, native, key, written FROM link WHERE ?1 IS NULL OR job = ?1";
        for (select, linked) in [(select, false), (links, true)] {
            let look = |row: &Row<'_>| {
                let one = named(row)?;
                let (job, id): (Text, RecordId) = (row.get(0)?, record_id(row, 1)?);
                let texts = [Some(&id.native), Some(&one.key)].into_iter().flatten().map(|text| &**text);
                if texts.chain(one.others.iter().map(String::as_str)).any(|text| fold(text) == wanted) {
                    fits.push((job.clone(), id.clone()));
                }
                let person = found.entry((job.clone(), id.clone())).or_insert_with(|| Person {
                    job,
                    id,
                    key: one.key.clone(),
                    name: None,
                    linked: false,
                });
                person.key = one.key;
                person.name = one.name.or(person.name.take());
                person.linked = linked;
                Ok(())
            };
            self.read(|state| sql::all(state, select, [job], look))?;
        }
        fits.sort();
        fits.dedup();
        Ok(fits.into_iter().filter_map(|place| found.remove(&place)).collect())
    }

    fn past_run(&self, row: &Row<'_>) -> Worked<PastRun> {
        let job: Text = row.get(1)?;
        let ended = row.get::<_, Option<i64>>(5)?.map(Instant);
        let (recovered, later, known): (bool, bool, bool) = (row.get(7)?, row.get(8)?, row.get(12)?);
        let holder = || lease::holder(&self.folder.join("locks"), "job", &job);
        let state = match (ended, later) {
            // What a run knew of the phone system is forgotten once it has ended well.
            (Some(_), false) if known => RunState::Resumable,
            (Some(_), _) => RunState::Ended,
            (None, true) if recovered => RunState::Recovered,
            (None, true) => RunState::Interrupted,
            (None, false) => holder().map_or(RunState::Resumable, RunState::Running),
        };
        Ok(PastRun {
            id: row.get(0)?,
            job,
            named: row.get(2)?,
            kind: row.get(3)?,
            started: Instant(row.get(4)?),
            ended,
            exit: row.get::<_, Option<i64>>(6)?.and_then(|exit| i32::try_from(exit).ok()),
            state,
            accepted: row.get(9)?,
            summary: row.get(10)?,
            durations: row.get(11)?,
        })
    }
}

/// What [`Store::past_run`] reads, in order, of the runs that `rest` asks for.
fn runs_where(rest: &str) -> String {
    format!(
        "SELECT id, job, named, kind, started, ended, exit, recovered IS NOT NULL, {SUPERSEDED}, accept, \
         COALESCE(json_extract(document, '$.summary'), 'null'), COALESCE(json_extract(document, '$.durations_ms'), 'null'), \
         known IS NOT NULL FROM run {rest}"
    )
}

/// What [`past_change`] reads, in order.
const CHANGE: &str = "SELECT run, idx, action, directory, native, key, body, outcome, why, COALESCE(at, started) \
    FROM change JOIN run ON run.id = change.run";

fn past_change(row: &Row<'_>) -> Worked<PastChange> {
    Ok(PastChange {
        run: row.get(0)?,
        idx: row.get(1)?,
        action: row.get(2)?,
        id: record_id(row, 3)?,
        key: row.get(5)?,
        body: serde_json::from_str(row.get_ref(6)?.as_str()?).unwrap_or_default(),
        outcome: row.get(7)?,
        why: row.get_ref(8)?.as_str_or_null()?.map(|why| sentences(why).into()),
        at: Instant(row.get(9)?),
    })
}

/// Gives the messages of diagnostics as they are kept; what is none of them is given back.
fn sentences(kept: &str) -> String {
    let Ok(Value::Array(list)) = serde_json::from_str::<Value>(kept) else { return kept.to_owned() };
    let messages = list.iter().filter_map(|one| one.get("message").and_then(Value::as_str));
    messages.collect::<Vec<_>>().join("; ")
}

/// What a row says of a person.
struct Named {
    key: Text,
    name: Option<Text>,
    others: Vec<String>,
}

/// Reads key and the naming values from a change's body or from what a link last wrote.
fn named(row: &Row<'_>) -> Worked<Named> {
    let body: Value = serde_json::from_str(row.get_ref(4)?.as_str()?).unwrap_or_default();
    let mut others = Vec::new();
    let mut name = body.get("name").and_then(Value::as_str).map(Text::from);
    others.extend(body.get("extension").and_then(Value::as_str).map(str::to_owned));
    let fields = body.get("fields").and_then(Value::as_array).into_iter().flatten().flat_map(|field| {
        let key = field.get("field").and_then(Value::as_str).unwrap_or_default().to_owned();
        ["from", "to"].map(|side| (key.clone(), field.get(side).map_or(Value::Null, shown)))
    });
    let written = body.as_object().into_iter().flatten().map(|(key, held)| (key.clone(), shown(held)));
    for (key, value) in fields.chain(written) {
        let Some(text) = value.as_str() else { continue };
        match key.as_str() {
            "name" => {
                name = name.or_else(|| Some(text.into()));
                others.push(text.to_owned());
            }
            "full_name" | "email" | "extension" => others.push(text.to_owned()),
            _ => {}
        }
    }
    others.extend(name.as_deref().map(str::to_owned));
    Ok(Named { key: row.get(3)?, name, others })
}
