//! Who can write what a job is made of. A job file is code: it names programs to run and decides whose telephones are
//! deleted, and `serve` runs it with nobody looking.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rollcall_core::{Diagnostic, codes};
use rollcall_job::job::{CredentialSource, HandoverTo, Job, PhoneSystem};
use rollcall_job::notify::Target;

/// Group or others may write.
const WRITABLE: u32 = 0o022;
/// Only its owner may rename or remove what lies in such a folder.
const STICKY: u32 = 0o1000;
/// The user who may do everything anyway.
const ROOT: u32 = 0;

/// Gives the files that decide what a job does: its own, those that it includes, its rules, a partner's connector, what
/// pins one, and the programs that it names by a path, for `[notify]` and for credentials.
pub(crate) fn files(job: &Job) -> Vec<PathBuf> {
    let mut files: BTreeSet<PathBuf> = job.files().map(PathBuf::from).collect();
    files.insert(job.file.clone());
    files.extend(job.rule_files.iter().cloned());
    let packages = job.directories.iter().map(|directory| &directory.connector);
    files.extend(packages.filter(|name| name.ends_with(".wasm")).map(|name| PathBuf::from(&**name)));
    files.insert(job.folder.join(rollcall_connectors::pins::FILE));
    let mut commands = Vec::new();
    if let Some(Target::Command(words)) = job.notify.as_ref().map(|notify| &notify.target) {
        commands.push(words);
    }
    if let Some(HandoverTo::Command(words)) = &job.handover {
        commands.push(words);
    }
    let password = match &job.phone_system {
        PhoneSystem::IpOffice(office) => Some(&office.password),
        PhoneSystem::Embedded { .. } => None,
    };
    for credential in job.directories.iter().flat_map(|one| one.credentials.values()).chain(password) {
        if let CredentialSource::Command(words) = &credential.source {
            commands.push(words);
        }
    }
    let programs = commands.into_iter().filter_map(|words| words.first());
    files.extend(programs.filter(|program| program.contains('/')).map(|program| PathBuf::from(&**program)));
    files.into_iter().collect()
}

/// Names every file that others than root and this process's user can write, or replace through a folder on its way. A
/// file that cannot be looked at is left to whoever reads it.
pub(crate) fn check(files: &[PathBuf]) -> Vec<Diagnostic> {
    let own = rustix::process::geteuid().as_raw();
    files.iter().filter_map(|file| one(file, own).err()).collect()
}

fn one(file: &Path, own: u32) -> Result<(), Diagnostic> {
    let refuse = |what: &Path, why: String| {
        let message = if what == file {
            format!("`{}` is code, and {why}", file.display())
        } else {
            format!("`{}` is code, and its folder `{}`: {why}", file.display(), what.display())
        };
        let hint = format!("`chmod go-w {0}`, owned by root or the user that runs this", what.display());
        Err(Diagnostic::error(codes::JOB_WRITABLE, message).hint(hint))
    };
    let Ok((absolute, real)) = ways(file) else { return Ok(()) };
    for way in [&absolute, &real] {
        for (index, path) in way.ancestors().enumerate() {
            // A link counts by who owns it; its own permissions mean nothing.
            let (Ok(link), Ok(meta)) = (path.symlink_metadata(), path.metadata()) else { continue };
            let shown = if index == 0 { file } else { path };
            if let Some(why) = why_not(&meta, own).or_else(|| foreign(&link, own)) {
                return refuse(shown, why);
            }
        }
    }
    Ok(())
}

/// Gives a file's way as it was named, from the root, and the one behind all links.
fn ways(file: &Path) -> io::Result<(PathBuf, PathBuf)> {
    Ok((std::path::absolute(file)?, file.canonicalize()?))
}

fn why_not(meta: &Metadata, own: u32) -> Option<String> {
    let sticky = meta.is_dir() && meta.mode() & STICKY != 0;
    if meta.mode() & WRITABLE != 0 && !sticky {
        let who = if meta.mode() & 0o002 != 0 { "everybody" } else { "its group" };
        return Some(format!("{who} can write it"));
    }
    foreign(meta, own)
}

fn foreign(meta: &Metadata, own: u32) -> Option<String> {
    let stranger = meta.uid() != ROOT && meta.uid() != own;
    stranger.then(|| format!("it belongs to another user (id {})", meta.uid()))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn said(file: &Path, root: &Path) -> String {
        let own = rustix::process::geteuid().as_raw();
        match one(file, own) {
            Ok(()) => String::new(),
            Err(found) => found.message.replace(root.to_str().unwrap(), "ROOT"),
        }
    }

    #[test]
    fn who_can_write() {
        let folder = tempfile::tempdir().unwrap();
        let root = &folder.path().canonicalize().unwrap();
        let (inner, file) = (root.join("jobs"), root.join("jobs/job.toml"));
        fs::create_dir(&inner).unwrap();
        fs::write(&file, "").unwrap();
        let mode = |path: &Path, mode: u32| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        let check = |of_folder: u32, of_file: u32, expect: &str| {
            mode(&inner, of_folder);
            mode(&file, of_file);
            assert_eq!(said(&file, root), expect, "{of_folder:o} {of_file:o}");
        };
        check(0o755, 0o644, "");
        check(0o755, 0o400, "");
        check(0o755, 0o664, "`ROOT/jobs/job.toml` is code, and its group can write it");
        check(0o755, 0o646, "`ROOT/jobs/job.toml` is code, and everybody can write it");
        check(
            0o777,
            0o644,
            "`ROOT/jobs/job.toml` is code, and its folder `ROOT/jobs`: everybody can write it",
        );
        check(
            0o775,
            0o644,
            "`ROOT/jobs/job.toml` is code, and its folder `ROOT/jobs`: its group can write it",
        );
        // Nobody can replace another's file in a sticky folder.
        check(0o1777, 0o644, "");
        // A link is followed, and both ways count.
        mode(&inner, 0o755);
        let link = root.join("link.toml");
        symlink(&file, &link).unwrap();
        assert_eq!(said(&link, root), "");
        mode(&file, 0o666);
        assert_eq!(said(&link, root), "`ROOT/link.toml` is code, and everybody can write it");
        mode(&file, 0o644);
        mode(&inner, 0o777);
        let said = said(&link, root);
        assert_eq!(said, "`ROOT/link.toml` is code, and its folder `ROOT/jobs`: everybody can write it");
        assert!(super::check(&[root.join("none.toml")]).is_empty());
    }

    #[test]
    fn somebody_elses_file() {
        let folder = tempfile::tempdir().unwrap();
        let root = &folder.path().canonicalize().unwrap();
        let file = root.join("job.toml");
        fs::write(&file, "").unwrap();
        // Only root can give a file away; anybody else has nothing to try this with.
        if std::os::unix::fs::chown(&file, Some(54_321), None).is_ok() {
            let expect = "`ROOT/job.toml` is code, and it belongs to another user (id 54321)";
            assert_eq!(said(&file, root), expect);
        }
    }
}
