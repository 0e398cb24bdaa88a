//! What a job may say of a Google account, and the mistakes that only show between settings.

use rollcall_connector::Fault;
use serde::Deserialize;

/// The attribute that holds the names of a user's groups, which takes requests of its own.
pub(crate) const GROUPS: &str = "groups";

/// What stands for the account of the administrator.
pub(crate) const MY_CUSTOMER: &str = "my_customer";

/// The settings, with the manifest's defaults filled in by the host.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// The account's ID.
    #[serde(default)]
    pub customer: Option<String>,
    /// One of its domains.
    #[serde(default)]
    pub domain: Option<String>,
    /// The administrator for whom the service account reads.
    pub admin: String,
    /// The organisational unit whose users are read.
    #[serde(default)]
    pub org_unit: Option<String>,
    /// A query that users must meet.
    #[serde(default)]
    pub query: Option<String>,
    /// Whether suspended and archived users are read.
    #[serde(default)]
    pub include_disabled: bool,
    /// Where the Directory API is.
    pub api_url: String,
    /// The attributes that the job refers to; filled in by the host.
    #[serde(default)]
    pub select: Vec<String>,
}

impl Settings {
    /// Gives every mistake that can be seen without asking Google.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.customer().is_some() && self.domain().is_some() {
            faults.push(
                Fault::new("domain", "`customer` means the whole account and `domain` one of its domains")
                    .hint("take one of them out"),
            );
        }
        if self.admin_domain().is_none() {
            faults.push(
                Fault::new("admin", format!("`{}` is no e-mail address", self.admin))
                    .hint("write the address of an administrator, not that of the service account"),
            );
        } else if self.admin.ends_with(".gserviceaccount.com") {
            faults.push(
                Fault::new("admin", "this is a service account, and it reads for somebody else")
                    .hint("write the address of an administrator of the account"),
            );
        }
        if self.org_unit().is_some_and(|path| !path.starts_with('/')) {
            faults.push(
                Fault::new("org_unit", "the path of an organisational unit begins with a slash")
                    .hint(format!("write `org_unit = \"/{}\"`", self.org_unit().unwrap_or_default())),
            );
        }
        faults
    }

    /// Gives which account, or domain of it, this is.
    pub(crate) fn account(&self) -> String {
        match (self.domain(), self.customer()) {
            (Some(domain), _) => domain.to_ascii_lowercase(),
            // Customer IDs have a case.
            (None, Some(customer)) if customer != MY_CUSTOMER => customer.to_owned(),
            _ => self.admin_domain().unwrap_or_default().to_ascii_lowercase(),
        }
    }

    /// Gives the parameter that every listing of users or groups needs.
    pub(crate) fn whose(&self) -> (&'static str, &str) {
        match self.domain() {
            Some(domain) => ("domain", domain),
            None => ("customer", self.customer().unwrap_or(MY_CUSTOMER)),
        }
    }

    /// Gives the customer, unless it is blank.
    pub(crate) fn customer(&self) -> Option<&str> {
        given(&self.customer)
    }

    /// Gives the domain, unless it is blank.
    pub(crate) fn domain(&self) -> Option<&str> {
        given(&self.domain)
    }

    /// Gives the organisational unit, unless it is blank.
    pub(crate) fn org_unit(&self) -> Option<&str> {
        given(&self.org_unit)
    }

    /// Gives the query, unless it is blank.
    pub(crate) fn query(&self) -> Option<&str> {
        given(&self.query)
    }

    /// Tells whether the names of users' groups are asked for.
    pub(crate) fn wants_groups(&self) -> bool {
        self.select.iter().any(|name| name == GROUPS)
    }

    fn admin_domain(&self) -> Option<&str> {
        self.admin.split_once('@').filter(|(who, at)| !who.is_empty() && at.contains('.')).map(|(_, at)| at)
    }
}

fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}
