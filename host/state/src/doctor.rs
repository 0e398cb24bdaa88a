//! Looking after the state: what `doctor` finds without changing anything.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rollcall_core::text::count;
use rollcall_edges::clock::Instant;
use rollcall_edges::directory::{Finding, FindingState};
use rollcall_edges::state::StateError;
use rollcall_sqlite::{Connection, open_read_only};

use crate::limits::{SPACE_LOW_BYTES, SPACE_NONE_BYTES};
use crate::sql::Worked;
use crate::store::Store;
use crate::{lease, migrate, schema, sql};

/// Says how something was found.
fn finding(subject: &str, state: FindingState, message: impl Into<String>, hint: Option<&str>) -> Finding {
    Finding { subject: subject.to_owned(), state, message: message.into(), hint: hint.map(str::to_owned) }
}

fn good(subject: &str, message: impl Into<String>) -> Finding {
    finding(subject, FindingState::Passed, message, None)
}

fn odd(subject: &str, message: impl Into<String>, hint: &str) -> Finding {
    finding(subject, FindingState::Warned, message, Some(hint))
}

fn bad(subject: &str, message: impl Into<String>, hint: &str) -> Finding {
    finding(subject, FindingState::Failed, message, Some(hint))
}

/// Says that the state cannot be used.
fn unusable(subject: &str, error: &StateError) -> Finding {
    let hint = match error {
        StateError::Unusable { hint, .. } => hint.clone(),
        _ => None,
    };
    Finding { subject: subject.to_owned(), state: FindingState::Failed, message: error.to_string(), hint }
}

/// Looks at the state in a folder: files, space, database, audit chain, runs and locks. Nothing is changed: what the
/// next command would narrow, migrate or make is only named.
pub fn examine(folder: &Path, now: Instant) -> Vec<Finding> {
    if !folder.exists() {
        return vec![good(
            "state",
            format!("`{}` does not exist yet; the first run makes it", folder.display()),
        )];
    }
    let mut found = permissions(folder);
    found.extend(space(folder));
    found.extend(sizes(folder));
    let path = folder.join("state.db");
    if !path.exists() {
        found.push(good("database", "there is none yet; the first run makes it"));
        return found;
    }
    match database(&path) {
        Err(error) => {
            found.push(unusable("database", &schema::told(&path, error)));
            return found;
        }
        Ok((findings, true)) => found.extend(findings),
        Ok((findings, false)) => {
            found.extend(findings);
            return found;
        }
    }
    match Store::open(folder) {
        Err(error) => found.push(unusable("key", &error)),
        Ok(store) => match store.examine(now) {
            Ok(findings) => found.extend(findings),
            Err(error) => found.push(unusable("database", &error)),
        },
    }
    found
}

/// Looks at owners and permissions of everything in the folder.
fn permissions(folder: &Path) -> Vec<Finding> {
    let us = rustix::process::geteuid().as_raw();
    let (mut open, mut foreign, mut seen) = (Vec::new(), Vec::new(), 0usize);
    let mut look = |path: &Path| {
        let Ok(meta) = std::fs::symlink_metadata(path) else { return };
        seen += 1;
        if meta.permissions().mode() & 0o077 != 0 && !meta.is_symlink() {
            open.push(format!("`{}` is {:04o}", path.display(), meta.permissions().mode() & 0o7777));
        }
        if meta.uid() != us {
            foreign.push(format!("`{}` belongs to user {}", path.display(), meta.uid()));
        }
    };
    look(folder);
    walk(folder).iter().for_each(|path| look(path));
    let mut found = Vec::new();
    if !open.is_empty() {
        let message = format!("others may read what is here: {}", some(&open));
        found.push(bad(
            "permissions",
            message,
            "`chmod -R go-rwx` the folder; files are 0600 and folders 0700",
        ));
    }
    if !foreign.is_empty() {
        let message = format!("not everything is this user's (user {us}): {}", some(&foreign));
        found.push(bad(
            "owner",
            message,
            "run every command as the same user, or `chown -R` the folder to it",
        ));
    }
    if found.is_empty() {
        found.push(good("permissions", format!("{seen} files and folders, for this user alone")));
    }
    found
}

/// Names the first few of many.
fn some(all: &[String]) -> String {
    const SHOWN: usize = 5;
    let more = if all.len() > SHOWN { format!(" and {} more", all.len() - SHOWN) } else { String::new() };
    all.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ") + &more
}

/// Gives everything below a folder, in order.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path.clone());
            }
            all.push(path);
        }
    }
    all.sort();
    all
}

/// Looks at the space that is left.
fn space(folder: &Path) -> Vec<Finding> {
    let Ok(stat) = rustix::fs::statvfs(folder) else { return Vec::new() };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let text = format!("{} free", size(free));
    vec![match free {
        free if free < SPACE_NONE_BYTES => {
            bad("space", text, "free some: a run that cannot write its journal sends nothing")
        }
        free if free < SPACE_LOW_BYTES => odd("space", text, "free some before it runs out"),
        _ => good("space", text),
    }]
}

/// Tells how large the caches are, and what lies about.
fn sizes(folder: &Path) -> Vec<Finding> {
    let of = |name: &str| -> u64 {
        walk(&folder.join(name))
            .iter()
            .filter_map(|path| path.metadata().ok())
            .filter(|meta| meta.is_file())
            .map(|meta| meta.len())
            .sum()
    };
    let database = std::fs::metadata(folder.join("state.db")).map_or(0, |meta| meta.len());
    let message = format!(
        "state.db {}, mirrors {}, compiled connectors {}",
        size(database),
        size(of("mirrors")),
        size(of("components"))
    );
    let mut found = vec![good("size", message)];
    let names: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    let named = |wanted: &dyn Fn(&str) -> bool| -> Vec<String> {
        let mut list: Vec<String> =
            names.iter().filter(|name| wanted(name)).map(|name| format!("`{name}`")).collect();
        list.sort();
        list
    };
    let backups = named(&|name| name.contains(".bak-"));
    if !backups.is_empty() {
        let message = format!("backups of before an upgrade: {}", some(&backups));
        found.push(odd(
            "backup",
            message,
            "delete them once you are content with the upgrade; they hold the same persons",
        ));
    }
    let left = named(&|name| name.starts_with("stand-in-") || name.contains(".new-"));
    if !left.is_empty() {
        let message = format!("left behind by a process that was killed: {}", some(&left));
        found.push(odd("leftovers", message, "delete them while no rollcall is running"));
    }
    found
}

/// Writes bytes for a person.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        1_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

/// Looks at the database's file without changing it. `false`: there is no point in looking further.
fn database(path: &Path) -> Worked<(Vec<Finding>, bool)> {
    let state = open_read_only(path)?;
    let mut found = Vec::new();
    let version = migrate::version(&state)?;
    let known = schema::STATE.len();
    if version > known {
        let message = format!("it is from a newer rollcall (format {version}, this one knows {known})");
        found.push(bad("database", message, "use that version, or give another folder with `--state DIR`"));
        return Ok((found, false));
    }
    let broken = integrity(&state)?;
    if !broken.is_empty() {
        let message = format!("it is damaged: {}", some(&broken));
        found.push(bad(
            "database",
            message,
            "restore a backup of the state's folder; without it every user that was made becomes unowned",
        ));
        return Ok((found, false));
    }
    if version < known {
        let message = format!("whole; format {version} is older than this version's, {known}");
        found.push(odd("database", message, "the next run brings it up to date and writes a backup first"));
        return Ok((found, false));
    }
    found.push(good("database", format!("whole, format {version}")));
    Ok((found, true))
}

fn integrity(state: &Connection) -> Worked<Vec<String>> {
    let mut broken: Vec<String> = sql::all(state, "PRAGMA integrity_check(20)", [], |row| Ok(row.get(0)?))?;
    broken.retain(|line| line != "ok");
    broken.extend(sql::all(state, "PRAGMA foreign_key_check", [], |row| {
        let (from, to): (String, String) = (row.get(0)?, row.get(2)?);
        Ok(format!("a row of `{from}` belongs to nothing in `{to}`"))
    })?);
    Ok(broken)
}

impl Store {
    /// Looks at what only the opened state can tell: the key, the chain, the runs, the clock and the locks.
    fn examine(&self, now: Instant) -> Result<Vec<Finding>, StateError> {
        let mut found = vec![self.codes_open()?];
        let chain = self.audit_chain()?;
        found.extend(chain.breaks.iter().map(|why| {
            bad(
                "audit",
                why.clone(),
                "somebody or something changed the history outside rollcall; compare with a backup",
            )
        }));
        if chain.breaks.is_empty() {
            let erased = if chain.erased > 0 {
                format!(", {} erased", count(chain.erased, "record"))
            } else {
                String::new()
            };
            let short = chain.head.get(..16).unwrap_or_default();
            found.push(good("audit", format!("{}{erased}, head {short}", count(chain.entries, "entry"))));
        }
        found.extend(self.runs_open()?);
        found.extend(self.clock(now)?);
        found.extend(self.locks());
        Ok(found)
    }

    /// Opens every sealed code of the links: the key fits, or it does not.
    fn codes_open(&self) -> Result<Finding, StateError> {
        let select = "SELECT DISTINCT job FROM link ORDER BY job";
        let jobs: Vec<String> = self.read(|state| sql::all(state, select, [], |row| Ok(row.get(0)?)))?;
        let mut links = 0;
        for job in &jobs {
            match self.read_links(job) {
                Ok(list) => links += list.len(),
                Err(error) => return Ok(unusable("key", &error)),
            }
        }
        Ok(good("key", format!("fits; {} of {}", count(links, "link"), count(jobs.len(), "job"))))
    }

    /// Names runs that did not come to their end.
    fn runs_open(&self) -> Result<Vec<Finding>, StateError> {
        let select = "SELECT id, job, (SELECT count(*) FROM op WHERE run = id AND sent IS NOT NULL AND settled IS NULL) \
                      FROM run WHERE ended IS NULL AND recovered IS NULL ORDER BY started, id";
        let rows: Vec<(String, String, i64)> = self
            .read(|state| sql::all(state, select, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))))?;
        let mut found = Vec::new();
        for (id, job, open) in rows {
            let holder = lease::holder(&self.folder.join("locks"), "job", &job);
            found.push(match holder {
                Some(holder) => good("run", format!("{id} of `{job}` is going on (process {holder})")),
                None => odd(
                    "run",
                    format!(
                        "{id} of `{job}` was interrupted; sent and not settled: {}",
                        count(open, "operation")
                    ),
                    &format!("`rollcall resume {id}` goes on with it, or the next sync looks after it"),
                ),
            });
        }
        for waiting in self.codes_waiting(None)? {
            let [message, hint] = waiting.told();
            found.push(odd("handover", message, &hint));
        }
        let held = "SELECT name, held FROM job WHERE held IS NOT NULL ORDER BY name";
        let held: Vec<(String, String)> =
            self.read(|state| sql::all(state, held, [], |row| Ok((row.get(0)?, row.get(1)?))))?;
        for (job, why) in held {
            let message = format!("`serve` leaves `{job}` alone: {why}");
            found.push(odd("held", message, "`rollcall sync JOB` by hand lets it go on"));
        }
        let unknown =
            "SELECT run, count(*) FROM op WHERE settled = 'unknown' GROUP BY run ORDER BY run DESC LIMIT 5";
        let unknown: Vec<(String, i64)> =
            self.read(|state| sql::all(state, unknown, [], |row| Ok((row.get(0)?, row.get(1)?))))?;
        for (id, unknown) in unknown {
            found.push(odd(
                "run",
                format!("not known whether they took place: {} of {id}", count(unknown, "operation")),
                &format!("`rollcall show {id}` names them; look at these users on the phone system"),
            ));
        }
        if found.iter().all(|one| one.subject != "run") {
            found.push(good("runs", "none is unfinished"));
        }
        Ok(found)
    }

    /// Holds the clock against what has happened already.
    fn clock(&self, now: Instant) -> Result<Vec<Finding>, StateError> {
        let mut found = Vec::new();
        let jumps = "SELECT name, jump_by FROM job WHERE jump_by IS NOT NULL ORDER BY name";
        let jumps: Vec<(String, i64)> =
            self.read(|state| sql::all(state, jumps, [], |row| Ok((row.get(0)?, row.get(1)?))))?;
        for (job, by) in jumps {
            let message = format!("it jumped by {} s before a run of `{job}`", by / 1000);
            let hint =
                "set the machine's clock (NTP); deletes and releases wait until time has passed in earnest";
            found.push(odd("clock", message, hint));
        }
        let select = "SELECT max(COALESCE(ended, started)) FROM run";
        let last: Option<i64> = self.read(|state| sql::value(state, select, []))?;
        found.push(match last {
            Some(last) if last > now.0 => bad(
                "clock",
                format!("it stands {} s before the end of the last run", (last - now.0) / 1000),
                "set the machine's clock (NTP): grace and quarantine are counted by it",
            ),
            _ => good("clock", "not before the last run"),
        });
        Ok(found)
    }

    /// Names who holds which lock. A lock's file stays when its holder goes; that is no leftover.
    fn locks(&self) -> Vec<Finding> {
        let held = lease::held(&self.folder.join("locks"));
        if held.is_empty() {
            return vec![good("locks", "none is held")];
        }
        held.iter()
            .map(|(what, holder)| good("locks", format!("a {what} is held by process {holder}")))
            .collect()
    }
}
