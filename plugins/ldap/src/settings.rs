//! What a job may say of an LDAP directory, and the mistakes that can be seen without asking it.

use rollcall_connector::Fault;
use rollcall_connector::ldap::Filter;
use serde::Deserialize;

use crate::dn;
use crate::limits::PAGE_SIZE_MOST;
use crate::schema::is_secret;

/// The settings, with the manifest's defaults filled in by the host.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// The server.
    pub url: String,
    /// Who signs in; none for nobody.
    #[serde(default)]
    pub bind_dn: Option<String>,
    /// Where users are.
    pub base_dn: String,
    /// What users must meet as well.
    #[serde(default)]
    pub filter: Option<String>,
    /// The object classes of users; none for what is usual.
    #[serde(default)]
    pub user_schema: Vec<String>,
    /// Attributes to read besides those that the job names.
    #[serde(default)]
    pub attributes: Vec<String>,
    /// How many entries a page should have.
    #[serde(default = "page_size")]
    pub page_size: u32,
    /// The groups whose members are read; none for everybody.
    #[serde(default)]
    pub group_dn: Vec<String>,
    /// Whether users with a disabled account are read.
    #[serde(default)]
    pub include_disabled: bool,
    /// Whether only what changed is read between full readings.
    #[serde(default)]
    pub changes_only: bool,
    /// The attributes that the job refers to; filled in by the host.
    #[serde(default)]
    pub select: Vec<String>,
}

fn page_size() -> u32 {
    500
}

/// Names of directories that some write where object classes belong.
const DIRECTORIES: [&str; 3] = ["active-directory", "activedirectory", "openldap"];

/// Attributes that change while the entry that shows them stays as it was: they tell what others point at it, what its
/// server counts for itself, or what it works out when it is asked.
const UNMARKED: [&str; 17] = [
    "memberof",
    "ismemberof",
    "nsrole",
    "directreports",
    "managedobjects",
    "lastlogon",
    "logoncount",
    "badpwdcount",
    "badpasswordtime",
    "lastlogoff",
    "canonicalname",
    "tokengroups",
    "msds-user-account-control-computed",
    "msds-userpasswordexpirytimecomputed",
    "nsaccountlock",
    "entrydn",
    "dn",
];

impl Settings {
    /// Gives every mistake at once.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let mut name = |setting: &str, text: &str| match dn::parse(text) {
            Err(why) => faults.push(
                Fault::new(setting, format!("`{text}` is no DN: {why}"))
                    .hint("write it as in `ou=people,dc=corp,dc=example`"),
            ),
            Ok(names) if names.is_empty() => faults.push(Fault::new(setting, "the DN is empty")),
            Ok(_) => {}
        };
        name("base_dn", &self.base_dn);
        self.group_dn.iter().for_each(|group| name("group_dn", group));
        if let Some(text) = self.filter_text()
            && let Err(why) = Filter::parse(text)
        {
            let fault = Fault::new("filter", format!("`{text}` is no filter: {why}"));
            faults
                .push(fault.hint("write one whole filter, as in `(&(department=Sales)(telephoneNumber=*))`"));
        }
        if !(1..=PAGE_SIZE_MOST).contains(&self.page_size) {
            faults
                .push(Fault::new("page_size", format!("a page has between 1 and {PAGE_SIZE_MOST} entries")));
        }
        for (setting, names) in [("user_schema", self.classes()), ("attributes", self.attributes.clone())] {
            let odd = |name: &&String| {
                name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.;_".contains(&b))
            };
            faults.extend(
                names.iter().find(odd).map(|name| Fault::new(setting, format!("`{name}` is no name"))),
            );
        }
        let secret = self.attributes.iter().find(|name| is_secret(name));
        faults.extend(
            secret.map(|name| Fault::new("attributes", format!("`{name}` holds secrets and is never read"))),
        );
        faults
    }

    fn filter_text(&self) -> Option<&str> {
        self.filter.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }

    /// Gives the filter, as one part.
    pub(crate) fn filter(&self) -> Option<Filter> {
        Filter::parse(self.filter_text()?).ok()
    }

    /// Gives an attribute that the job looks at and that changes without a mark at the user's entry.
    pub(crate) fn unmarked(&self) -> Option<String> {
        let mut looked_at: Vec<&str> =
            self.select.iter().chain(&self.attributes).map(String::as_str).collect();
        let filter = self.filter();
        filter.iter().for_each(|filter| names(filter, &mut looked_at));
        let unmarked = |name: &&str| UNMARKED.contains(&name.to_ascii_lowercase().as_str());
        looked_at.into_iter().find(unmarked).map(str::to_owned)
    }

    /// Tells whether groups decide who is in scope or what users have.
    pub(crate) fn wants_groups(&self) -> bool {
        let mut columns = self.select.iter().chain(&self.attributes);
        !self.group_dn.is_empty() || columns.any(|column| column == "groups")
    }

    /// Gives the object classes that users must have one of; none for what is usual. Avaya's own screen takes several
    /// between commas.
    pub(crate) fn classes(&self) -> Vec<String> {
        let all = self.user_schema.iter().flat_map(|text| text.split(','));
        all.map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty() && !DIRECTORIES.contains(&name.to_ascii_lowercase().as_str()))
            .collect()
    }

    /// Names who signs in, for messages.
    pub(crate) fn who(&self) -> &str {
        self.bind_dn.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or("nobody (anonymously)")
    }
}

/// Collects the attributes that a filter looks at.
fn names<'a>(filter: &'a Filter, into: &mut Vec<&'a str>) {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().for_each(|part| names(part, into)),
        Filter::Not(part) => names(part, into),
        Filter::Rule(name, _) => into.extend(name.split(':').next()),
        Filter::Equal(name, _)
        | Filter::Present(name)
        | Filter::Pieces(name, _)
        | Filter::AtLeast(name, _)
        | Filter::AtMost(name, _)
        | Filter::About(name, _) => into.push(name),
    }
}
