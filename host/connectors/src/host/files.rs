//! `files`: granted folders, read only. A path is relative to them, and nothing that leads out of them is opened:
//! neither `..` nor a link. A file that changes while it is read is no reading of it.

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use rollcall_core::{Diagnostic, codes};
use tokio::io::AsyncReadExt;
use wasmtime::component::Resource;

use crate::blame::Blame;
use crate::limits::{FOLDER_NAMES, READ_BYTES, RECORDED_BYTES};
use crate::store::{Guest, Reach};
use crate::tape::Tape;
use crate::v0_1::files::{Host, HostFile};
use crate::v0_1::types::Error;
use crate::words::tame;

/// What a connector may read.
#[derive(Debug, Default)]
pub(crate) struct FilesGranted {
    /// What the settings name.
    pub(crate) named: Vec<Named>,
    /// In the order in which a path is looked for.
    pub(crate) folders: Vec<PathBuf>,
    /// Where what is read is recorded, or comes from.
    pub(crate) tape: Tape,
}

/// What a setting names.
#[derive(Clone, Debug)]
pub(crate) enum Named {
    /// A file; what lies beside it is closed.
    File(PathBuf),
    /// A folder: the files in it, but neither hidden ones nor folders of it. The connector knows it by its name.
    Folder(PathBuf),
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
    Disk(tokio::fs::File, Stamp),
    Memory(io::Cursor<Vec<u8>>),
}

/// What tells that a file was written to: its length in bytes, and when it was last changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp(u64, Option<SystemTime>);

impl Stamp {
    async fn of(file: &tokio::fs::File) -> io::Result<Self> {
        let metadata = file.metadata().await?;
        Ok(Self(metadata.len(), metadata.modified().ok()))
    }

    /// Fails where the file is not as it was.
    async fn compare(self, file: &tokio::fs::File) -> io::Result<()> {
        if Self::of(file).await? == self {
            return Ok(());
        }
        let why = "it changed meanwhile; whoever writes it should rename it into place when it is whole";
        Err(io::Error::other(why))
    }
}

/// Why a path is not opened.
#[derive(Debug)]
enum Closed {
    /// It is not granted.
    Out(String),
    /// It is a link that leads out of the granted folder.
    Link(String),
    /// It is not there, or no file.
    Absent(String),
    /// It cannot be read now.
    Unreadable(String),
}

impl Closed {
    fn link(shown: &str) -> Self {
        Self::Link(format!("the file `{shown}` is a link out of the granted folder"))
    }
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
        if let Some(found) = self.in_named_folder(path) {
            return found;
        }
        let named = self.named.iter().find_map(|named| match named {
            Named::File(file) if file.file_name().is_some_and(|name| Path::new(path) == Path::new(name)) => {
                Some(file)
            }
            _ => None,
        });
        let beside = named.map(|file| match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        });
        for folder in beside.iter().chain(&self.folders) {
            let root = canonical(folder)?;
            match root.join(path).canonicalize() {
                Ok(found) if found.starts_with(&root) => return Ok(found),
                Ok(_) => return Err(Closed::link(&shown)),
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

    /// Finds a folder that a setting names, or a file right inside it; none where the path begins elsewhere.
    fn in_named_folder(&self, path: &str) -> Option<Result<PathBuf, Closed>> {
        let mut parts = Path::new(path).components().filter(|part| *part != Component::CurDir);
        let first = parts.next()?.as_os_str();
        let folder = self.named.iter().find_map(|named| match named {
            Named::Folder(folder) if folder.file_name() == Some(first) => Some(folder),
            _ => None,
        })?;
        Some(canonical(folder).and_then(|root| {
            let shown = tame(path, 200);
            let Some(file) = parts.next().map(|part| part.as_os_str()) else {
                return Ok(root);
            };
            if parts.next().is_some() || is_hidden(&file.to_string_lossy()) {
                let why = "is not granted: of the folder, neither hidden files nor folders are";
                return Err(Closed::Out(format!("the file `{shown}` {why}")));
            }
            match root.join(file).canonicalize() {
                Ok(found) if found.parent() == Some(&root) => Ok(found),
                Ok(_) => Err(Closed::link(&shown)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Err(Closed::Absent(format!("there is no file `{shown}`")))
                }
                Err(error) => Err(Closed::Unreadable(format!("the file `{shown}` cannot be read: {error}"))),
            }
        }))
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
        let mut file = tokio::fs::File::open(&found).await.map_err(unreadable)?;
        let stamp = Stamp::of(&file).await.map_err(unreadable)?;
        if self.tape.records() {
            let mut bytes = Vec::new();
            (&mut file).take(RECORDED_BYTES + 1).read_to_end(&mut bytes).await.map_err(unreadable)?;
            if bytes.len() as u64 > RECORDED_BYTES {
                let most = RECORDED_BYTES >> 20;
                return Err(Closed::Out(format!(
                    "the file `{shown}` is larger than {most} MiB, too large to be recorded"
                )));
            }
            stamp.compare(&file).await.map_err(unreadable)?;
            self.tape.keep_file(path, &bytes).map_err(Closed::Unreadable)?;
            return Ok(Source::Memory(io::Cursor::new(bytes)));
        }
        Ok(Source::Disk(file, stamp))
    }

    fn names(&self, folder: &str) -> Result<Vec<String>, Closed> {
        if let Some(replayed) = self.tape.file(folder) {
            let listed = replayed.map_err(Closed::Out)?;
            let listed = String::from_utf8_lossy(&listed).into_owned();
            return Ok(listed.lines().map(str::to_owned).collect());
        }
        let shown = tame(folder, 200);
        let unreadable =
            |why: &str| Closed::Unreadable(format!("the folder `{shown}` cannot be read: {why}"));
        let named = self.in_named_folder(folder);
        let only_files = named.is_some();
        let found = named.unwrap_or_else(|| self.find(if folder.is_empty() { "." } else { folder }))?;
        let failed = |error: io::Error| unreadable(&error.to_string());
        let mut names = BTreeSet::new();
        for (at, entry) in std::fs::read_dir(&found).map_err(failed)?.enumerate() {
            if at == FOLDER_NAMES {
                return Err(Closed::Out(format!("the folder `{shown}` has more than {FOLDER_NAMES} names")));
            }
            let entry = entry.map_err(failed)?;
            let closed = is_hidden(&entry.file_name().to_string_lossy())
                || entry.file_type().map_err(failed)?.is_dir();
            if only_files && closed {
                continue;
            }
            let name = entry.file_name();
            match name.to_str().filter(|name| !name.chars().any(char::is_control)) {
                Some(name) => names.insert(name.to_owned()),
                // To leave it out would make the directory shorter than it is.
                None => {
                    let name = tame(&name.to_string_lossy(), 200);
                    return Err(unreadable(&format!("`{name}` in it is no usable name")));
                }
            };
        }
        let names: Vec<String> = names.into_iter().collect();
        self.tape.keep_file(folder, names.join("\n").as_bytes()).map_err(Closed::Unreadable)?;
        Ok(names)
    }
}

fn canonical(folder: &Path) -> Result<PathBuf, Closed> {
    folder.canonicalize().map_err(|error| {
        Closed::Unreadable(format!("the folder `{}` cannot be read: {error}", folder.display()))
    })
}

/// Says whether a name is of a file that is not meant for anybody: an editor's, a lock, a download on its way.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.')
}

impl Guest {
    fn closed(&mut self, closed: Closed) -> Error {
        let mut refused = |message: String, hint: &str| {
            let refused = Diagnostic::error(codes::CONNECTOR_REFUSED, message).hint(hint);
            self.blamed.note(Blame::Refused(Box::new(refused)))
        };
        match closed {
            Closed::Out(message) => {
                refused(message, "name the folder under `[directory.grants]`: `files = [\"…\"]`")
            }
            Closed::Link(message) => {
                refused(message, "put the file itself there, or name the folder that really holds it")
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
            Source::Disk(disk, stamp) => match disk.read(&mut bytes).await {
                Ok(0) => stamp.compare(disk).await.map(|()| 0),
                read => read,
            },
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
