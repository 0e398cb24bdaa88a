//! Erasing a person from the history, so that no byte of the state's files names them and the audit chain still holds.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rollcall_core::RecordId;
use rollcall_edges::clock::Instant;
use rollcall_edges::state::StateError;
use serde_json::{Value, json};
use sqlx::{Row as _, Sqlite, Transaction};

use crate::audit::{self, Act};
use crate::files;
use crate::persons::{ERASED, Names, collect, emptied, redacted, unsaid};
use crate::schema::WRITE;
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
    pub async fn erase(&self, jobs: &[&str], id: &RecordId, now: Instant) -> Result<Erasure, StateError> {
        let broken = |error: sqlx::Error| self.broken(&error);
        let mut tx = self.pool.begin_with(WRITE).await.map_err(broken)?;
        let mut done = Erasure::default();
        for job in jobs {
            self.free_to_go(&mut tx, job, id).await?;
            let names = self.names(&mut tx, job, id).await.map_err(broken)?;
            let runs = self.out_of_rows(&mut tx, job, id, &names, &mut done).await?;
            // What there was to say at the last run may name them.
            let steady = sqlx::query("DELETE FROM steady WHERE job = $1").bind(job);
            steady.execute(&mut *tx).await.map_err(broken)?;
            self.out_of_chain(&mut tx, job, id, &runs, now).await?;
        }
        tx.commit().await.map_err(broken)?;
        for job in jobs {
            self.forget_mirrors(job)?;
        }
        done.backups = self.forget_backups()?;
        self.scrub().await?;
        Ok(done)
    }

    async fn free_to_go(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        job: &str,
        id: &RecordId,
    ) -> Result<(), StateError> {
        let refuse =
            |message: String, hint: &str| Err(StateError::Unusable { message, hint: Some(hint.into()) });
        let linked = "SELECT EXISTS (SELECT 1 FROM link WHERE job = $1 AND directory = $2 AND native = $3)";
        let query = sqlx::query_scalar(linked).bind(job).bind(&*id.directory).bind(&*id.native);
        if query.fetch_one(&mut **tx).await.map_err(|error| self.broken(&error))? {
            return refuse(
                format!("the job `{job}` still owns a phone user for this person"),
                "let the sync delete it, or let it go with `rollcall unlink`, first",
            );
        }
        let open = "SELECT run.id FROM run JOIN change ON change.run = run.id WHERE run.job = $1 AND directory = $2 AND native = $3 \
                    AND recovered IS NULL AND (ended IS NULL OR EXISTS (SELECT 1 FROM op WHERE op.run = run.id AND op.change = change.idx \
                    AND sent IS NOT NULL AND (settled IS NULL OR settled = 'unknown'))) LIMIT 1";
        let query = sqlx::query_scalar(open).bind(job).bind(&*id.directory).bind(&*id.native);
        let run: Option<String> =
            query.fetch_optional(&mut **tx).await.map_err(|error| self.broken(&error))?;
        match run {
            None => Ok(()),
            Some(run) => refuse(
                format!("the run {run} concerns this person and is not finished"),
                "`rollcall resume RUN` or the next sync ends it",
            ),
        }
    }

    /// Gathers every text by which rows may name the person.
    async fn names(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        job: &str,
        id: &RecordId,
    ) -> Result<Names, sqlx::Error> {
        let mut names = Names::default();
        names.add(&id.native);
        let select = "SELECT change.key, body FROM change JOIN run ON run.id = change.run WHERE run.job = $1 AND directory = $2 AND native = $3 \
                      UNION SELECT op.key, write FROM op JOIN run ON run.id = op.run WHERE run.job = $1 AND directory = $2 AND native = $3";
        let query = sqlx::query(select).bind(job).bind(&*id.directory).bind(&*id.native);
        for row in query.fetch_all(&mut **tx).await? {
            names.add(row.get(0));
            collect(&serde_json::from_str(row.get(1)).unwrap_or_default(), None, &mut names);
        }
        let select = "SELECT value FROM held WHERE is_name AND directory = $1 AND native = $2";
        let query = sqlx::query_scalar(select).bind(&*id.directory).bind(&*id.native);
        let held: Vec<String> = query.fetch_all(&mut **tx).await?;
        held.iter().for_each(|name| names.add(name));
        Ok(names)
    }

    /// Takes the person out of every row; gives the runs and changes that are no longer what the chain committed to.
    async fn out_of_rows(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        job: &str,
        id: &RecordId,
        names: &Names,
        done: &mut Erasure,
    ) -> Result<BTreeSet<(String, String)>, StateError> {
        let broken = |error: sqlx::Error| self.broken(&error);
        let mut touched = BTreeSet::new();
        // Other people's rows may name the person in their reasons, so every row of the job is looked at.
        let select = "SELECT run, idx, directory, native, action, body, why FROM change JOIN run ON run.id = change.run WHERE run.job = $1";
        for row in sqlx::query(select).bind(job).fetch_all(&mut **tx).await.map_err(broken)? {
            let (run, idx): (String, i64) = (row.get(0), row.get(1));
            let theirs = row.get::<&str, _>(2) == &*id.directory && row.get::<&str, _>(3) == &*id.native;
            let (body, why): (String, Option<String>) = (row.get(5), row.get(6));
            let (new_body, new_why) = if theirs {
                done.changes += 1;
                (emptied(&id.directory), why.as_deref().map(unsaid))
            } else {
                (names.out_of_body(&body), why.as_ref().map(|why| names.out_of_body(why)))
            };
            if theirs {
                let update = "UPDATE change SET action = 'skip', native = '', key = $3, clears = 0 WHERE run = $1 AND idx = $2";
                sqlx::query(update)
                    .bind(&run)
                    .bind(idx)
                    .bind(ERASED)
                    .execute(&mut **tx)
                    .await
                    .map_err(broken)?;
            }
            if theirs || new_body != body || new_why != why {
                let update = "UPDATE change SET body = $3, why = $4 WHERE run = $1 AND idx = $2";
                let query = sqlx::query(update).bind(&run).bind(idx).bind(new_body).bind(new_why);
                query.execute(&mut **tx).await.map_err(broken)?;
                touched.insert((run, audit::change(idx)));
            }
        }
        let delete = "DELETE FROM op WHERE directory = $2 AND native = $3 AND run IN (SELECT id FROM run WHERE job = $1) \
                      RETURNING run, change";
        let query = sqlx::query(delete).bind(job).bind(&*id.directory).bind(&*id.native);
        for row in query.fetch_all(&mut **tx).await.map_err(broken)? {
            done.operations += 1;
            touched.insert((row.get(0), audit::change(row.get(1))));
        }
        let select = "SELECT run, seq, change, why FROM op WHERE why IS NOT NULL AND run IN (SELECT id FROM run WHERE job = $1)";
        for row in sqlx::query(select).bind(job).fetch_all(&mut **tx).await.map_err(broken)? {
            let (run, why): (String, String) = (row.get(0), row.get(3));
            let new = names.out_of(&why);
            if new != why {
                let update = "UPDATE op SET why = $3 WHERE run = $1 AND seq = $2";
                let query = sqlx::query(update).bind(&run).bind(row.get::<i64, _>(1)).bind(new);
                query.execute(&mut **tx).await.map_err(broken)?;
                touched.insert((run, audit::change(row.get(2))));
            }
        }
        self.out_of_documents(tx, job, names, &mut touched, done).await?;
        self.out_of_the_rest(tx, id).await.map_err(broken)?;
        Ok(touched)
    }

    async fn out_of_documents(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        job: &str,
        names: &Names,
        touched: &mut BTreeSet<(String, String)>,
        done: &mut Erasure,
    ) -> Result<(), StateError> {
        let broken = |error: sqlx::Error| self.broken(&error);
        let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM run WHERE job = $1")
            .bind(job)
            .fetch_all(&mut **tx)
            .await
            .map_err(broken)?;
        for run in ids {
            let select = "SELECT document FROM run WHERE id = $1";
            let document: String =
                sqlx::query_scalar(select).bind(&run).fetch_one(&mut **tx).await.map_err(broken)?;
            let Some(new) = redacted(&document, names) else { continue };
            let query = sqlx::query("UPDATE run SET document = $2 WHERE id = $1").bind(&run).bind(new);
            query.execute(&mut **tx).await.map_err(broken)?;
            done.documents += 1;
            touched.insert((run, audit::DOCUMENT.to_owned()));
        }
        Ok(())
    }

    /// Takes the person out of the quarantine and out of every other table that has a row for them.
    async fn out_of_the_rest(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        id: &RecordId,
    ) -> Result<(), sqlx::Error> {
        let names = "DELETE FROM held WHERE is_name AND directory = $1 AND native = $2";
        sqlx::query(names).bind(&*id.directory).bind(&*id.native).execute(&mut **tx).await?;
        let numbers = "UPDATE held SET native = '' WHERE directory = $1 AND native = $2";
        sqlx::query(numbers).bind(&*id.directory).bind(&*id.native).execute(&mut **tx).await?;
        for table in self.tables_with(tx, &["directory", "native"]).await? {
            if !["link", "held", "change", "op"].contains(&table.as_str()) {
                let delete = format!("DELETE FROM \"{table}\" WHERE directory = $1 AND native = $2");
                let query = sqlx::query(sqlx::AssertSqlSafe(delete)).bind(&*id.directory).bind(&*id.native);
                query.execute(&mut **tx).await?;
            }
        }
        Ok(())
    }

    /// Names the tables that have all these columns.
    pub(crate) async fn tables_with(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        columns: &[&str],
    ) -> Result<Vec<String>, sqlx::Error> {
        let select = "SELECT name, (SELECT group_concat('|' || columns.name || '|') FROM pragma_table_info(sqlite_master.name) AS columns) \
                      FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
        let rows = sqlx::query(select).fetch_all(&mut **tx).await?;
        let has = |all: &str| columns.iter().all(|column| all.contains(&format!("|{column}|")));
        Ok(rows
            .iter()
            .filter(|row| row.get::<Option<String>, _>(1).is_some_and(|all| has(&all)))
            .map(|row| row.get(0))
            .collect())
    }

    /// Erases the records and salts of the chain that spoke of the person, and says so in the chain.
    async fn out_of_chain(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        job: &str,
        id: &RecordId,
        touched: &BTreeSet<(String, String)>,
        now: Instant,
    ) -> Result<(), StateError> {
        let broken = |error: sqlx::Error| self.broken(&error);
        let mut erased: Vec<(i64, i64)> = Vec::new();
        for (run, what) in touched {
            let update = "UPDATE audit_leaf SET salt = NULL, record = NULL WHERE what = $2 AND salt IS NOT NULL \
                          AND entry IN (SELECT seq FROM audit WHERE run = $1) RETURNING entry, idx";
            let query = sqlx::query(update).bind(run).bind(what);
            let rows = query.fetch_all(&mut **tx).await.map_err(broken)?;
            erased.extend(rows.iter().map(|row| (row.get::<i64, _>(0), row.get::<i64, _>(1))));
        }
        let update = "UPDATE audit_leaf SET salt = NULL, record = NULL WHERE what = 'act' AND salt IS NOT NULL \
                      AND (json_extract(record, '$.job') = $1 OR json_extract(record, '$.job') IN (SELECT named FROM run WHERE job = $1)) AND json_extract(record, '$.directory') = $2 \
                      AND json_extract(record, '$.native') = $3 RETURNING entry, idx";
        let query = sqlx::query(update).bind(job).bind(&*id.directory).bind(&*id.native);
        let rows = query.fetch_all(&mut **tx).await.map_err(broken)?;
        erased.extend(rows.iter().map(|row| (row.get::<i64, _>(0), row.get::<i64, _>(1))));
        erased.sort_unstable();
        let leaves: Vec<Value> = erased.iter().map(|(entry, idx)| json!([entry, idx])).collect();
        self.audit_act(tx, &Act::new("erase", now).with("job", job).with("leaves", leaves)).await.map(drop)
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
    async fn scrub(&self) -> Result<(), StateError> {
        sqlx::query("VACUUM").execute(&self.pool).await.map_err(|error| self.broken(&error))?;
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&self.pool)
            .await
            .map_err(|error| self.broken(&error))?;
        if row.get::<i64, _>(0) == 0 {
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
