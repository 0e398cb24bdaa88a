//! How an older file becomes a newer one: forward only, in one transaction, with a backup first.

use std::path::{Path, PathBuf};

use rollcall_edges::state::StateError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, SqlitePool};

use crate::schema::{WRITE, broken};
use crate::seal::Seal;
use crate::{audit, files};

/// The step of `state.db` that brings the audit chain, counted from 0.
const CHAIN_STEP: usize = 1;

/// Brings a file up to date. `seal` comes with the state's own file, which is backed up before it is changed.
pub(crate) async fn up(
    pool: &SqlitePool,
    steps: &[&'static str],
    path: &Path,
    seal: Option<&Seal>,
) -> Result<(), StateError> {
    let at = |error: sqlx::Error| broken(path, &error);
    let mut conn = pool.acquire().await.map_err(at)?;
    let found = version(&mut conn).await.map_err(at)?;
    if found > steps.len() {
        return Err(StateError::Unusable {
            message: format!(
                "`{}` is from a newer rollcall (format {found}, this one knows {})",
                path.display(),
                steps.len()
            ),
            hint: Some("use that version, or give another folder with `--state DIR`".into()),
        });
    }
    if found == steps.len() {
        return Ok(());
    }
    if found > 0 && seal.is_some() {
        settled(&mut conn, path).await?;
        back_up(&mut conn, path, found).await?;
    }
    // The write lock comes first: of two processes that open the file at once, the second finds the work done. All steps
    // go together, so that nobody ever sees a new file half made and takes it for an old one.
    let mut tx = conn.begin_with(WRITE).await.map_err(at)?;
    let found = version(&mut tx).await.map_err(at)?;
    if found > 0 && found < steps.len() && seal.is_some() {
        settled(&mut tx, path).await?;
    }
    for (index, step) in steps.iter().enumerate().skip(found) {
        sqlx::raw_sql(*step).execute(&mut *tx).await.map_err(at)?;
        if let Some(seal) = seal.filter(|_| index == CHAIN_STEP) {
            audit::begin(&mut tx, seal).await.map_err(at)?;
        }
        let stamp = format!("PRAGMA user_version = {}", index + 1);
        sqlx::raw_sql(sqlx::AssertSqlSafe(stamp)).execute(&mut *tx).await.map_err(at)?;
    }
    tx.commit().await.map_err(at)
}

/// Gives the format of a file; 0 where it is new.
pub(crate) async fn version(conn: &mut SqliteConnection) -> Result<usize, sqlx::Error> {
    let row = sqlx::query("PRAGMA user_version").fetch_one(conn).await?;
    Ok(usize::try_from(row.get::<i64, _>(0)).unwrap_or(usize::MAX))
}

/// Refuses while operations are open: what they mean is known to the version that began them.
async fn settled(conn: &mut SqliteConnection, path: &Path) -> Result<(), StateError> {
    let select = "SELECT count(*), min(run) FROM op WHERE settled IS NULL";
    let row = sqlx::query(select).fetch_one(conn).await.map_err(|error| broken(path, &error))?;
    let (open, run): (i64, Option<String>) = (row.get(0), row.get(1));
    if open == 0 {
        return Ok(());
    }
    Err(StateError::Unusable {
        message: format!(
            "`{}` is from an older rollcall, and {open} operations of run {} are not settled there",
            path.display(),
            run.unwrap_or_default()
        ),
        hint: Some("sync the job once with the older version, then use this one; nothing was changed".into()),
    })
}

/// Writes the file as it stands beside itself, and opens the copy to see that it is whole.
async fn back_up(conn: &mut SqliteConnection, path: &Path, found: usize) -> Result<PathBuf, StateError> {
    let (backup, file) = new_file(path, found)?;
    let failed = |error: sqlx::Error| {
        // Half a backup is none: whoever finds it must not rely on it.
        let _ = std::fs::remove_file(&backup);
        broken(&backup, &error)
    };
    let text = backup.to_str().ok_or_else(|| StateError::Unusable {
        message: format!("the path of the state, `{}`, is no valid Unicode", path.display()),
        hint: Some("give another folder with `--state DIR`".into()),
    })?;
    sqlx::query("VACUUM INTO $1").bind(text).execute(&mut *conn).await.map_err(failed)?;
    file.sync_all().map_err(|error| files::unusable(&backup, &error))?;
    let options = SqliteConnectOptions::new().filename(&backup).read_only(true).immutable(true);
    let mut copy = options.connect().await.map_err(failed)?;
    let whole: String =
        sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut copy).await.map_err(failed)?;
    let same = version(&mut copy).await.map_err(failed)? == found;
    copy.close().await.map_err(failed)?;
    if whole != "ok" || !same {
        let _ = std::fs::remove_file(&backup);
        return Err(StateError::Unusable {
            message: format!("the backup `{}` of the state is not whole: {whole}", backup.display()),
            hint: Some("check the disk; the state itself was not changed".into()),
        });
    }
    Ok(backup)
}

/// Makes the backup's file, which nobody else can read and which no earlier backup has.
fn new_file(path: &Path, found: usize) -> Result<(PathBuf, std::fs::File), StateError> {
    let mut number = 1u32;
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".v{found}.bak-{number}"));
        let backup = PathBuf::from(name);
        match files::new(&backup) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(files::unusable(&backup, &error)),
            Ok(file) => return Ok((backup, file)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use sqlx::sqlite::SqliteJournalMode;

    use super::*;
    use crate::schema;
    use crate::store::Store;

    /// Makes a state's folder as the first version left it, with one run of one operation.
    async fn old(folder: &Path, settled: Option<&str>) {
        Store::open(folder).await.unwrap();
        let path = folder.join("state.db");
        std::fs::remove_file(&path).unwrap();
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut conn = options.journal_mode(SqliteJournalMode::Wal).connect().await.unwrap();
        sqlx::raw_sql(schema::STATE[0]).execute(&mut conn).await.unwrap();
        sqlx::raw_sql("PRAGMA user_version = 1").execute(&mut conn).await.unwrap();
        let insert = "INSERT INTO run (id, job, office, kind, started, document) VALUES ('r1', 'J', 'O', 'sync', 1, '{}')";
        sqlx::raw_sql(insert).execute(&mut conn).await.unwrap();
        let insert =
            "INSERT INTO op (run, seq, change, key, write, settled) VALUES ('r1', 0, 0, 'a', '{}', $1)";
        sqlx::query(insert).bind(settled).execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    }

    fn backups(folder: &Path) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.retain(|path| path.to_str().unwrap().contains(".bak-"));
        found.sort();
        found
    }

    async fn version_of(path: &Path) -> usize {
        let mut conn = SqliteConnectOptions::new().filename(path).read_only(true).connect().await.unwrap();
        version(&mut conn).await.unwrap()
    }

    #[tokio::test]
    async fn an_older_file_is_backed_up_and_then_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        old(folder.path(), Some("applied")).await;
        let store = Store::open(folder.path()).await.unwrap();
        let found = backups(folder.path());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].to_str().unwrap().ends_with("state.db.v1.bak-1"));
        assert_eq!(std::fs::metadata(&found[0]).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(version_of(&found[0]).await, 1);
        assert_eq!(version_of(&folder.path().join("state.db")).await, schema::STATE.len());
        assert!(store.audit_chain().await.unwrap().breaks.is_empty());
        drop(store);
        Store::open(folder.path()).await.unwrap();
        assert_eq!(backups(folder.path()).len(), 1, "what is up to date is not backed up again");
    }

    #[tokio::test]
    async fn unsettled_operations_stop_the_migration_and_nothing_changes() {
        let folder = tempfile::tempdir().unwrap();
        old(folder.path(), None).await;
        let before = version_of(&folder.path().join("state.db")).await;
        let Err(StateError::Unusable { message, hint }) = Store::open(folder.path()).await else {
            panic!("opened")
        };
        assert!(message.contains("1 operations of run r1 are not settled"), "{message}");
        assert!(hint.unwrap().contains("older version"));
        assert_eq!(version_of(&folder.path().join("state.db")).await, before);
        assert!(backups(folder.path()).is_empty());
    }

    #[tokio::test]
    async fn a_name_that_is_taken_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        old(folder.path(), Some("applied")).await;
        // Whatever stands there stays.
        std::fs::create_dir(folder.path().join("state.db.v1.bak-1")).unwrap();
        Store::open(folder.path()).await.unwrap();
        assert_eq!(version_of(&folder.path().join("state.db.v1.bak-2")).await, 1);
    }

    #[tokio::test]
    async fn a_new_file_needs_no_backup_and_two_who_open_it_agree() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let (one, other) = tokio::join!(Store::open(path), Store::open(path));
        let (one, other) = (one.unwrap(), other.unwrap());
        assert!(backups(path).is_empty());
        assert_eq!(one.audit_chain().await.unwrap(), other.audit_chain().await.unwrap());
    }
}
