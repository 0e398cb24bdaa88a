//! What a run that passed the guard leaves behind besides its changes: baseline, parts, clock, leavers' clocks; and what
//! the guard asks of it later.

use std::collections::BTreeMap;

use rollcall_core::Text;
use rollcall_core::elapsed::{Boot, Tick};
use rollcall_core::guard::Spent;
use rollcall_edges::state::{Passed, StateError};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, Sqlite, Transaction};

use crate::schema::WRITE;
use crate::store::Store;

/// Reads a look at the clock from three columns: wall, boot, uptime.
pub(crate) fn tick(row: &SqliteRow, first: usize) -> Option<Tick> {
    let wall_ms = row.get::<Option<i64>, _>(first)?;
    let boot = row.get::<Option<String>, _>(first + 1).zip(row.get::<Option<i64>, _>(first + 2));
    Some(Tick { wall_ms, boot: boot.map(|(id, uptime_ms)| Boot { id: id.into(), uptime_ms }) })
}

impl Store {
    pub(crate) async fn read_parts(&self, job: &str) -> Result<BTreeMap<Text, Vec<u8>>, StateError> {
        let select = "SELECT name, digest FROM part WHERE job = $1";
        let rows = sqlx::query(select).bind(job).fetch_all(&self.pool).await.map_err(|e| self.broken(&e))?;
        Ok(rows.iter().map(|row| (row.get::<String, _>(0).into(), row.get(1))).collect())
    }

    pub(crate) async fn read_office_tick(&self, office: &str) -> Result<Option<Tick>, StateError> {
        let select = "SELECT wall, boot, uptime FROM tick WHERE office = $1";
        let query = sqlx::query(select).bind(office).fetch_optional(&self.pool);
        Ok(query.await.map_err(|e| self.broken(&e))?.and_then(|row| tick(&row, 0)))
    }

    /// A change counts once its outcome is known to be, or may be, that it took place.
    pub(crate) async fn read_spent(&self, job: &str, stretches: &[(i64, i64)]) -> Result<Spent, StateError> {
        let mut spent = Spent::default();
        let Some(first) = stretches.first() else { return Ok(spent) };
        let second = stretches.get(1).unwrap_or(first);
        let select = "SELECT action, COUNT(*), SUM(clears) FROM change JOIN run ON run.id = change.run \
                      WHERE run.job = $1 AND outcome IN ('applied', 'unknown') \
                      AND (at BETWEEN $2 AND $3 OR at BETWEEN $4 AND $5) GROUP BY action";
        let query = sqlx::query(select).bind(job).bind(first.0).bind(first.1).bind(second.0).bind(second.1);
        for row in query.fetch_all(&self.pool).await.map_err(|e| self.broken(&e))? {
            let count = |index: usize| usize::try_from(row.get::<i64, _>(index)).unwrap_or_default();
            match row.get::<&str, _>(0) {
                "create" => spent.creates += count(1),
                "adopt" => spent.adopts += count(1),
                "update" => spent.updates += count(1),
                "delete" => spent.deletes += count(1),
                _ => {}
            }
            spent.clears += count(2);
        }
        Ok(spent)
    }

    pub(crate) async fn write_passed(&self, job: &str, passed: &Passed) -> Result<(), sqlx::Error> {
        let mut tx = self.pool.begin_with(WRITE).await?;
        put_job(&mut tx, job, passed).await?;
        put_parts(&mut tx, job, passed).await?;
        put_office(&mut tx, passed).await?;
        put_leavers(&mut tx, job, passed).await?;
        tx.commit().await
    }
}

async fn put_job(tx: &mut Transaction<'_, Sqlite>, job: &str, passed: &Passed) -> Result<(), sqlx::Error> {
    let upsert = "INSERT INTO job (name, office, wall, boot, uptime) VALUES ($1, $2, $3, $4, $5) \
                  ON CONFLICT (name) DO UPDATE SET office = excluded.office, wall = excluded.wall, boot = excluded.boot, uptime = excluded.uptime";
    let boot = passed.tick.boot.as_ref();
    sqlx::query(upsert)
        .bind(job)
        .bind(&*passed.office)
        .bind(passed.tick.wall_ms)
        .bind(boot.map(|boot| &*boot.id))
        .bind(boot.map(|boot| boot.uptime_ms))
        .execute(&mut **tx)
        .await?;
    for (name, known) in &passed.directories {
        let upsert = "INSERT INTO source (job, name, identity, baseline) VALUES ($1, $2, $3, $4) ON CONFLICT (job, name) \
                      DO UPDATE SET identity = excluded.identity, baseline = excluded.baseline";
        let query = sqlx::query(upsert).bind(job).bind(&**name).bind(&*known.identity);
        query.bind(known.baseline.map(i64::from)).execute(&mut **tx).await?;
    }
    if passed.jump_ms == 0 {
        return Ok(());
    }
    let update = "UPDATE job SET jump_at = $2, jump_by = $3 WHERE name = $1";
    let query = sqlx::query(update).bind(job).bind(passed.tick.wall_ms).bind(passed.jump_ms);
    query.execute(&mut **tx).await?;
    // Leavers' clocks go with the jump, so that grace is measured in the time that has truly passed.
    let shift =
        "UPDATE link SET missing_since = missing_since + $2 WHERE job = $1 AND missing_since IS NOT NULL";
    sqlx::query(shift).bind(job).bind(passed.jump_ms).execute(&mut **tx).await.map(drop)
}

async fn put_parts(tx: &mut Transaction<'_, Sqlite>, job: &str, passed: &Passed) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM part WHERE job = $1").bind(job).execute(&mut **tx).await?;
    for (name, digest) in &passed.parts {
        let insert = "INSERT INTO part (job, name, digest) VALUES ($1, $2, $3)";
        sqlx::query(insert).bind(job).bind(&**name).bind(digest).execute(&mut **tx).await?;
    }
    Ok(())
}

async fn put_office(tx: &mut Transaction<'_, Sqlite>, passed: &Passed) -> Result<(), sqlx::Error> {
    let upsert = "INSERT INTO tick (office, wall, boot, uptime) VALUES ($1, $2, $3, $4) ON CONFLICT (office) DO UPDATE SET \
                  wall = excluded.wall, boot = excluded.boot, uptime = excluded.uptime";
    let boot = passed.tick.boot.as_ref();
    sqlx::query(upsert)
        .bind(&*passed.office)
        .bind(passed.tick.wall_ms)
        .bind(boot.map(|boot| &*boot.id))
        .bind(boot.map(|boot| boot.uptime_ms))
        .execute(&mut **tx)
        .await?;
    if passed.office_jump_ms == 0 {
        return Ok(());
    }
    let shift = "UPDATE held SET since = since + $2 WHERE office = $1";
    sqlx::query(shift).bind(&*passed.office).bind(passed.office_jump_ms).execute(&mut **tx).await.map(drop)
}

async fn put_leavers(
    tx: &mut Transaction<'_, Sqlite>,
    job: &str,
    passed: &Passed,
) -> Result<(), sqlx::Error> {
    for (id, reads) in &passed.missing {
        let update = "UPDATE link SET missing_since = COALESCE(missing_since, $4), missing_reads = $5 \
                      WHERE job = $1 AND directory = $2 AND native = $3";
        sqlx::query(update)
            .bind(job)
            .bind(&*id.directory)
            .bind(&*id.native)
            .bind(passed.tick.wall_ms)
            .bind(reads)
            .execute(&mut **tx)
            .await?;
    }
    for (id, key) in &passed.present {
        let update = "UPDATE link SET missing_since = NULL, missing_reads = NULL, key = $4 \
                      WHERE job = $1 AND directory = $2 AND native = $3 AND (missing_since IS NOT NULL OR key <> $4)";
        sqlx::query(update)
            .bind(job)
            .bind(&*id.directory)
            .bind(&*id.native)
            .bind(&**key)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_applied_is_counted_by_kind_within_its_time_and_for_its_job_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        for job in ["J", "other"] {
            let run = "INSERT INTO run (id, job, office, kind, started, document) VALUES ($1, $1, 'O', 'sync', 1, '{}')";
            sqlx::query(run).bind(job).execute(&store.pool).await.unwrap();
        }
        let rows = [
            ("J", "delete", 0, "applied", 100),
            ("J", "delete", 0, "unknown", 150),
            ("J", "delete", 0, "failed", 150),
            ("J", "delete", 0, "planned", 150),
            ("J", "delete", 0, "applied", 99),
            ("J", "delete", 0, "applied", 201),
            ("J", "create", 0, "applied", 200),
            ("J", "update", 1, "applied", 200),
            ("J", "update", 0, "applied", 200),
            ("J", "adopt", 1, "applied", 200),
            ("other", "delete", 0, "applied", 150),
            ("J", "delete", 0, "applied", 1_500),
        ];
        for (index, (run, action, clears, outcome, at)) in rows.into_iter().enumerate() {
            let insert = "INSERT INTO change (run, idx, action, directory, native, key, clears, body, outcome, at) \
                          VALUES ($1, $2, $3, 'd', 'n', 'k', $4, '{}', $5, $6)";
            let query = sqlx::query(insert).bind(run).bind(i64::try_from(index).unwrap()).bind(action);
            query.bind(clears).bind(outcome).bind(at).execute(&store.pool).await.unwrap();
        }
        let spent = Spent { creates: 1, adopts: 1, updates: 2, deletes: 2, clears: 2 };
        assert_eq!(store.read_spent("J", &[(100, 200)]).await.unwrap(), spent);
        let with = store.read_spent("J", &[(100, 200), (1_000, 2_000)]).await.unwrap();
        assert_eq!(with, Spent { deletes: 3, ..spent });
        assert_eq!(store.read_spent("J", &[(100, 200), (150, 200)]).await.unwrap(), spent, "each once");
        assert_eq!(store.read_spent("nobody", &[(0, 9_999)]).await.unwrap(), Spent::default());
    }
}
