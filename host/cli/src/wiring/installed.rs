//! Installed connectors, and the file that pins them.

use std::path::Path;

use rollcall_connectors::Package;
use rollcall_connectors::installed::{Installed, Register, Standing};
use rollcall_connectors::packing::Bundle;
use rollcall_connectors::packing::signature::Signature;
use rollcall_connectors::pins::{self, Pin, Pins};
use rollcall_core::{Diagnostic, codes};
use rollcall_job::job::{DirectoryJob, Job};
use rollcall_state::Shelf;

use super::{load_job, package, state_folder};
use crate::args::Global;
use crate::exit;
use crate::failure::Failure;

/// The connectors of a state.
pub(crate) struct Connectors {
    pub(crate) shelf: Shelf,
    pub(crate) register: Register,
}

impl Connectors {
    /// Reads what is installed in the state of a folder.
    pub(crate) fn of(state: &Path) -> Result<Self, Failure> {
        let shelf = Shelf::of(state);
        let register = register(&shelf)?;
        Ok(Self { shelf, register })
    }

    /// Opens an installed connector, where its package is what was installed and is still to be believed.
    pub(crate) fn open(
        &self,
        name: &str,
        installed: &Installed,
    ) -> Result<(Bundle, Standing), Vec<Diagnostic>> {
        let [file, signature] = installed.files();
        let read = |file: &str| self.shelf.file(file).map_err(|error| Failure::from(error).diagnostics);
        let bytes = read(&file)?.ok_or_else(|| {
            let message = format!("the package of the installed connector `{name}` is gone");
            vec![Diagnostic::error(codes::NOT_INSTALLED, message).hint("install it again")]
        })?;
        let signature =
            read(&signature)?.and_then(|bytes| Signature::parse(&String::from_utf8_lossy(&bytes)).ok());
        self.register.judge_installed(installed, bytes, signature.as_ref())
    }

    /// Gives the SHA-256 of the component in a pinned package, where that is the installed one.
    fn component_of(&self, pin: &Pin) -> Option<String> {
        let installed = self.register.connectors.get(&pin.name).filter(|known| known.sha256 == pin.sha256)?;
        let (bundle, _) = self.open(&pin.name, installed).ok()?;
        Some(bundle.package().digest_text())
    }
}

/// Reads the register; an empty one where nothing was ever installed.
pub(crate) fn register(shelf: &Shelf) -> Result<Register, Failure> {
    let Some(text) = shelf.register()? else { return Ok(Register::default()) };
    Register::parse(&text).map_err(|why| Failure { exit: exit::ERROR, diagnostics: vec![why] })
}

/// Refuses a partner's connector that takes the name of one of ours.
pub(crate) fn reserved(package: &Package) -> Result<(), Diagnostic> {
    let name = &package.manifest().name;
    if rollcall_bundled::find(name).is_none() {
        return Ok(());
    }
    let message = format!("the package takes the bundled name `{name}`");
    Err(Diagnostic::error(codes::NAME_RESERVED, message)
        .hint("bundled names are reserved; ask its author for another one"))
}

/// Gives the pins of a job's connectors as they are now, whatever was pinned before.
pub(crate) fn pins_of(global: &Global, path: &Path) -> Result<(Job, Vec<Pin>), Failure> {
    let (state, job) = (state_folder(global)?, load_job(path)?);
    let (mut pins, mut wrong) = (Vec::new(), Vec::new());
    for directory in &job.directories {
        if rollcall_bundled::find(&directory.connector).is_none() {
            match package::of_job(&state, directory) {
                Ok((_, pin)) => pins.push(pin),
                Err(found) => wrong.extend(found.into_iter().map(|one| job.resolve(directory.placed(one)))),
            }
        }
    }
    if wrong.is_empty() { Ok((job, pins)) } else { Err(Failure::invalid(wrong)) }
}

/// Reads the pins of a folder; none where there is no such file.
pub(crate) fn read_pins(folder: &Path) -> Result<Option<Pins>, Diagnostic> {
    let path = folder.join(pins::FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => Pins::parse(&text).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let message = format!("`{}` cannot be read: {error}", path.display());
            Err(Diagnostic::error(codes::LOCK_MISSING, message).hint("check its permissions"))
        }
    }
}

/// Adds pins to those of a folder. Lines of an earlier kind are completed where their packages are installed.
pub(crate) fn write_pins(folder: &Path, connectors: &Connectors, add: Vec<Pin>) -> Result<(), Failure> {
    let invalid = |why| Failure::invalid(vec![why]);
    let mut pins = read_pins(folder).map_err(invalid)?.unwrap_or_default();
    pins.complete(|pin| connectors.component_of(pin));
    for pin in add {
        pins.comparable(&pin).map_err(invalid)?;
        pins.put(pin);
    }
    let path = folder.join(pins::FILE);
    let beside = folder.join(format!("{}.new-{}", pins::FILE, std::process::id()));
    let written = std::fs::write(&beside, pins.text()).and_then(|()| std::fs::rename(&beside, &path));
    written.map_err(|error| {
        let message = format!("`{}` cannot be written: {error}", path.display());
        Failure::new(exit::ERROR, codes::FILE, message)
            .hint("check the folder, its permissions and its space")
    })
}

/// Holds a job's connector against `rollcall.lock`. `locked`: there must be one.
pub(super) fn check_pin(
    job: &Job,
    directory: &DirectoryJob,
    pin: Option<&Pin>,
    locked: bool,
) -> Result<(), Diagnostic> {
    let place = &["directory", "connector"];
    let Some(pin) = pin else {
        // A partner's connector whose name a later rollcall takes for its own is another one.
        let pins = read_pins(&job.folder).map_err(|why| why.path(place))?.unwrap_or_default();
        return pins.check_bundled(&directory.connector).map_err(|why| why.path(place));
    };
    held_to(&job.folder, pin, locked).map_err(|why| why.path(place))
}

/// Holds a connector against the pins of a folder. `locked`: there must be some.
pub(crate) fn held_to(folder: &Path, pin: &Pin, locked: bool) -> Result<(), Diagnostic> {
    match read_pins(folder)? {
        Some(pins) => pins.check(pin),
        None if locked => {
            let message =
                format!("there is no `{}` beside the job file, and `--locked` demands one", pins::FILE);
            let hint = "`rollcall connector lock JOB` writes it";
            Err(Diagnostic::error(codes::LOCK_MISSING, message).hint(hint))
        }
        None => Ok(()),
    }
}
