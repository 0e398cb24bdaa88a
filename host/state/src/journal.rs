//! The journal: intents before effects, and what each effect does to the ledger, in one transaction.

use async_trait::async_trait;
use rollcall_core::elapsed::Tick;
use rollcall_core::guard::Spent;
use rollcall_core::memory::{Link, MatchedBy, Unsure};
use rollcall_core::script::ExtensionKind;
use rollcall_core::verify::Outcome;
use rollcall_core::{Guid, RecordId, Text};
use rollcall_edges::clock::Instant;
use rollcall_edges::plans::PlanMark;
use rollcall_edges::state::{
    Held, Hold, Identities, Intent, JobState, Journalled, Later, Lease, LinkChange, Mark, NewRun, Owner,
    Passed, RunRow, Settled, Settlement, State, StateError, Steady, StoredRun,
};
use sqlx::{Row as _, Sqlite, Transaction};
use std::collections::BTreeMap;

use crate::rows::{self, link_row, op_row};
use crate::schema::WRITE;
use crate::seal::damaged;
use crate::shapes::Shaper;
use crate::store::Store;

#[async_trait]
impl State for Store {
    async fn job(&self, job: &str) -> Result<JobState, StateError> {
        self.read_job(job).await
    }

    async fn links(&self, job: &str) -> Result<Vec<Link>, StateError> {
        self.read_links(job).await
    }

    async fn same_job(&self, job: &str, file: &str) -> Result<Option<Text>, StateError> {
        self.other_name(job, file).await
    }

    async fn owners(&self, office: &str) -> Result<BTreeMap<Guid, Owner>, StateError> {
        self.read_owners(office).await
    }

    async fn unsure(&self, office: &str) -> Result<Vec<Unsure>, StateError> {
        self.read_unsure(office).await
    }

    async fn held(&self, office: &str, since: Instant) -> Result<Vec<Held>, StateError> {
        self.read_held(office, since).await
    }

    async fn office_tick(&self, office: &str) -> Result<Option<Tick>, StateError> {
        self.read_office_tick(office).await
    }

    async fn spent(&self, job: &str, stretches: &[(i64, i64)]) -> Result<Spent, StateError> {
        self.read_spent(job, stretches).await
    }

    async fn passed(&self, job: &str, passed: &Passed) -> Result<(), StateError> {
        self.write_passed(job, passed).await.map_err(|error| self.broken(&error))
    }

    async fn hold(&self, job: &str, hold: Option<&Hold>) -> Result<(), StateError> {
        self.write_hold(job, hold).await
    }

    async fn version(&self, job: &str, office: &str) -> Result<Option<Text>, StateError> {
        self.read_version(job, office).await
    }

    async fn steady(&self, job: &str) -> Result<Option<Steady>, StateError> {
        self.read_steady(job).await
    }

    async fn settle_down(&self, job: &str, steady: Option<&Steady>) -> Result<(), StateError> {
        self.write_steady(job, steady).await
    }

    async fn lease(&self, job: &str, office: &str, wait_ms: u64) -> Result<Box<dyn Lease>, StateError> {
        self.take_lease(job, office, wait_ms).await
    }

    async fn identify(&self, job: &str, directories: &Identities, office: &str) -> Result<(), StateError> {
        self.write_identity(job, directories, office).await
    }

    async fn plan_mark(&self, id: &str) -> Result<Option<PlanMark>, StateError> {
        self.read_plan_mark(id).await
    }

    async fn begin(&self, run: &NewRun<'_>) -> Result<Text, StateError> {
        self.begin_run(run).await
    }

    async fn stored(&self, run: &str) -> Result<Option<StoredRun>, StateError> {
        self.stored_run(run).await
    }

    async fn later(&self, run: &str) -> Result<Vec<Later>, StateError> {
        self.later_changes(run).await.map_err(|error| self.broken(&error))
    }

    async fn reopen(&self, run: &str, generation: i64, now: Instant) -> Result<(), StateError> {
        self.reopen_run(run, generation, now).await
    }

    async fn intend(&self, run: &str, intents: &[Intent], send: Option<Mark>) -> Result<(), StateError> {
        let Some(first) = intents.first() else { return Ok(()) };
        let mut tx = self.pool.begin_with(WRITE).await.map_err(|error| self.broken(&error))?;
        for intent in intents {
            let row = op_row(run, i64::from(intent.seq));
            let write = Shaper { seal: &self.seal, row: &row }.write(&intent.write)?;
            let insert = "INSERT INTO op (run, seq, change, directory, native, key, write) VALUES ($1, $2, $3, $4, $5, $6, $7)";
            sqlx::query(insert)
                .bind(run)
                .bind(i64::from(intent.seq))
                .bind(i64::from(intent.change))
                .bind(intent.id.as_ref().map(|id| &*id.directory))
                .bind(intent.id.as_ref().map(|id| &*id.native))
                .bind(&*intent.key)
                .bind(write)
                .execute(&mut *tx)
                .await
                .map_err(|error| self.broken(&error))?;
        }
        if let Some(mark) = send {
            self.mark(&mut tx, run, first.seq, mark).await?;
        }
        tx.commit().await.map_err(|error| self.broken(&error))
    }

    async fn start(&self, run: &str, seq: u32, mark: Mark) -> Result<(), StateError> {
        let mut tx = self.pool.begin_with(WRITE).await.map_err(|error| self.broken(&error))?;
        self.mark(&mut tx, run, seq, mark).await?;
        tx.commit().await.map_err(|error| self.broken(&error))
    }

    async fn withdraw(&self, run: &str, seq: u32) -> Result<(), StateError> {
        let update = "UPDATE op SET sent = NULL WHERE run = $1 AND seq = $2 AND settled IS NULL";
        let query = sqlx::query(update).bind(run).bind(i64::from(seq));
        query.execute(&self.pool).await.map(drop).map_err(|error| self.broken(&error))
    }

    async fn settle(&self, run: &str, settlement: Settlement<'_>, now: Instant) -> Result<(), StateError> {
        let mut tx = self.pool.begin_with(WRITE).await.map_err(|error| self.broken(&error))?;
        let before = self.put_settled(&mut tx, run, &settlement, now).await?;
        if let Some(change) = settlement.link.filter(|_| before.open()) {
            let late = !settlement.recovering && before == Before::Unknown
                || !self.latest(&mut tx, run, settlement.generation).await?;
            self.change_link(&mut tx, run, change, late, now).await?;
        }
        let marked = match settlement.next {
            Some(next) => {
                self.mark(&mut tx, run, next, Mark { at: now, generation: settlement.generation }).await
            }
            None => Ok(()),
        };
        // What took place stays settled, also where nothing more may be sent.
        if matches!(marked, Ok(()) | Err(StateError::Lost)) {
            tx.commit().await.map_err(|error| self.broken(&error))?;
        }
        marked
    }

    async fn finish(
        &self,
        run: &str,
        ended: Instant,
        exit: i32,
        report: &str,
        outcomes: &[Outcome],
    ) -> Result<(), StateError> {
        self.finish_run(run, ended, exit, report, outcomes).await?;
        // What is too old goes at the end of a run. The run itself has ended well: where this fails, the next one does it.
        let _ = self.prune(None, ended).await;
        Ok(())
    }

    async fn interrupted(&self, office: &str) -> Result<Vec<Text>, StateError> {
        let select = "SELECT id FROM run WHERE office = $1 AND recovered IS NULL AND (ended IS NULL OR \
                      exit IN (1, 4, 14, 130, 143) OR EXISTS (SELECT 1 FROM op WHERE op.run = run.id AND sent IS NOT NULL AND \
                      (settled IS NULL OR settled = 'unknown'))) ORDER BY started, rowid";
        let query = sqlx::query_scalar::<_, String>(select).bind(office);
        let ids = query.fetch_all(&self.pool).await.map_err(|error| self.broken(&error))?;
        Ok(ids.into_iter().map(Text::from).collect())
    }

    async fn recovered(&self, run: &str, outcomes: &[Outcome], now: Instant) -> Result<(), StateError> {
        self.recovered_run(run, outcomes, now).await
    }

    async fn runs(&self, job: Option<&str>, limit: u32) -> Result<Vec<RunRow>, StateError> {
        let select =
            format!("{} WHERE $1 IS NULL OR job = $1 ORDER BY started DESC, rowid DESC LIMIT $2", rows::RUN);
        let query = sqlx::query(sqlx::AssertSqlSafe(select)).bind(job).bind(i64::from(limit));
        let rows = query.fetch_all(&self.pool).await.map_err(|error| self.broken(&error))?;
        Ok(rows.iter().map(rows::run).collect())
    }

    async fn run(&self, id: &str) -> Result<Option<RunRow>, StateError> {
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(None);
        }
        let select = format!("{} WHERE substr(id, 1, length($1)) = $1 LIMIT 2", rows::RUN);
        let query = sqlx::query(sqlx::AssertSqlSafe(select)).bind(id);
        let rows = query.fetch_all(&self.pool).await.map_err(|error| self.broken(&error))?;
        // An ambiguous beginning names no run.
        Ok(if rows.len() == 1 { rows.first().map(rows::run) } else { None })
    }

    async fn operations(&self, run: &str) -> Result<Vec<Journalled>, StateError> {
        let select = "SELECT run, seq, change, directory, native, key, write, settled, why, sent FROM op WHERE run = $1 ORDER BY seq";
        let rows =
            sqlx::query(select).bind(run).fetch_all(&self.pool).await.map_err(|error| self.broken(&error))?;
        rows.iter().map(|row| rows::op(&self.seal, row)).collect()
    }

    async fn history(
        &self,
        job: &str,
        id: &RecordId,
    ) -> Result<Vec<(Text, Instant, Journalled)>, StateError> {
        let select = "SELECT op.run, seq, change, directory, native, key, write, settled, why, sent, COALESCE(at, started) \
                      FROM op JOIN run ON run.id = op.run WHERE run.job = $1 AND directory = $2 AND native = $3 \
                      ORDER BY started DESC, run.rowid DESC, seq";
        let query = sqlx::query(select).bind(job).bind(&*id.directory).bind(&*id.native);
        let rows = query.fetch_all(&self.pool).await.map_err(|error| self.broken(&error))?;
        let one = |row| {
            Ok((
                Text::from(sqlx::Row::get::<String, _>(row, 0)),
                Instant(sqlx::Row::get(row, 10)),
                rows::op(&self.seal, row)?,
            ))
        };
        rows.iter().map(one).collect()
    }
}

/// How an operation stood before it was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// Not settled.
    Open,
    /// Settled as `unknown`.
    Unknown,
    /// Settled for good.
    Closed,
}

impl Before {
    fn open(self) -> bool {
        self != Before::Closed
    }
}

impl Store {
    /// Marks an operation as sent, unless the sender's lease is no longer the latest.
    async fn mark(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        run: &str,
        seq: u32,
        mark: Mark,
    ) -> Result<(), StateError> {
        let update = "UPDATE op SET sent = $3 WHERE run = $1 AND seq = $2 AND EXISTS (SELECT 1 FROM run JOIN lease \
                      USING (office) WHERE run.id = $1 AND lease.generation = $4)";
        let query = sqlx::query(update).bind(run).bind(i64::from(seq)).bind(mark.at.0).bind(mark.generation);
        let done = query.execute(&mut **tx).await.map_err(|error| self.broken(&error))?;
        if done.rows_affected() == 1 { Ok(()) } else { Err(StateError::Lost) }
    }

    /// Tells whether nobody has taken the run's phone system since a lease of this generation.
    async fn latest(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        run: &str,
        generation: i64,
    ) -> Result<bool, StateError> {
        let select = "SELECT COALESCE((SELECT lease.generation = $2 FROM run JOIN lease USING (office) WHERE run.id = $1), 1)";
        let query = sqlx::query_scalar::<_, bool>(select).bind(run).bind(generation);
        query.fetch_one(&mut **tx).await.map_err(|error| self.broken(&error))
    }

    /// Settles an operation that is open, or that somebody did not know about.
    async fn put_settled(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        run: &str,
        settlement: &Settlement<'_>,
        now: Instant,
    ) -> Result<Before, StateError> {
        let seq = i64::from(settlement.seq);
        let select = "SELECT settled, write FROM op WHERE run = $1 AND seq = $2";
        let query = sqlx::query_as::<_, (Option<String>, String)>(select).bind(run).bind(seq);
        let found = query.fetch_optional(&mut **tx).await.map_err(|error| self.broken(&error))?;
        let (word, write) = found.ok_or_else(|| damaged("an operation that was not intended"))?;
        let before = match word.as_deref() {
            None => Before::Open,
            Some("unknown") => Before::Unknown,
            Some(_) => Before::Closed,
        };
        if before.open() {
            let (word, why) = match settlement.settled {
                Settled::Applied => ("applied", None),
                Settled::Failed(why) => ("failed", Some(why)),
                Settled::Unknown(why) => ("unknown", Some(why)),
            };
            let update = "UPDATE op SET settled = $3, why = $4, at = $5 WHERE run = $1 AND seq = $2";
            let query = sqlx::query(update).bind(run).bind(seq).bind(word).bind(why).bind(now.0);
            query.execute(&mut **tx).await.map_err(|error| self.broken(&error))?;
        }
        let known = !matches!(settlement.settled, Settled::Unknown(_));
        let row = op_row(run, seq);
        if before.open()
            && known
            && let Some(write) = (Shaper { seal: &self.seal, row: &row }).forgotten(&write)?
        {
            // Handed over, or never in force: nobody needs the codes here any more.
            let update = "UPDATE op SET write = $3 WHERE run = $1 AND seq = $2";
            let query = sqlx::query(update).bind(run).bind(seq).bind(write);
            query.execute(&mut **tx).await.map_err(|error| self.broken(&error))?;
        }
        Ok(before)
    }

    /// `late`: others may have made, changed or ended links in the meantime, and what they did stays.
    async fn change_link(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        run: &str,
        change: &LinkChange,
        late: bool,
        now: Instant,
    ) -> Result<(), StateError> {
        let row = sqlx::query("SELECT job, office FROM run WHERE id = $1")
            .bind(run)
            .fetch_optional(&mut **tx)
            .await;
        let row =
            row.map_err(|error| self.broken(&error))?.ok_or_else(|| damaged("an operation of no run"))?;
        let (job, office): (String, String) = (row.get(0), row.get(1));
        match change {
            LinkChange::Put(_) | LinkChange::Moved { .. } if late => Ok(()),
            LinkChange::Made(link) if late && self.has_link(tx, &job, &link.id).await? => Ok(()),
            LinkChange::Made(link) | LinkChange::Put(link) => {
                self.put_link(tx, &job, &office, link).await.map(drop)
            }
            LinkChange::Moved { link, name, number } => {
                if self.put_link(tx, &job, &office, link).await? {
                    self.hold(tx, &office, &link.id, [name, number], now).await?;
                }
                Ok(())
            }
            LinkChange::Remove { id, guid, name, number } => {
                let delete = "DELETE FROM link WHERE job = $1 AND directory = $2 AND native = $3 AND guid = COALESCE($4, guid)";
                let query = sqlx::query(delete).bind(&job).bind(&*id.directory).bind(&*id.native);
                query.bind(guid.as_deref()).execute(&mut **tx).await.map_err(|error| self.broken(&error))?;
                self.hold(tx, &office, id, [name, number], now).await
            }
        }
    }

    /// Tells whether a phone user is linked to somebody else than a link says.
    async fn is_anothers(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        job: &str,
        office: &str,
        link: &Link,
    ) -> Result<bool, StateError> {
        let select = "SELECT EXISTS (SELECT 1 FROM link WHERE office = $1 AND guid = $2 AND NOT (job = $3 AND directory = $4 AND native = $5))";
        let query = sqlx::query_scalar(select).bind(office).bind(&*link.guid).bind(job);
        let query = query.bind(&*link.id.directory).bind(&*link.id.native);
        query.fetch_one(&mut **tx).await.map_err(|error| self.broken(&error))
    }

    /// Puts what somebody has freed into quarantine: a name, a number.
    async fn hold(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        office: &str,
        id: &RecordId,
        [name, number]: [&Option<Text>; 2],
        now: Instant,
    ) -> Result<(), StateError> {
        for (value, is_name) in [(name, true), (number, false)] {
            let Some(value) = value else { continue };
            let hold = "INSERT INTO held (office, value, is_name, directory, native, since) VALUES ($1, $2, $3, $4, $5, $6) \
                        ON CONFLICT (office, is_name, value) DO UPDATE SET directory = excluded.directory, \
                        native = excluded.native, since = excluded.since";
            sqlx::query(hold)
                .bind(office)
                .bind(&**value)
                .bind(is_name)
                .bind(&*id.directory)
                .bind(&*id.native)
                .bind(now.0)
                .execute(&mut **tx)
                .await
                .map_err(|error| self.broken(&error))?;
        }
        Ok(())
    }

    async fn has_link(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        job: &str,
        id: &RecordId,
    ) -> Result<bool, StateError> {
        let select = "SELECT 1 FROM link WHERE job = $1 AND directory = $2 AND native = $3";
        let query = sqlx::query(select).bind(job).bind(&*id.directory).bind(&*id.native);
        let found = query.fetch_optional(&mut **tx).await.map_err(|error| self.broken(&error))?;
        Ok(found.is_some())
    }

    /// Writes a link, unless another job or person has come to own the phone user: the call took place then, and the
    /// user stays theirs. Tells whether it was written.
    async fn put_link(
        &self,
        tx: &mut Transaction<'_, Sqlite>,
        job: &str,
        office: &str,
        link: &Link,
    ) -> Result<bool, StateError> {
        if self.is_anothers(tx, job, office, link).await? {
            return Ok(false);
        }
        let row = link_row(job, &link.id);
        let written = Shaper { seal: &self.seal, row: &row }.fields(&link.written)?;
        let kept = Shaper { seal: &self.seal, row: &row }.fields(&link.kept)?;
        let (template, kind) = match &link.extension {
            Some(ExtensionKind::Template(name)) => (Some(&**name), None),
            Some(ExtensionKind::Type(name)) => (None, Some(&**name)),
            None => (None, None),
        };
        let put = "INSERT INTO link (job, directory, native, office, key, guid, written, rule, number_by_rule, record, kept, \
                   matched_by, user_template, extension_template, extension_type) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
                   ON CONFLICT (job, directory, native) DO UPDATE SET \
                   office = excluded.office, key = excluded.key, guid = excluded.guid, written = excluded.written, \
                   rule = excluded.rule, number_by_rule = excluded.number_by_rule, record = excluded.record, \
                   kept = excluded.kept, matched_by = excluded.matched_by, user_template = excluded.user_template, \
                   extension_template = excluded.extension_template, extension_type = excluded.extension_type";
        sqlx::query(put)
            .bind(job)
            .bind(&*link.id.directory)
            .bind(&*link.id.native)
            .bind(office)
            .bind(&*link.key)
            .bind(&*link.guid)
            .bind(written)
            .bind(link.rule.as_deref())
            .bind(link.number_by_rule)
            .bind(link.record.as_deref())
            .bind(kept)
            .bind(link.matched_by.map(MatchedBy::word))
            .bind(link.user_template.as_deref())
            .bind(template)
            .bind(kind)
            .execute(&mut **tx)
            .await
            .map(|_| true)
            .map_err(|error| self.broken(&error))
    }
}
