//! What a server says of itself: which directory it is, where it ends, what time it is there, which attributes it knows.

use rollcall_connector::ldap::{self, Entry, Filter, Scope};
use rollcall_connector::{Error, Fault};

use crate::dn::{normal, within};
use crate::mark::Counter;
use crate::schema::Schema;
use crate::settings::Settings;
use crate::values;

/// The login of the manifest.
pub(crate) const LOGIN: &str = "directory";

/// Active Directory, and Active Directory Lightweight Directory Services (MS-ADTS 3.1.1.3.4.3).
const CAPABILITIES: [&str; 2] = ["1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1851"];

const ROOT: [&str; 5] =
    ["namingContexts", "defaultNamingContext", "subschemaSubentry", "supportedCapabilities", "currentTime"];

/// What is asked for as well where changes are followed (MS-ADTS 3.1.1.3.2): the entry of this very controller's
/// settings, and the number of the last change.
const COUNTED: [&str; 2] = ["dsServiceName", "highestCommittedUSN"];

/// A server's own entry.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// Whether it speaks as Active Directory does.
    pub(crate) active_directory: bool,
    /// The part of the directory that holds the users, as the server writes it.
    pub(crate) context: String,
    /// What time it is there, in seconds since 1970.
    pub(crate) now: Option<i64>,
    subschema: Option<String>,
    service: Option<String>,
    last_change: Option<u64>,
}

impl Server {
    /// Asks a server for its own entry.
    pub(crate) fn read(settings: &Settings) -> Result<Self, Error> {
        let counted = COUNTED.iter().filter(|_| settings.changes_only);
        let wanted: Vec<&str> = ROOT.iter().chain(counted).copied().collect();
        let root = ldap::read(LOGIN, "", &wanted)?.unwrap_or_default();
        let active_directory = root.texts("supportedCapabilities").any(|one| CAPABILITIES.contains(&one));
        let base = normal(&settings.base_dn);
        // The longest one that the base lies in: contexts may lie in each other.
        let context = root
            .texts("namingContexts")
            .chain(root.text("defaultNamingContext"))
            .filter(|context| within(&base, &normal(context)))
            .max_by_key(|context| context.len());
        Ok(Self {
            active_directory,
            context: context.unwrap_or(&settings.base_dn).to_owned(),
            now: root.text("currentTime").and_then(values::seconds),
            subschema: root.text("subschemaSubentry").map(str::to_owned),
            service: root.text(COUNTED[0]).map(str::to_owned),
            last_change: root.text(COUNTED[1]).and_then(|number| number.parse().ok()),
        })
    }

    /// Asks for the schema; an empty one where it is not shown.
    pub(crate) fn schema(&self) -> Result<Schema, Error> {
        let Some(dn) = &self.subschema else { return Ok(Schema::default()) };
        // Some servers answer to nothing but this filter (RFC 4512, 4.4).
        let found = ldap::search(LOGIN, dn)
            .scope(Scope::Base)
            .filter(Filter::equal("objectClass", "subschema"))
            .attributes(["attributeTypes"])
            .start()?;
        let entry = found.all(1)?.pop().unwrap_or_default();
        Ok(Schema::read(entry.texts("attributeTypes")))
    }

    /// Asks a controller of Active Directory how far it has counted; none where it does not tell.
    pub(crate) fn counter(&self) -> Result<Option<Counter>, Error> {
        let (Some(controller), Some(last)) = (self.service.clone(), self.last_change) else {
            return Ok(None);
        };
        let database = match ldap::read(LOGIN, &controller, &["invocationId"]) {
            Ok(entry) => entry.as_ref().and_then(|entry| entry.bytes("invocationId")).and_then(values::guid),
            // Not to be seen by everybody. A number that goes back still shows that the database was put back.
            Err(Error::Denied(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(Some(Counter { controller, database, last }))
    }

    /// Makes sure that users can be looked for.
    pub(crate) fn base(&self, settings: &Settings) -> Result<(), Error> {
        match ldap::read(LOGIN, &settings.base_dn, &["1.1"])? {
            Some(_) => Ok(()),
            None => Err(absent("base_dn", &settings.base_dn, settings)),
        }
    }

    /// Gives the attributes by which a user is known for good, the usual one first.
    pub(crate) fn id_attributes(&self) -> &'static [&'static str] {
        // The others are those of 389 Directory Server and FreeIPA.
        if self.active_directory { &["objectGUID"] } else { &["entryUUID", "nsUniqueId", "ipaUniqueID"] }
    }

    /// Gives the id of an entry, where it shows one.
    pub(crate) fn shown_id(&self, entry: &Entry) -> Option<String> {
        let names = self.id_attributes();
        if self.active_directory {
            entry.bytes(names[0]).and_then(values::guid)
        } else {
            names.iter().find_map(|name| entry.text(name)).map(str::to_owned)
        }
    }

    /// Gives the id of a user's entry.
    pub(crate) fn id(&self, entry: &Entry, settings: &Settings) -> Result<String, Error> {
        self.shown_id(entry).ok_or_else(|| {
            let name = self.id_attributes()[0];
            let message = format!("the directory shows `{}` entries without `{name}`", settings.who());
            Error::missing(message, format!("read {name}"))
        })
    }
}

/// Asks which controller of Active Directory answers.
pub(crate) fn service() -> Result<Option<String>, Error> {
    let root = ldap::read(LOGIN, "", &[COUNTED[0]])?;
    Ok(root.and_then(|root| root.text(COUNTED[0]).map(str::to_owned)))
}

/// Says that an entry which the settings name is not there.
pub(crate) fn absent(setting: &str, dn: &str, settings: &Settings) -> Error {
    let fault = Fault::new(setting, format!("there is no entry `{dn}`"));
    Error::setting(fault.hint(format!("check it letter by letter; or `{}` may not see it", settings.who())))
}
