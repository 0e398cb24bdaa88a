//! Erasing a person from the history, so that no byte of the state's files names them and the audit chain still holds.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rollcall_core::RecordId;
use rollcall_edges::clock::Instant;
use rollcall_edges::state::StateError;
use rollcall_sqlite::{Connection, Row, params};
use serde_json::{Value, json};

use crate::audit::{self, Act};
use crate::care::tables_with;
use crate::files;
use crate::persons::{ERASED, Names, collect, emptied, redacted, unsaid};
use crate::sql::{self, Failed, Worked};
use crate::store::Store;

/// What an erasure came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Erasure {
    /// How many changes lost the person.
    pub changes: u64,
    /// How many operations were deleted.
    pub operations: u64,
    /// How many runs' documents lost the person.
    pub documents: u64,
    /// Backups of before an upgrade, which held the person too and were deleted.
    pub backups: Vec<PathBuf>,
}

impl Store {
    /// Erases a person whom no job's link holds: changes, operations, documents, mirrors, the names in quarantine (a
    /// number stays there without its person) and the audit chain's records. The chain itself stays whole.
    ///
    /// # Errors
    /// Where the person is linked, a run that concerns them is unfinished, or the files cannot be written.
    pub fn erase(&self, jobs: &[&str], id: &RecordId, now: Instant) -> Result<Erasure, StateError> {
        let mut done = self.write(|state| {
            let mut done = Erasure::default();
            for job in jobs {
                free_to_go(state, job, id)?;
                let names = names(state, job, id)?;
                let touched = out_of_rows(state, job, id, &names, &mut done)?;
                // What there was to say at the last run may name them.
                sql::run(state, "DELETE FROM steady WHERE job = ?1", [job])?;
                self.out_of_chain(state, job, id, &touched, now)?;
            }
            Ok(done)
        })?;
        for job in jobs {
            self.forget_mirrors(job)?;
        }
        done.backups = self.forget_backups()?;
        self.scrub()?;
        Ok(done)
    }

    /// Erases the records and salts of the chain that spoke of the person, and says so in the chain.
    fn out_of_chain(
        &self,
        state: &Connection,
        job: &str,
        id: &RecordId,
        touched: &BTreeSet<(String, String)>,
        now: Instant,
    ) -> Worked<()> {
        let mut erased: Vec<(i64, i64)> = Vec::new();
        let place = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        for (run, what) in touched {
            let update = "UPDATE audit_leaf SET salt = NULL, record = NULL WHERE what = ?2 AND salt IS NOT NULL \
                          AND entry IN (SELECT seq FROM audit WHERE run = ?1) RETURNING entry, idx";
            erased.extend(sql::all(state, update, [run, what], place)?);
        }
        let update = "UPDATE audit_leaf SET salt = NULL, record = NULL WHERE what = 'act' AND salt IS NOT NULL \
                      AND (json_extract(record, '$.job') = ?1 OR json_extract(record, '$.job') IN (SELECT named FROM run WHERE job = ?1)) AND json_extract(record, '$.directory') = ?2 \
                      AND json_extract(record, '$.native') = ?3 RETURNING entry, idx";
        erased.extend(sql::all(state, update, [job, &*id.directory, &*id.native], place)?);
        erased.sort_unstable();
        let leaves: Vec<Value> = erased.iter().map(|(entry, idx)| json!([entry, idx])).collect();
        let act = Act::new("erase", now).with("job", job).with("leaves", leaves);
        self.audit_act(state, &act).map(drop)
    }

    /// Deletes a job's mirrors: they are caches, and the next run reads everything.
    fn forget_mirrors(&self, job: &str) -> Result<(), StateError> {
        for path in self.mirror_files(job) {
            std::fs::remove_file(&path).map_err(|error| files::unusable(&path, &error))?;
        }
        Ok(())
    }

    /// Gives the files of a job's mirrors.
    pub(crate) fn mirror_files(&self, job: &str) -> Vec<PathBuf> {
        let start = format!("{}-", crate::lease::short(job));
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.folder.join("mirrors"))
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(&start)))
            .map(|entry| entry.path())
            .collect();
        files.sort();
        files
    }

    /// Deletes the backups of before an upgrade: whoever is erased must not stand in them either.
    fn forget_backups(&self) -> Result<Vec<PathBuf>, StateError> {
        let mut gone = Vec::new();
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with("state.db.v") && name.contains(".bak-"))
            {
                std::fs::remove_file(&path).map_err(|error| files::unusable(&path, &error))?;
                gone.push(path);
            }
        }
        gone.sort();
        Ok(gone)
    }

    /// Writes the database anew and empties its log, so that no free page and no log frame holds what was deleted.
    fn scrub(&self) -> Result<(), StateError> {
        let busy: i64 = self.read(|state| {
            sql::run(state, "VACUUM", [])?;
            sql::value(state, "PRAGMA wal_checkpoint(TRUNCATE)", [])
        })?;
        if busy == 0 {
            return Ok(());
        }
        // The rows are gone; the log is emptied by the next one who closes the file.
        Err(StateError::Unusable {
            message:
                "the person is erased, but another process reads the state, so its log could not be emptied"
                    .into(),
            hint: Some("run `rollcall history erase` once more when nothing else is running".into()),
        })
    }
}

fn free_to_go(state: &Connection, job: &str, id: &RecordId) -> Worked<()> {
    let refuse = |message: String, hint: &str| {
        Err(Failed::State(StateError::Unusable { message, hint: Some(hint.into()) }))
    };
    let person = [job, &*id.directory, &*id.native];
    let linked = "SELECT EXISTS (SELECT 1 FROM link WHERE job = ?1 AND directory = ?2 AND native = ?3)";
    if sql::value(state, linked, person)? {
        return refuse(
            format!("the job `{job}` still owns a phone user for this person"),
            "let the sync delete it, or let it go with `rollcall unlink`, first",
        );
    }
    let open = "SELECT run.id FROM run JOIN change ON change.run = run.id WHERE run.job = ?1 AND directory = ?2 AND native = ?3 \
                AND recovered IS NULL AND (ended IS NULL OR EXISTS (SELECT 1 FROM op WHERE op.run = run.id AND op.change = change.idx \
                AND sent IS NOT NULL AND (settled IS NULL OR settled = 'unknown'))) LIMIT 1";
    match sql::first(state, open, person, |row| Ok(row.get::<_, String>(0)?))? {
        None => Ok(()),
        Some(run) => refuse(
            format!("the run {run} concerns this person and is not finished"),
            "`rollcall resume RUN` or the next sync ends it",
        ),
    }
}

/// Gathers every text by which rows may name the person.
fn names(state: &Connection, job: &str, id: &RecordId) -> Worked<Names> {
    let mut names = Names::default();
    names.add(&id.native);
    let select = "SELECT change.key, body FROM change JOIN run ON run.id = change.run WHERE run.job = ?1 AND directory = ?2 AND native = ?3 \
                  UNION SELECT op.key, write FROM op JOIN run ON run.id = op.run WHERE run.job = ?1 AND directory = ?2 AND native = ?3";
    sql::all(state, select, [job, &*id.directory, &*id.native], |row| {
        names.add(row.get_ref(0)?.as_str()?);
        let body = serde_json::from_str(row.get_ref(1)?.as_str()?).unwrap_or_default();
        collect(&body, None, &mut names);
        Ok(())
    })?;
    let select = "SELECT value FROM held WHERE is_name AND directory = ?1 AND native = ?2";
    sql::all(state, select, [&*id.directory, &*id.native], |row| {
        names.add(row.get_ref(0)?.as_str()?);
        Ok(())
    })?;
    Ok(names)
}

/// What one change's row holds, as far as it may name somebody.
struct ChangeRow {
    run: String,
    idx: i64,
    theirs: bool,
    body: String,
    why: Option<String>,
}

/// Takes the person out of every row; gives the runs and changes that are no longer what the chain committed to.
fn out_of_rows(
    state: &Connection,
    job: &str,
    id: &RecordId,
    names: &Names,
    done: &mut Erasure,
) -> Worked<BTreeSet<(String, String)>> {
    let mut touched = BTreeSet::new();
    // Other people's rows may name the person in their reasons, so every row of the job is looked at.
    let select = "SELECT run, idx, directory, native, body, why FROM change JOIN run ON run.id = change.run WHERE run.job = ?1";
    let rows = sql::all(state, select, [job], |row| {
        let theirs = row.get_ref(2)?.as_str()? == &*id.directory && row.get_ref(3)?.as_str()? == &*id.native;
        let (run, idx) = (row.get(0)?, row.get(1)?);
        Ok(ChangeRow { run, idx, theirs, body: row.get(4)?, why: row.get(5)? })
    })?;
    for ChangeRow { run, idx, theirs, body, why } in rows {
        let (new_body, new_why) = if theirs {
            done.changes += 1;
            (emptied(&id.directory), why.as_deref().map(unsaid))
        } else {
            (names.out_of_body(&body), why.as_ref().map(|why| names.out_of_body(why)))
        };
        if theirs {
            let update = "UPDATE change SET action = 'skip', native = '', key = ?3, clears = 0 WHERE run = ?1 AND idx = ?2";
            sql::run(state, update, params![run, idx, ERASED])?;
        }
        if theirs || new_body != body || new_why != why {
            let update = "UPDATE change SET body = ?3, why = ?4 WHERE run = ?1 AND idx = ?2";
            sql::run(state, update, params![run, idx, new_body, new_why])?;
            touched.insert((run, audit::change(idx)));
        }
    }
    let delete = "DELETE FROM op WHERE directory = ?2 AND native = ?3 AND run IN (SELECT id FROM run WHERE job = ?1) \
                  RETURNING run, change";
    sql::all(state, delete, [job, &*id.directory, &*id.native], |row| {
        done.operations += 1;
        touched.insert((row.get(0)?, audit::change(row.get(1)?)));
        Ok(())
    })?;
    let select = "SELECT run, seq, change, why FROM op WHERE why IS NOT NULL AND run IN (SELECT id FROM run WHERE job = ?1)";
    let whys = sql::all(state, select, [job], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?, row.get::<_, String>(3)?))
    })?;
    for (run, seq, change, why) in whys {
        let new = names.out_of(&why);
        if new != why {
            let update = "UPDATE op SET why = ?3 WHERE run = ?1 AND seq = ?2";
            sql::run(state, update, params![run, seq, new])?;
            touched.insert((run, audit::change(change)));
        }
    }
    out_of_documents(state, job, names, &mut touched, done)?;
    out_of_the_rest(state, id)?;
    Ok(touched)
}

fn out_of_documents(
    state: &Connection,
    job: &str,
    names: &Names,
    touched: &mut BTreeSet<(String, String)>,
    done: &mut Erasure,
) -> Worked<()> {
    let runs: Vec<String> =
        sql::all(state, "SELECT id FROM run WHERE job = ?1", [job], |row| Ok(row.get(0)?))?;
    for run in runs {
        let document: String = sql::value(state, "SELECT document FROM run WHERE id = ?1", [&run])?;
        let Some(new) = redacted(&document, names) else { continue };
        sql::run(state, "UPDATE run SET document = ?2 WHERE id = ?1", [&run, &new])?;
        done.documents += 1;
        touched.insert((run, audit::DOCUMENT.to_owned()));
    }
    Ok(())
}

/// Takes the person out of the quarantine and out of every other table that has a row for them.
fn out_of_the_rest(state: &Connection, id: &RecordId) -> Worked<()> {
    let person = [&*id.directory, &*id.native];
    sql::run(state, "DELETE FROM held WHERE is_name AND directory = ?1 AND native = ?2", person)?;
    sql::run(state, "UPDATE held SET native = '' WHERE directory = ?1 AND native = ?2", person)?;
    for table in tables_with(state, &["directory", "native"])? {
        if !["link", "held", "change", "op"].contains(&table.as_str()) {
            let delete = format!("DELETE FROM \"{table}\" WHERE directory = ?1 AND native = ?2");
            sql::run(state, &delete, person)?;
        }
    }
    Ok(())
}
