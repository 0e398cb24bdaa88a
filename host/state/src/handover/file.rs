//! A file of JSON lines, one a new user.
//!
//! It is 0600 from the moment it exists, and a file that others can read, or that is a link to somewhere else, is not
//! written to: the codes would be everybody's. A line is on the disk before the journal forgets its codes.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use rollcall_edges::handover::{Handover, HandoverError, NewUser};

use super::{failed, line, unusable};

/// How many bytes at the end of the file are looked at for a line that was cut off. No line is longer.
const TAIL_BYTES: u64 = 64 * 1024;

/// Hands users over to a file.
#[derive(Debug)]
pub struct HandoverFile {
    path: PathBuf,
}

impl HandoverFile {
    /// Names the file. Nothing is opened yet.
    pub const fn new(path: PathBuf) -> Self {
        Self { path }
    }
}

#[async_trait]
impl Handover for HandoverFile {
    async fn ready(&self) -> Result<(), HandoverError> {
        open(&self.path).map(drop)
    }

    async fn give(&self, user: &NewUser, again: bool) -> Result<(), HandoverError> {
        let line = line(user)?;
        let mut file = open(&self.path)?;
        // Two jobs may name one file; a line must not fall into the middle of another's.
        file.lock()
            .and_then(|()| append(&mut file, line.expose().as_bytes(), again))
            .map_err(|why| unusable("writing to", &self.path, &why))
    }
}

/// Opens the file, making it where there is none.
fn open(path: &Path) -> Result<File, HandoverError> {
    let made = OpenOptions::new().read(true).append(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(file) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            // The name of the new file must last as long as what is in it.
            let lasting = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
            return lasting.map(|()| file).map_err(|why| unusable("making", path, &why));
        }
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {}
        Err(why) => return Err(unusable("making", path, &why)),
    }
    let named = std::fs::symlink_metadata(path).map_err(|why| unusable("looking at", path, &why))?;
    if !named.is_file() {
        let message = format!("codes are handed over to a plain file, and `{}` is none", path.display());
        return Err(failed(message, "name a file under [handover] that is no link, folder or device"));
    }
    let file = OpenOptions::new().read(true).append(true).open(path);
    let file = file.map_err(|why| unusable("opening", path, &why))?;
    let opened = file.metadata().map_err(|why| unusable("looking at", path, &why))?;
    if (opened.dev(), opened.ino()) != (named.dev(), named.ino()) {
        let message = format!("`{}` was exchanged while it was opened", path.display());
        return Err(failed(message, "name a file under [handover] in a folder that is yours alone"));
    }
    let mode = opened.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let message = format!(
            "others can read or write `{}` (mode {mode:03o}), and codes are handed over to its owner alone",
            path.display()
        );
        return Err(failed(message, format!("type `chmod 600 {}`", path.display())));
    }
    Ok(file)
}

/// Appends a line, unless it is given `again` and stands there. What was cut off before is made whole.
fn append(file: &mut File, line: &[u8], again: bool) -> io::Result<()> {
    if again && holds(file, line)? {
        return file.sync_data();
    }
    let tail = tail(file)?;
    if tail.is_empty() {
        file.write_all(line)?;
    } else if line.starts_with(&tail) {
        file.write_all(&line[tail.len()..])?;
    } else {
        file.write_all(&[b"\n", line].concat())?;
    }
    file.sync_data()
}

/// Gives what stands behind the last line break.
fn tail(file: &mut File) -> io::Result<Vec<u8>> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(1)))?;
    let mut last = Vec::new();
    file.read_to_end(&mut last)?;
    if last.is_empty() || last == b"\n" {
        return Ok(Vec::new());
    }
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut end = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut end)?;
    let after = end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    Ok(end.split_off(after))
}

fn holds(file: &mut File, line: &[u8]) -> io::Result<bool> {
    file.seek(SeekFrom::Start(0))?;
    let mut all = Vec::new();
    file.read_to_end(&mut all)?;
    Ok(all.split_inclusive(|byte| *byte == b'\n').any(|other| other == line))
}
