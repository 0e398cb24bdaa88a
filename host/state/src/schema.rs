//! The tables, and how an older file becomes a newer one: forward only, all steps in one transaction.

use std::path::Path;
use std::time::Duration;

use rollcall_edges::state::StateError;
use rollcall_sqlite::{Database, Error, Options};

use crate::limits::BUSY_MS;
use crate::seal::Seal;
use crate::sql::Failed;
use crate::{files, migrate};

/// The steps of `state.db`; a step is never changed once it is released.
pub(crate) const STATE: &[&str] = &["
CREATE TABLE job (
    name TEXT PRIMARY KEY, directory TEXT, office TEXT, baseline INTEGER, scope BLOB
) STRICT;
CREATE TABLE link (
    job TEXT NOT NULL, directory TEXT NOT NULL, native TEXT NOT NULL, office TEXT NOT NULL, key TEXT NOT NULL,
    guid TEXT NOT NULL, written TEXT NOT NULL, rule TEXT, number_by_rule INTEGER NOT NULL,
    record TEXT, missing_since INTEGER, missing_reads INTEGER,
    PRIMARY KEY (job, directory, native)
) STRICT;
CREATE UNIQUE INDEX link_guid ON link (office, guid);
CREATE TABLE held (
    office TEXT NOT NULL, value TEXT NOT NULL, is_name INTEGER NOT NULL, directory TEXT NOT NULL,
    native TEXT NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (office, is_name, value)
) STRICT;
CREATE TABLE run (
    id TEXT PRIMARY KEY, job TEXT NOT NULL, office TEXT NOT NULL, kind TEXT NOT NULL, started INTEGER NOT NULL,
    ended INTEGER, exit INTEGER, document TEXT NOT NULL
) STRICT;
CREATE INDEX run_job ON run (job, started);
CREATE TABLE op (
    run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE, seq INTEGER NOT NULL, change INTEGER NOT NULL,
    directory TEXT, native TEXT, key TEXT NOT NULL, write TEXT NOT NULL, settled TEXT, why TEXT, at INTEGER,
    PRIMARY KEY (run, seq)
) STRICT;
CREATE INDEX op_record ON op (directory, native);
CREATE TABLE note (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
", "
-- The clock at the last run that passed, and the last jump of it.
ALTER TABLE job ADD COLUMN wall INTEGER;
ALTER TABLE job ADD COLUMN boot TEXT;
ALTER TABLE job ADD COLUMN uptime INTEGER;
ALTER TABLE job ADD COLUMN jump_at INTEGER;
ALTER TABLE job ADD COLUMN jump_by INTEGER;
ALTER TABLE job DROP COLUMN scope;
-- What a job was made of at the last run that passed: digests by name.
CREATE TABLE part (
    job TEXT NOT NULL, name TEXT NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (job, name)
) STRICT, WITHOUT ROWID;
-- The clock at the last run that passed on a phone system, whichever job's.
CREATE TABLE tick (office TEXT PRIMARY KEY, wall INTEGER NOT NULL, boot TEXT, uptime INTEGER) STRICT;
-- Which lease of a phone system is the latest: every operation checks it in its own transaction.
CREATE TABLE lease (office TEXT PRIMARY KEY, generation INTEGER NOT NULL) STRICT;
ALTER TABLE run ADD COLUMN file TEXT NOT NULL DEFAULT '';
ALTER TABLE run ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN accept TEXT NOT NULL DEFAULT '{}';
ALTER TABLE run ADD COLUMN moves TEXT NOT NULL DEFAULT '[]';
ALTER TABLE run ADD COLUMN users INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN owned INTEGER NOT NULL DEFAULT 0;
-- Which users stood when the plan was made; empty once the run has ended well.
ALTER TABLE run ADD COLUMN known BLOB;
-- When an interrupted run was looked after.
ALTER TABLE run ADD COLUMN recovered INTEGER;
UPDATE run SET recovered = started WHERE ended IS NULL;
ALTER TABLE op ADD COLUMN sent INTEGER;
UPDATE op SET sent = at WHERE settled IS NOT NULL;
CREATE INDEX op_open ON op (run) WHERE sent IS NOT NULL AND settled IS NULL;
-- A run's plan, one row a change, and what became of each.
CREATE TABLE change (
    run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE, idx INTEGER NOT NULL, action TEXT NOT NULL,
    directory TEXT NOT NULL, native TEXT NOT NULL, key TEXT NOT NULL, clears INTEGER NOT NULL, body TEXT NOT NULL,
    outcome TEXT NOT NULL DEFAULT 'planned', why TEXT, at INTEGER,
    PRIMARY KEY (run, idx)
) STRICT;
CREATE INDEX change_record ON change (directory, native);
-- Plan files that this state wrote: whether they were applied, and their codes.
CREATE TABLE plan (
    id TEXT PRIMARY KEY, job TEXT NOT NULL, created INTEGER NOT NULL, run TEXT, applied INTEGER
) STRICT;
CREATE TABLE plan_code (
    plan TEXT NOT NULL REFERENCES plan (id) ON DELETE CASCADE, place INTEGER NOT NULL, sealed TEXT NOT NULL,
    PRIMARY KEY (plan, place)
) STRICT, WITHOUT ROWID;
CREATE TABLE slot (
    job TEXT PRIMARY KEY, taken INTEGER NOT NULL, schedule TEXT NOT NULL, tries INTEGER NOT NULL, exit INTEGER,
    succeeded INTEGER
) STRICT;
CREATE TABLE told (
    job TEXT NOT NULL, kind TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (job, kind)
) STRICT;
ALTER TABLE link ADD COLUMN kept TEXT NOT NULL DEFAULT '{}';
ALTER TABLE link ADD COLUMN matched_by TEXT;
ALTER TABLE link ADD COLUMN user_template TEXT;
ALTER TABLE link ADD COLUMN extension_template TEXT;
ALTER TABLE link ADD COLUMN extension_type TEXT;
-- Why serve leaves a job alone until a sync by hand, and the run that is the reason.
ALTER TABLE job ADD COLUMN held TEXT;
ALTER TABLE job ADD COLUMN held_by TEXT;
-- The run that this one is the inverse of.
ALTER TABLE run ADD COLUMN undoes TEXT;
-- The name that the run's job had then, where it has another one now.
ALTER TABLE run ADD COLUMN named TEXT;
CREATE INDEX run_age ON run (started);
-- The audit chain: entries of digests, each bound to the one before, and beside them what they commit to.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, run TEXT NOT NULL,
    previous BLOB NOT NULL, root BLOB NOT NULL, digest BLOB NOT NULL
) STRICT;
CREATE INDEX audit_run ON audit (run);
CREATE TABLE audit_leaf (
    entry INTEGER NOT NULL REFERENCES audit (seq), idx INTEGER NOT NULL, what TEXT NOT NULL,
    commitment BLOB NOT NULL, salt BLOB, record TEXT,
    PRIMARY KEY (entry, idx)
) STRICT, WITHOUT ROWID;
CREATE TABLE audit_head (
    id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL, digest BLOB NOT NULL, mac BLOB NOT NULL
) STRICT;
CREATE INDEX change_at ON change (at);
", "
-- The directories of a job, by their names within it: which one each is, and how many users its last reading had that passed.
CREATE TABLE source (
    job TEXT NOT NULL, name TEXT NOT NULL, identity TEXT NOT NULL, baseline INTEGER, PRIMARY KEY (job, name)
) STRICT, WITHOUT ROWID;
INSERT INTO source (job, name, identity, baseline)
    SELECT DISTINCT job.name, link.directory, job.directory, job.baseline FROM job JOIN link ON link.job = job.name
    WHERE job.directory IS NOT NULL;
ALTER TABLE job DROP COLUMN directory;
ALTER TABLE job DROP COLUMN baseline;
-- Another one after every change of the ledger; random, so that a restored file is never taken for the one that it replaced.
CREATE TABLE stamp (id INTEGER PRIMARY KEY CHECK (id = 1), value BLOB NOT NULL) STRICT;
INSERT INTO stamp (id, value) VALUES (1, randomblob(16));
CREATE TRIGGER link_came AFTER INSERT ON link BEGIN UPDATE stamp SET value = randomblob(16); END;
CREATE TRIGGER link_changed AFTER UPDATE ON link BEGIN UPDATE stamp SET value = randomblob(16); END;
CREATE TRIGGER link_went AFTER DELETE ON link BEGIN UPDATE stamp SET value = randomblob(16); END;
CREATE TRIGGER held_came AFTER INSERT ON held BEGIN UPDATE stamp SET value = randomblob(16); END;
CREATE TRIGGER held_changed AFTER UPDATE ON held BEGIN UPDATE stamp SET value = randomblob(16); END;
CREATE TRIGGER held_went AFTER DELETE ON held BEGIN UPDATE stamp SET value = randomblob(16); END;
-- A job's last run, where that had nothing to do: a digest of what its plan came from, and its figures.
CREATE TABLE steady (job TEXT PRIMARY KEY, inputs BLOB NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX link_missing ON link (job) WHERE missing_since IS NOT NULL;
", "
-- What every run asks for first: the operations of which it is not known whether they took place. There are hardly any, and
-- they are found without a look at all others of the history.
CREATE INDEX op_unsure ON op (run) WHERE sent IS NOT NULL AND (settled IS NULL OR settled = 'unknown');
-- It answers what this one answered too.
DROP INDEX op_open;
"];

/// The steps of a mirror's file. It is a cache: a step may drop everything.
pub(crate) const MIRROR: &[&str] = &[
    "
CREATE TABLE listing (
    directory TEXT PRIMARY KEY, scope BLOB NOT NULL, token BLOB, users INTEGER NOT NULL
) STRICT;
CREATE TABLE heading (id INTEGER PRIMARY KEY, columns TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE record (
    directory TEXT NOT NULL, native TEXT NOT NULL, heading INTEGER NOT NULL, cells TEXT NOT NULL,
    PRIMARY KEY (directory, native)
) STRICT, WITHOUT ROWID;
",
    "
-- When everything was read for the last time.
ALTER TABLE listing ADD COLUMN covered INTEGER NOT NULL DEFAULT 0;
-- Another one after every listing that changed a record.
ALTER TABLE listing ADD COLUMN stamp BLOB NOT NULL DEFAULT x'';
",
    "
-- The marks of the users for whom there is nothing to do, one behind the other, by the hunt groups that are left out for them;
-- and when everybody was mapped last.
CREATE TABLE settled (left_out TEXT PRIMARY KEY, marks BLOB NOT NULL, since INTEGER NOT NULL) STRICT;
",
    "
-- Each record with its digest, so that one that arrives as it stands is known by a look. What was read before has none.
DROP TABLE record;
DELETE FROM listing;
DELETE FROM settled;
CREATE TABLE record (
    directory TEXT NOT NULL, native TEXT NOT NULL, heading INTEGER NOT NULL, digest BLOB NOT NULL, cells TEXT NOT NULL,
    PRIMARY KEY (directory, native)
) STRICT, WITHOUT ROWID;
",
];

/// Where a listing is staged. It belongs to one connection, so that two readings of one job, such as a preview during
/// a sync, never see each other's pages, and whatever is left of one is gone with its process.
pub(crate) const STAGED: &str = "CREATE TEMP TABLE IF NOT EXISTS staged (
    native TEXT PRIMARY KEY, heading INTEGER, digest BLOB, cells TEXT
) STRICT, WITHOUT ROWID";

/// Opens a database file with one connection, makes it where it is missing, and brings it up to date. A file that is
/// worth keeping comes with the `seal`: it is backed up before it is changed, and its audit chain is begun.
pub(crate) fn open(path: &Path, steps: &[&str], seal: Option<&Seal>) -> Result<Database, StateError> {
    // SQLite gives its side files the permissions of the file itself, so that has to be there first.
    drop(files::private(path)?);
    let options = Options {
        create: true,
        durable: seal.is_some(),
        patience: Duration::from_millis(BUSY_MS),
        pragmas: &[
            ("trusted_schema", "OFF"),
            // What is deleted is overwritten, so that a person who was erased is not found in a free page.
            ("secure_delete", "ON"),
            // Staged pages of a large directory belong on the disk; SQLite's temporary files have no name there.
            ("temp_store", "FILE"),
        ],
    };
    let database = Database::open(path, options).map_err(|error| broken(path, &error))?;
    migrate::up(&database, steps, seal)?;
    Ok(database)
}

/// Says what went wrong with a file.
pub(crate) fn told(path: &Path, failed: Failed) -> StateError {
    match failed {
        Failed::Sqlite(error) => broken(path, &error),
        Failed::State(error) => error,
    }
}

/// Says that a database file cannot be used, by what SQLite says.
pub(crate) fn broken(path: &Path, error: &Error) -> StateError {
    let text = error.to_string();
    let hint = if text.contains("malformed") || text.contains("not a database") {
        if path.components().any(|part| part.as_os_str() == "mirrors") {
            "it is a cache: delete the file, and the next run reads everything"
        } else {
            "restore a backup of the state's folder; without it every user that was made becomes unowned"
        }
    } else if text.contains("readonly") || text.contains("read-only") || text.contains("unable to open") {
        "the folder and its files must be writable for this user"
    } else if text.contains("full") || text.contains("disk I/O") {
        "is the disk full, over its quota, or failing? nothing was lost: the next run goes on from what stands"
    } else {
        "is another rollcall using it? else check the disk"
    };
    StateError::Unusable {
        message: format!("the state's `{}` cannot be used: {text}", path.display()),
        hint: Some(hint.into()),
    }
}
