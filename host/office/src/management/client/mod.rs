//! A real IP Office behind its Management API.
//!
//! What it cannot do is told beforehand by [`abilities`](Office::abilities): hunt groups and mobile twinning are not
//! in its reach (ipoffice.md 3.1, read gap). A write is sent once; what became of it is looked at afterwards.

mod call;
mod compare;
mod config;
mod create;
mod extension;
mod find;
mod holders;
mod limits;
mod read;
mod session;
mod update;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::future::join_all;
use rollcall_core::ops::Write;
use rollcall_core::phone::{Abilities, Extension, PhoneUser, Standing};
use rollcall_core::waves::AtOnce;
use rollcall_core::{Diagnostic, Field, Guid, Text, codes};
use rollcall_edges::clock::SystemClock;
use rollcall_edges::office::{Locator, Office, OfficeError, Taken};
use rollcall_net::{AddressPolicy, Online, Options, Retrying, Schedule, SystemPause, Trust, Wire};
use url::Url;

pub use config::Config;

use super::wire::ANSWER_BYTES_MAX;
use find::Home;
use session::Session;

/// The fields that can be written. The last three steer rollcall itself and go over no wire.
const WRITABLE: [Field; 9] = [
    Field::Name,
    Field::FullName,
    Field::Email,
    Field::Extension,
    Field::LoginCode,
    Field::VoicemailCode,
    Field::UserIdentification,
    Field::UserProvisioningRule,
    Field::System,
];

/// A phone system behind its Management API, logged in.
pub struct Client {
    config: Config,
    root: Url,
    wire: Arc<dyn Wire>,
    session: tokio::sync::Mutex<Option<Session>>,
    known: Mutex<Known>,
    /// Who holds which name and number, for the creates of a run.
    holders: tokio::sync::Mutex<Option<holders::Holders>>,
}

/// What the client has learnt of the phone system.
#[derive(Default)]
struct Known {
    /// The systems; the primary first. Empty until they were read.
    homes: Vec<Home>,
    /// Which phone system it is.
    identity: Option<Text>,
    /// The system of each user and extension record, as a place in `homes`.
    places: BTreeMap<Guid, usize>,
    /// The GUID that each number's extension record had when it was last seen.
    records: BTreeMap<Text, Guid>,
    /// Whether a read of one user by its GUID gives all of them, or nothing.
    reads_all: bool,
    /// Whether such a read has given one user alone.
    reads_one: bool,
}

impl Client {
    /// Reaches the phone system and logs in. Nothing but a TLS handshake is sent before the certificate is trusted.
    ///
    /// # Errors
    /// `Untrusted` with the fingerprint, `Denied` for the credential, `Unreachable`.
    pub async fn connect(config: Config) -> Result<Self, OfficeError> {
        let trust = match (&config.certificate_sha256, &config.ca_file) {
            (Some(pin), _) => Trust::Pin(pin.to_string()),
            (None, Some(file)) => Trust::WithFile(file.clone()),
            (None, None) => Trust::Machine,
        };
        let options = Options {
            addresses: AddressPolicy::public().trusting(&config.address),
            trust,
            response_bytes: ANSWER_BYTES_MAX as u64,
            ..Options::default()
        };
        let online = Online::new(options).map_err(|error| call::not_sent(&error))?;
        let schedule = Schedule {
            attempts: limits::READ_ATTEMPTS,
            first_wait: limits::FIRST_WAIT,
            one_wait: limits::ONE_WAIT,
            all_waits: config.read_wait,
            ..Schedule::default()
        };
        // A write is not repeatable in the words of `net`, so that only reads are sent again.
        let wire = Retrying::new(online, schedule, Arc::new(SystemClock), Arc::new(SystemPause));
        Self::over(config, Arc::new(wire)).await
    }

    /// Logs in over a wire that is there already.
    ///
    /// # Errors
    /// As [`Client::connect`].
    pub async fn over(config: Config, wire: Arc<dyn Wire>) -> Result<Self, OfficeError> {
        let root = config.root()?;
        let client = Self {
            config,
            root,
            wire,
            session: Default::default(),
            known: Default::default(),
            holders: Default::default(),
        };
        client.login().await?;
        Ok(client)
    }

    async fn send_write(&self, write: &Write) -> Result<Option<PhoneUser>, OfficeError> {
        let homes = self.homes().await?;
        match write {
            Write::CreateUser { fields, system, template } => {
                self.create_user(fields, home(&homes, system)?, template.as_ref()).await.map(Some)
            }
            Write::UpdateUser { guid, expect, set } => self.update_user(guid, expect, set).await.map(Some),
            Write::Adopt { guid, expect } => self.update_user(guid, expect, &[]).await.map(Some),
            Write::Release { guid } => self.find(&Locator::Guid(guid.clone())).await,
            Write::DeleteUser { guid } => self.delete_user(guid).await.map(|()| None),
            Write::CreateExtension { number, kind, system } => {
                self.create_extension(number, kind, home(&homes, system)?).await.map(|()| None)
            }
            Write::RenumberExtension { from, to } => self.renumber_extension(from, to).await.map(|()| None),
            Write::DeleteExtension { number } => self.delete_extension(number).await.map(|()| None),
            Write::AddMember { .. } | Write::RemoveMember { .. } => {
                Err(OfficeError::Refused("the Management API does not reach hunt groups".into()))
            }
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl Office for Client {
    async fn identity(&self) -> Result<Text, OfficeError> {
        self.homes().await?;
        let identity = self.known().identity.clone();
        identity.ok_or_else(|| OfficeError::Damaged("the phone system lists no system".into()))
    }

    async fn abilities(&self) -> Result<Abilities, OfficeError> {
        Ok(Abilities { fields: WRITABLE.to_vec(), extensions: true })
    }

    async fn read(&self) -> Result<Standing, OfficeError> {
        self.read_all().await
    }

    async fn find(&self, who: &Locator) -> Result<Option<PhoneUser>, OfficeError> {
        let found = match who {
            Locator::Guid(guid) => self.user_by_guid(guid).await?,
            Locator::Name(name) => self.user_by_name(name).await?,
        };
        found.map(|found| found.phone_user()).transpose()
    }

    async fn write(&self, write: &Write) -> Result<Option<PhoneUser>, OfficeError> {
        let answer = self.send_write(write).await;
        self.note(write, &answer).await;
        answer
    }

    /// An update goes alone: what one loses that nobody planned stops the next.
    fn at_once(&self) -> AtOnce {
        AtOnce { calls: self.config.at_once, updates: 1 }
    }

    async fn write_all(&self, writes: &[Cow<'_, Write>]) -> Vec<Result<Option<PhoneUser>, OfficeError>> {
        join_all(writes.iter().map(|write| self.write(write))).await
    }

    async fn taken(&self, name: &str, number: Option<&str>) -> Result<Option<Taken>, OfficeError> {
        self.holder(name, number).await
    }

    async fn extension(&self, number: &str) -> Result<Option<Extension>, OfficeError> {
        Ok(self.extension_by_number(number).await?.map(|found| found.record))
    }

    async fn warnings(&self) -> Result<Vec<Diagnostic>, OfficeError> {
        if self.config.proved {
            return Ok(Vec::new());
        }
        let message =
            "the Management API hides some elements of a user from reads, and an update could clear them";
        let hint = "export the users in Web Manager, update one with rollcall, export again, and type \
                    `rollcall office compare BEFORE.xml AFTER.xml --prove JOB`";
        Ok(vec![Diagnostic::warning(codes::OFFICE_HIDES, message).hint(hint)])
    }

    async fn close(&self) {
        self.logout().await;
    }
}

/// Finds a system by name. Empty: the primary.
fn home<'a>(homes: &'a [Home], system: &str) -> Result<&'a Home, OfficeError> {
    let found = match system {
        "" => homes.first(),
        name => homes.iter().find(|home| &*home.system.name == name),
    };
    found.ok_or_else(|| OfficeError::Refused(format!("there is no system `{system}`")))
}
