//! `files`: granted folders, read only. A path is relative to them, and nothing that leads out of them is opened:
//! neither `..` nor a link.

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};

use rollcall_core::{Diagnostic, codes};
use tokio::io::AsyncReadExt;
use wasmtime::component::Resource;

use crate::blame::Blame;
use crate::limits::{FOLDER_NAMES, READ_BYTES};
use crate::store::{Guest, Reach};
use crate::tape::Tape;
use crate::v0_1::files::{Host, HostFile};
use crate::v0_1::types::Error;
use crate::words::tame;

/// What a connector may read.
#[derive(Debug, Default)]
pub(crate) struct FilesGranted {
    /// The files that the settings name; what lies beside them is closed.
    pub(crate) files: Vec<PathBuf>,
    /// In the order in which a path is looked for.
    pub(crate) folders: Vec<PathBuf>,
    /// Where what is read is recorded, or comes from.
    pub(crate) tape: Tape,
}

/// An open file.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct File {
    name: String,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Disk(tokio::fs::File),
    Memory(io::Cursor<Vec<u8>>),
}

/// Why a path is not opened.
#[derive(Debug)]
enum Closed {
    /// It leads out of the granted folders.
    Out(String),
    /// It is not there, or no file.
    Absent(String),
    /// It cannot be read now.
    Unreadable(String),
}

impl FilesGranted {
    /// Finds what a path names, in the first folder that has it.
    fn find(&self, path: &str) -> Result<PathBuf, Closed> {
        let shown = tame(path, 200);
        let out = |why: &str| Closed::Out(format!("the file `{shown}` {why}"));
        if path.is_empty() || path.contains('\0') {
            return Err(Closed::Absent(format!("`{shown}` names no file")));
        }
        let normal = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if !Path::new(path).components().all(normal) {
            return Err(out("is not inside the granted folder"));
        }
        let named = self
            .files
            .iter()
            .find(|file| file.file_name().is_some_and(|name| Path::new(path) == Path::new(name)));
        let beside = named.map(|file| match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        });
        for folder in beside.iter().chain(&self.folders) {
            let root = match folder.canonicalize() {
                Ok(root) => root,
                Err(error) => {
                    return Err(Closed::Unreadable(format!(
                        "the folder `{}` cannot be read: {error}",
                        folder.display()
                    )));
                }
            };
            match root.join(path).canonicalize() {
                Ok(found) if found.starts_with(&root) => return Ok(found),
                Ok(_) => return Err(out("is a link out of the granted folder")),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(Closed::Unreadable(format!("the file `{shown}` cannot be read: {error}")));
                }
            }
        }
        if named.is_none() && self.folders.is_empty() {
            return Err(out("is not granted: the settings name another one"));
        }
        Err(Closed::Absent(format!("there is no file `{shown}`")))
    }

    async fn open(&self, path: &str) -> Result<Source, Closed> {
        if let Some(replayed) = self.tape.file(path) {
            return replayed.map(|bytes| Source::Memory(io::Cursor::new(bytes))).map_err(Closed::Out);
        }
        let found = self.find(path)?;
        let shown = tame(path, 200);
        let unreadable =
            |error: io::Error| Closed::Unreadable(format!("the file `{shown}` cannot be read: {error}"));
        // What is no plain file (a pipe, a device) would block when it is opened.
        if !tokio::fs::metadata(&found).await.map_err(unreadable)?.is_file() {
            return Err(Closed::Absent(format!("`{shown}` is no file")));
        }
        if self.tape.records() {
            let bytes = tokio::fs::read(&found).await.map_err(unreadable)?;
            self.tape.keep_file(path, &bytes).map_err(Closed::Unreadable)?;
            return Ok(Source::Memory(io::Cursor::new(bytes)));
        }
        tokio::fs::File::open(&found).await.map(Source::Disk).map_err(unreadable)
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, Closed> {
        if self.tape.replays() {
            return Err(Closed::Out("the names in a folder are not in a recording".to_owned()));
        }
        let found = self.find(if folder.is_empty() { "." } else { folder })?;
        let shown = tame(folder, 200);
        let listed = std::fs::read_dir(&found)
            .map_err(|error| Closed::Unreadable(format!("the folder `{shown}` cannot be read: {error}")))?;
        let mut names = BTreeSet::new();
        for entry in listed.take(FOLDER_NAMES + 1) {
            let entry = entry.map_err(|error| {
                Closed::Unreadable(format!("the folder `{shown}` cannot be read: {error}"))
            })?;
            if let Ok(name) = entry.file_name().into_string() {
                names.insert(name);
            }
        }
        if names.len() > FOLDER_NAMES {
            return Err(Closed::Out(format!("the folder `{shown}` has more than {FOLDER_NAMES} names")));
        }
        Ok(names.into_iter().collect())
    }
}

impl Guest {
    fn closed(&mut self, closed: Closed) -> Error {
        match closed {
            Closed::Out(message) => {
                let hint = "name the folder under `[directory.grants]`: `files = [\"…\"]`";
                let refused = Diagnostic::error(codes::CONNECTOR_REFUSED, message).hint(hint);
                self.blamed.note(Blame::Refused(Box::new(refused)))
            }
            Closed::Unreadable(message) => {
                self.blamed.note(Blame::Transient { message, retry_after_ms: None })
            }
            // To look whether a file is there is no failure: what that means, the connector knows.
            Closed::Absent(message) => Error::Permanent(message),
        }
    }

    fn files_silent(&mut self) -> Option<Error> {
        if self.reach != Reach::Nothing {
            return None;
        }
        let refused =
            Diagnostic::error(codes::CONNECTOR_REFUSED, "no file is read while settings are checked");
        Some(self.blamed.note(Blame::Refused(Box::new(refused))))
    }
}

impl Host for Guest {
    async fn open(&mut self, path: String) -> wasmtime::Result<Result<Resource<File>, Error>> {
        if let Some(error) = self.files_silent() {
            return Ok(Err(error));
        }
        let files = self.files.clone();
        match files.open(&path).await {
            Ok(source) => Ok(Ok(self.table.push(File { name: tame(&path, 200), source })?)),
            Err(closed) => Ok(Err(self.closed(closed))),
        }
    }

    async fn names(&mut self, folder: String) -> wasmtime::Result<Result<Vec<String>, Error>> {
        if let Some(error) = self.files_silent() {
            return Ok(Err(error));
        }
        let files = self.files.clone();
        Ok(files.names(&folder).map_err(|closed| self.closed(closed)))
    }
}

impl HostFile for Guest {
    async fn read(&mut self, file: Resource<File>, max: u32) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        let file = self.table.get_mut(&file)?;
        let mut bytes = vec![0; usize::try_from(max.clamp(1, READ_BYTES))?];
        let read = match &mut file.source {
            Source::Disk(disk) => disk.read(&mut bytes).await,
            Source::Memory(memory) => io::Read::read(memory, &mut bytes),
        };
        match read {
            Ok(count) => bytes.truncate(count),
            Err(error) => {
                let message = format!("the file `{}` cannot be read: {error}", file.name);
                return Ok(Err(self.blamed.note(Blame::Transient { message, retry_after_ms: None })));
            }
        }
        if self.meter.read(bytes.len(), &self.limits) {
            Ok(Ok(bytes))
        } else {
            Ok(Err(self.too_many_bytes()))
        }
    }

    async fn drop(&mut self, file: Resource<File>) -> wasmtime::Result<()> {
        self.table.delete(file)?;
        Ok(())
    }
}

impl Guest {
    /// Says that the listing read more than it may.
    pub(crate) fn too_many_bytes(&mut self) -> Error {
        self.over_limit("bytes_mib", self.limits.bytes >> 20, "MiB read from the directory")
    }

    /// Says that a limit is reached, with the line that moves it.
    pub(crate) fn over_limit(&mut self, name: &str, limit: u64, what: &str) -> Error {
        let message = format!("more than {limit} {what}");
        let hint = format!("raise `{name}` under `[directory.limits]`");
        let refused = Diagnostic::error(codes::CONNECTOR_REFUSED, message).hint(hint);
        self.blamed.note(Blame::Refused(Box::new(refused)))
    }
}
