//! How an older file becomes a newer one: forward only, in one transaction, with a backup first.

use std::path::{Path, PathBuf};

use rollcall_edges::state::StateError;
use rollcall_sqlite::{Connection, Database, open_read_only};

use crate::seal::Seal;
use crate::sql::{Failed, Worked};
use crate::{audit, files, schema, sql};

/// The step of `state.db` that brings the audit chain, counted from 0.
const CHAIN_STEP: usize = 1;

/// Brings a file up to date. `seal` comes with the state's own file, which is backed up before it is changed.
pub(crate) fn up(database: &Database, steps: &[&str], seal: Option<&Seal>) -> Result<(), StateError> {
    let path = database.path();
    let told = |failed| schema::told(path, failed);
    let found = database.with(version).map_err(told)?;
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
        database.with(|state| settled(state, path)).map_err(told)?;
        database.with(|state| back_up(state, path, found).map_err(Failed::State)).map_err(told)?;
    }
    // The write lock comes first: of two processes that open the file at once, the second finds the work done. All steps
    // go together, so that nobody ever sees a new file half made and takes it for an old one.
    let stepped = database.write(|state| {
        let found = version(state)?;
        if found > 0 && found < steps.len() && seal.is_some() {
            settled(state, path)?;
        }
        for (index, step) in steps.iter().enumerate().skip(found) {
            state.execute_batch(step)?;
            if let Some(seal) = seal.filter(|_| index == CHAIN_STEP) {
                audit::begin(state, seal)?;
            }
            state.execute_batch(&format!("PRAGMA user_version = {}", index + 1))?;
        }
        Ok(())
    });
    stepped.map_err(told)
}

/// Gives the format of a file; 0 where it is new.
pub(crate) fn version(state: &Connection) -> Worked<usize> {
    let version: i64 = sql::value(state, "PRAGMA user_version", [])?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// Refuses while operations are open: what they mean is known to the version that began them.
fn settled(state: &Connection, path: &Path) -> Worked<()> {
    let select = "SELECT count(*), min(run) FROM op WHERE settled IS NULL";
    let (open, run): (i64, Option<String>) =
        state.query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if open == 0 {
        return Ok(());
    }
    Err(Failed::State(StateError::Unusable {
        message: format!(
            "`{}` is from an older rollcall, and {open} operations of run {} are not settled there",
            path.display(),
            run.unwrap_or_default()
        ),
        hint: Some("sync the job once with the older version, then use this one; nothing was changed".into()),
    }))
}

/// Writes the file as it stands beside itself, and opens the copy to see that it is whole.
fn back_up(state: &Connection, path: &Path, found: usize) -> Result<PathBuf, StateError> {
    let (backup, file) = new_file(path, found)?;
    let failed = |failed| {
        // Half a backup is none: whoever finds it must not rely on it.
        let _ = std::fs::remove_file(&backup);
        schema::told(&backup, failed)
    };
    let text = backup.to_str().ok_or_else(|| StateError::Unusable {
        message: format!("the path of the state, `{}`, is no valid Unicode", path.display()),
        hint: Some("give another folder with `--state DIR`".into()),
    })?;
    sql::run(state, "VACUUM INTO ?1", [text]).map_err(failed)?;
    file.sync_all().map_err(|error| files::unusable(&backup, &error))?;
    let (whole, same) = looked_at(&backup, found).map_err(failed)?;
    if whole != "ok" || !same {
        let _ = std::fs::remove_file(&backup);
        return Err(StateError::Unusable {
            message: format!("the backup `{}` of the state is not whole: {whole}", backup.display()),
            hint: Some("check the disk; the state itself was not changed".into()),
        });
    }
    Ok(backup)
}

/// Gives what SQLite says of a backup, and whether it has the format that it should.
fn looked_at(backup: &Path, format: usize) -> Worked<(String, bool)> {
    let copy = open_read_only(backup)?;
    Ok((sql::value(&copy, "PRAGMA integrity_check(1)", [])?, version(&copy)? == format))
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

    use super::*;
    use crate::store::Store;

    /// Makes a state's folder as the first version left it, with one run of one operation.
    fn old(folder: &Path, settled: Option<&str>) {
        Store::open(folder).unwrap();
        let path = folder.join("state.db");
        std::fs::remove_file(&path).unwrap();
        let state = Connection::open(&path).unwrap();
        state.pragma_update(None, "journal_mode", "wal").unwrap();
        state.execute_batch(schema::STATE[0]).unwrap();
        state.execute_batch("PRAGMA user_version = 1").unwrap();
        let insert = "INSERT INTO run (id, job, office, kind, started, document) VALUES ('r1', 'J', 'O', 'sync', 1, '{}')";
        state.execute(insert, []).unwrap();
        let insert =
            "INSERT INTO op (run, seq, change, key, write, settled) VALUES ('r1', 0, 0, 'a', '{}', ?1)";
        state.execute(insert, [settled]).unwrap();
    }

    fn backups(folder: &Path) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.retain(|path| path.to_str().unwrap().contains(".bak-"));
        found.sort();
        found
    }

    fn version_of(path: &Path) -> usize {
        version(&open_read_only(path).unwrap()).unwrap()
    }

    #[test]
    fn an_older_file_is_backed_up_and_then_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        old(folder.path(), Some("applied"));
        let store = Store::open(folder.path()).unwrap();
        let found = backups(folder.path());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].to_str().unwrap().ends_with("state.db.v1.bak-1"));
        assert_eq!(std::fs::metadata(&found[0]).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(version_of(&found[0]), 1);
        assert_eq!(version_of(&folder.path().join("state.db")), schema::STATE.len());
        assert!(store.audit_chain().unwrap().breaks.is_empty());
        drop(store);
        Store::open(folder.path()).unwrap();
        assert_eq!(backups(folder.path()).len(), 1, "what is up to date is not backed up again");
    }

    #[test]
    fn unsettled_operations_stop_the_migration_and_nothing_changes() {
        let folder = tempfile::tempdir().unwrap();
        old(folder.path(), None);
        let before = version_of(&folder.path().join("state.db"));
        let Err(StateError::Unusable { message, hint }) = Store::open(folder.path()) else {
            panic!("opened")
        };
        assert!(message.contains("1 operations of run r1 are not settled"), "{message}");
        assert!(hint.unwrap().contains("older version"));
        assert_eq!(version_of(&folder.path().join("state.db")), before);
        assert!(backups(folder.path()).is_empty());
    }

    #[test]
    fn a_name_that_is_taken_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        old(folder.path(), Some("applied"));
        // Whatever stands there stays.
        std::fs::create_dir(folder.path().join("state.db.v1.bak-1")).unwrap();
        Store::open(folder.path()).unwrap();
        assert_eq!(version_of(&folder.path().join("state.db.v1.bak-2")), 1);
    }

    #[test]
    fn a_new_file_needs_no_backup_and_two_who_open_it_agree() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let (one, other) = std::thread::scope(|threads| {
            let one = threads.spawn(|| Store::open(path));
            (Store::open(path), one.join().unwrap())
        });
        let (one, other) = (one.unwrap(), other.unwrap());
        assert!(backups(path).is_empty());
        assert_eq!(one.audit_chain().unwrap(), other.audit_chain().unwrap());
    }
}
