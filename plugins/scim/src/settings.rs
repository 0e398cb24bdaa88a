//! What a job may say of a SCIM service, and the mistakes that only show between settings.

use rollcall_connector::Fault;
use serde::Deserialize;

use crate::limits::USERS_A_PAGE_MOST;

/// How to go from page to page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Paging {
    /// As the service says of itself.
    #[default]
    Auto,
    /// RFC 9865.
    Cursor,
    /// RFC 7644, 3.4.2.4.
    Index,
}

/// The settings, with the manifest's defaults filled in by the host.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// What stands before `/Users`.
    pub base_url: String,
    /// A filter that users must meet.
    #[serde(default)]
    pub filter: Option<String>,
    /// How many users are asked for at a time.
    pub page_size: i64,
    /// How to go from page to page.
    #[serde(default)]
    pub paging: Paging,
    /// Whether users that are not active are read.
    #[serde(default)]
    pub include_disabled: bool,
    /// The attributes that the job refers to; filled in by the host.
    #[serde(default)]
    pub select: Vec<String>,
}

impl Settings {
    /// Gives every mistake that can be seen without asking the service.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        if let Some(shorter) = self.root().strip_suffix("/Users") {
            faults.push(
                Fault::new("base_url", "this is the address of the users, not of the service")
                    .hint(format!("write `{shorter}`")),
            );
        }
        if !(1..=USERS_A_PAGE_MOST).contains(&self.page_size) {
            faults.push(Fault::new(
                "page_size",
                format!(
                    "{} users at a time cannot be asked for: 1 to {USERS_A_PAGE_MOST} can",
                    self.page_size
                ),
            ));
        }
        faults
    }

    /// Gives the address without a slash at its end.
    pub(crate) fn root(&self) -> &str {
        self.base_url.trim_end_matches('/')
    }

    /// Gives host and path: which service this is.
    pub(crate) fn place(&self) -> String {
        let rest = self.root().split_once("://").map_or(self.root(), |(_, rest)| rest);
        match rest.split_once('/') {
            Some((host, path)) => format!("{}/{path}", host.to_ascii_lowercase()),
            None => rest.to_ascii_lowercase(),
        }
    }

    /// Gives the filter, unless it is blank.
    pub(crate) fn filter(&self) -> Option<&str> {
        let filter = self.filter.as_deref()?.trim();
        (!filter.is_empty()).then_some(filter)
    }
}
