//! Phone systems by what a job or a path says: an embedded file, or a real IP Office.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rollcall_core::{Diagnostic, codes};
use rollcall_edges::office::Office;
use rollcall_edges::state::State as _;
use rollcall_job::job::{IpOffice, Job, PhoneSystem};
use rollcall_net::{AddressPolicy, Looked, Origin, Trust};
use rollcall_office::Embedded;
use rollcall_office::import::{OfficeFile, read_templates};
use rollcall_office::management::{Client, Config};
use rollcall_state::Store;

use crate::args::Global;
use crate::exit;
use crate::failure::Failure;
use crate::wiring::{self, Intent, Session};

/// The first bytes of every SQLite file.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// A phone system that was reached.
pub(crate) struct Reached {
    office: wiring::AnyOffice,
    /// A stand-in for an embedded office that is not there yet; it goes when this is dropped.
    _stand_in: Option<StandIn>,
    /// What somebody should know of it.
    note: Option<Diagnostic>,
    /// Whether it was not there before.
    is_new: bool,
}

impl Reached {
    /// Gives what somebody should know of it.
    pub(crate) fn note(&self) -> Option<&Diagnostic> {
        self.note.as_ref()
    }

    /// Tells whether it was made just now, or is a stand-in for one that the first sync makes.
    pub(crate) const fn is_new(&self) -> bool {
        self.is_new
    }

    /// Gives it as the trait.
    pub(crate) fn office(&self) -> &dyn Office {
        &*self.office
    }
}

/// A file that only looks need: what the first sync would make.
struct StandIn(PathBuf);

impl Drop for StandIn {
    fn drop(&mut self) {
        for tail in ["", "-wal", "-shm"] {
            let mut name = self.0.clone().into_os_string();
            name.push(tail);
            let _ = std::fs::remove_file(name);
        }
    }
}

/// Reaches the phone system of a job.
pub(crate) async fn reach(session: &Session, intent: Intent) -> Result<Reached, Failure> {
    of_job(&session.job, &session.folder, intent)
        .await
        .map_err(|failure| Failure { diagnostics: session.located(failure.diagnostics), ..failure })
}

/// Reaches the phone system of a job that was read by itself.
pub(crate) async fn of_job(job: &Job, folder: &Path, intent: Intent) -> Result<Reached, Failure> {
    match &job.phone_system {
        PhoneSystem::Embedded { path } if path.exists() => Ok(Reached {
            office: Box::new(Embedded::open(path)?),
            _stand_in: None,
            note: None,
            is_new: false,
        }),
        PhoneSystem::Embedded { path } => missing(job, path, folder, intent).await,
        PhoneSystem::IpOffice(real) => {
            let proved = Store::open(folder)?.note(&proof_of(real))?.is_some();
            let config = config(job, real, proved)?;
            Ok(Reached {
                office: Box::new(Client::connect(config).await?),
                _stand_in: None,
                note: None,
                is_new: false,
            })
        }
    }
}

/// Makes an embedded office that is not there yet, or a stand-in for it where nothing may be changed.
async fn missing(job: &Job, path: &Path, folder: &Path, intent: Intent) -> Result<Reached, Failure> {
    let shown = path.display();
    let store = Store::open(folder)?;
    if store.job(&job.name).await?.office.is_some() {
        let message = format!(
            "the job `{}` is linked to a phone system, and its file `{shown}` does not exist",
            job.name
        );
        return Err(Failure::new(exit::REFUSED, codes::OFFICE_CHANGED, message)
            .hint("restore the file; or begin anew with another `name` or `--state DIR`"));
    }
    let with = "with a single system `Primary`";
    let (office, stand_in, what) = match intent {
        Intent::Write => {
            (Embedded::open_or_create(path)?, None, format!("`{shown}` did not exist; it was made {with}"))
        }
        Intent::Look => {
            let stand_in = StandIn(folder.join(format!("stand-in-{}.db", std::process::id())));
            let office = Embedded::create(&stand_in.0, &OfficeFile::plain())?;
            (office, Some(stand_in), format!("`{shown}` does not exist; the first sync makes it {with}"))
        }
    };
    let note = Diagnostic::note(codes::OFFICE_FILE, what).hint(
        "`rollcall office init OFFICE --from office.toml` makes one with systems, groups and templates",
    );
    Ok(Reached { office: Box::new(office), _stand_in: stand_in, note: Some(note), is_new: true })
}

fn config(job: &Job, real: &IpOffice, proved: bool) -> Result<Config, Failure> {
    let templates = read_templates(&real.templates).map_err(Failure::invalid)?;
    let password = wiring::password(job, &real.password)?;
    let usual = Config::new(real.address.clone(), real.port, real.username.clone(), password);
    let wait = real.timeout_ms.map(Duration::from_millis);
    Ok(Config {
        read_wait: wait.unwrap_or(usual.read_wait),
        write_wait: wait.unwrap_or(usual.write_wait),
        certificate_sha256: real.certificate_sha256.clone(),
        ca_file: real.ca_file.clone(),
        user_templates: templates.users,
        extension_templates: templates.extensions,
        at_once: real.at_once,
        proved,
        ..usual
    })
}

/// Looks at the certificate of a job's phone system; `None` for an embedded one.
pub(crate) async fn certificate(job: &Job) -> Option<(Origin, Looked)> {
    let PhoneSystem::IpOffice(real) = &job.phone_system else { return None };
    let origin = Origin::parse(&format!("https://{}:{}", real.address, real.port)).ok()?;
    let trust = match (&real.certificate_sha256, &real.ca_file) {
        (Some(pin), _) => Trust::Pin(pin.to_string()),
        (None, Some(file)) => Trust::WithFile(file.clone()),
        (None, None) => Trust::Machine,
    };
    let policy = AddressPolicy::public().trusting(&real.address);
    let seen = rollcall_net::certificate(&origin, &trust, policy).await;
    Some((origin, seen))
}

/// Names the note that an update of a phone system has been shown to keep what reads hide.
pub(crate) fn proof_of(real: &IpOffice) -> String {
    format!("update-keeps-hidden-elements {}:{}", real.address, real.port)
}

/// Checks what can be checked of the phone system without reaching it: the template files.
pub(crate) fn check_offline(job: &Job) -> Result<(), Vec<Diagnostic>> {
    match &job.phone_system {
        PhoneSystem::Embedded { .. } => Ok(()),
        PhoneSystem::IpOffice(real) => read_templates(&real.templates).map(drop),
    }
}

/// Opens an embedded office by its path.
pub(crate) fn embedded(path: &Path) -> Result<Embedded, Failure> {
    if !path.exists() {
        let message = format!("there is no office `{}`", path.display());
        return Err(
            Failure::new(exit::ERROR, codes::FILE, message).hint("`rollcall office init OFFICE` makes one")
        );
    }
    Ok(Embedded::open(path)?)
}

/// Reaches a phone system by what was typed: an embedded office's file, or a job file.
pub(crate) async fn of_argument(global: &Global, path: &Path) -> Result<Reached, Failure> {
    if is_embedded(path) {
        return Ok(Reached { office: Box::new(embedded(path)?), _stand_in: None, note: None, is_new: false });
    }
    if !path.exists() {
        let message = format!("there is no office or job file `{}`", path.display());
        return Err(Failure::new(exit::ERROR, codes::FILE, message)
            .hint("`rollcall office init OFFICE` makes an office"));
    }
    if !is_toml(path) {
        let message = format!("`{}` is neither an embedded office nor a job file", path.display());
        return Err(Failure::new(exit::ERROR, codes::OFFICE_DAMAGED, message));
    }
    let job = wiring::load_job(path)?;
    of_job(&job, &wiring::state_folder(global)?, Intent::Look).await
}

/// Gives the embedded office that was typed or that a job file names.
pub(crate) fn embedded_of_argument(path: &Path) -> Result<Embedded, Failure> {
    if is_embedded(path) || !path.exists() || !is_toml(path) {
        return embedded(path);
    }
    match wiring::load_job(path)?.phone_system {
        PhoneSystem::Embedded { path } => embedded(&path),
        PhoneSystem::IpOffice(_) => {
            let message = "this works on an embedded office only, and the job has a real IP Office";
            Err(Failure::new(exit::USAGE, codes::USAGE, message))
        }
    }
}

fn is_toml(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "toml")
}

fn is_embedded(path: &Path) -> bool {
    use std::io::Read as _;
    let mut head = [0u8; SQLITE.len()];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == SQLITE
}
