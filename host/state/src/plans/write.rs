//! Writing a plan file, line by line.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ring::hmac;
use rollcall_core::plan::Action;
use rollcall_core::{RecordId, Secret, Text};
use rollcall_edges::plans::{KeptPlan, PlanFileError};
use sha2::{Digest as _, Sha256};

use super::{Header, LAST, Last, Line, MAGIC, VERSION, code_row, hex, mac_key, state_name};
use crate::changes::{HeldDiagnostic, held_change, held_moves};
use crate::limits::PLAN_LINE_MOVES;
use crate::seal::Seal;
use crate::shapes::{Held, json};
use crate::store::Store;

impl Store {
    /// Tells whether a plan file may be written at a path: nothing stands there, or another plan file.
    ///
    /// # Errors
    /// Where something else stands there, or it cannot be read.
    pub fn plan_place(path: &Path) -> Result<(), PlanFileError> {
        let wrong =
            |message: String, hint: &str| PlanFileError::File { message, hint: Some(hint.to_owned()) };
        let another = "give `--out` another path";
        let there = match std::fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let folder = folder_of(path);
                if !folder.is_dir() {
                    let message = format!("the folder `{}` is not there", folder.display());
                    return Err(wrong(message, "make it first, or give `--out` another path"));
                }
                false
            }
            Err(error) => return Err(unwritable(path, &error)),
            Ok(meta) if !meta.is_file() => {
                return Err(wrong(format!("`{}` is no regular file", path.display()), another));
            }
            Ok(_) => true,
        };
        if there && !begins_like_plan(path).map_err(|error| unwritable(path, &error))? {
            let message = format!(
                "`{}` is there already and is no plan file, so it is not overwritten",
                path.display()
            );
            return Err(wrong(message, another));
        }
        Ok(())
    }

    /// Tells whether a file begins like a plan file; what it holds besides, only reading it tells.
    pub fn is_plan(path: &Path) -> bool {
        path.is_file() && begins_like_plan(path).unwrap_or(true)
    }

    /// Writes a plan file, 0600 and whole or not at all, and keeps its codes.
    ///
    /// # Errors
    /// Where [`Store::plan_place`] refuses the path, or file or state cannot be written.
    pub fn write_plan(&self, path: &Path, kept: &KeptPlan) -> Result<(), PlanFileError> {
        Self::plan_place(path)?;
        let beside = beside(path);
        let written = match self.lines(&beside, kept) {
            Ok(sealed) => self.keep_plan(kept, &sealed).map_err(PlanFileError::State),
            Err(error) => Err(error),
        };
        let written = written.map_err(|error| named(error, &beside, path));
        let placed = written.and_then(|()| {
            let synced = std::fs::rename(&beside, path).and_then(|()| sync_folder(path));
            synced.map_err(|error| unwritable(path, &error))
        });
        if placed.is_err() {
            let _ = std::fs::remove_file(&beside);
        }
        placed
    }

    /// Writes the lines and gives the sealed codes in the order of their numbers.
    fn lines(&self, path: &Path, kept: &KeptPlan) -> Result<Vec<String>, PlanFileError> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(|error| unwritable(path, &error))?;
        let mut lines = Lines { out: BufWriter::new(file), digest: Sha256::new(), path };
        lines.write(&json(&header(&self.seal, kept))?)?;
        let mut sealed = Vec::new();
        let plan = &kept.plan;
        for change in &plan.changes {
            let mut hide = |code: &Secret| {
                let place = u32::try_from(sealed.len()).unwrap_or(u32::MAX);
                sealed.push(self.seal.seal(code, &code_row(&kept.id, place))?);
                Ok(Held::Kept(place))
            };
            lines.line(&Line::Change(Box::new(held_change(change, &mut hide)?)))?;
        }
        for moves in plan.order.chunks(PLAN_LINE_MOVES) {
            lines.line(&Line::Order(held_moves(moves)))?;
        }
        let deletes = plan.changes.iter().filter(|change| change.action == Action::Delete);
        let deletes: BTreeSet<&RecordId> = deletes.map(|change| &change.id).collect();
        for RecordId { directory, native } in plan.missing.iter().filter(|id| deletes.contains(id)) {
            lines.line(&Line::Missing { directory: directory.to_string(), native: native.to_string() })?;
        }
        for RecordId { directory, native } in &kept.ended {
            lines.line(&Line::Ended { directory: directory.to_string(), native: native.to_string() })?;
        }
        let owned = |text: &Option<Text>| text.as_ref().map(ToString::to_string);
        for leaver in &plan.pending {
            let (key, why) = (leaver.key.to_string(), leaver.why.clone());
            let (name, extension) = (owned(&leaver.name), owned(&leaver.extension));
            lines.line(&Line::Pending { key, name, extension, why })?;
        }
        for (key, name, extension) in &plan.unchanged {
            lines.line(&Line::Unchanged(key.to_string(), name.to_string(), owned(extension)))?;
        }
        for found in &plan.diagnostics {
            lines.line(&Line::Note(HeldDiagnostic::from(found)))?;
        }
        for found in &kept.refusals {
            lines.line(&Line::Refused(HeldDiagnostic::from(found)))?;
        }
        lines.end(&self.seal)?;
        Ok(sealed)
    }
}

fn header(seal: &Seal, kept: &KeptPlan) -> Header {
    let plan = &kept.plan;
    Header {
        rollcall_plan: VERSION,
        id: kept.id.to_string(),
        state: state_name(seal),
        created: kept.created.0,
        job: kept.job.to_string(),
        file: kept.file.to_string(),
        decided_by: kept.decided_by.iter().map(|(name, of)| (name.to_string(), of.to_string())).collect(),
        directories: kept.directories.iter().map(|(name, id)| (name.to_string(), id.to_string())).collect(),
        office: kept.office.as_ref().map(ToString::to_string),
        directory_users: plan.reading.users.iter().map(|(name, users)| (name.to_string(), *users)).collect(),
        complete: plan.complete,
        applyable: plan.applyable,
        errored: plan.errored,
        owned: plan.owned,
        vanished: plan.vanished,
        undoes: plan.undoes.as_ref().map(ToString::to_string),
        accepted: kept.accepted.iter().map(|(name, figure)| (name.to_string(), *figure)).collect(),
    }
}

/// A file that is being written, with the digest of what it has so far.
struct Lines<'a> {
    out: BufWriter<File>,
    digest: Sha256,
    path: &'a Path,
}

impl Lines<'_> {
    fn line(&mut self, line: &Line) -> Result<(), PlanFileError> {
        self.write(&json(line)?)
    }

    fn write(&mut self, text: &str) -> Result<(), PlanFileError> {
        self.digest.update(text);
        self.digest.update("\n");
        writeln!(self.out, "{text}").map_err(|error| unwritable(self.path, &error))
    }

    fn end(mut self, seal: &Seal) -> Result<(), PlanFileError> {
        let tag = hmac::sign(&mac_key(seal), &self.digest.finalize());
        let last = json(&Last { mac: hex(tag.as_ref()) })?;
        debug_assert!(last.starts_with(LAST));
        let written = writeln!(self.out, "{last}").and_then(|()| self.out.flush());
        written.and_then(|()| self.out.get_ref().sync_all()).map_err(|error| unwritable(self.path, &error))
    }
}

fn begins_like_plan(path: &Path) -> std::io::Result<bool> {
    let mut head = Vec::new();
    File::open(path)?.take(MAGIC.len() as u64).read_to_end(&mut head)?;
    Ok(head == MAGIC.as_bytes())
}

/// Gives a name beside a path that no other process uses.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

/// Makes a new name in a folder last.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Names the file that was asked for instead of the one that was written beside it.
fn named(error: PlanFileError, beside: &Path, path: &Path) -> PlanFileError {
    match error {
        PlanFileError::File { message, hint } => {
            let message = message.replace(&*beside.to_string_lossy(), &path.to_string_lossy());
            PlanFileError::File { message, hint }
        }
        error => error,
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> PlanFileError {
    let hint = match error.kind() {
        ErrorKind::NotFound => "the folder must be there",
        ErrorKind::StorageFull => "free some space",
        _ => "check the permissions of the file and its folder, or give `--out` another path",
    };
    let message = format!("the plan file `{}` cannot be written: {error}", path.display());
    PlanFileError::File { message, hint: Some(hint.to_owned()) }
}
