//! What a job may say of an Okta organisation, and the mistakes that only show between settings.

use rollcall_connector::Fault;
use serde::Deserialize;

use crate::wire::Place;

/// The attribute that holds the names of a user's groups, which takes requests of its own.
pub(crate) const GROUPS: &str = "groups";

/// The settings, with the manifest's defaults filled in by the host.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// The organisation's address.
    pub org_url: String,
    /// The groups' IDs.
    #[serde(default)]
    pub group_id: Vec<String>,
    /// A search expression that users must meet.
    #[serde(default)]
    pub search: Option<String>,
    /// Whether suspended and deactivated users are read.
    #[serde(default)]
    pub include_disabled: bool,
    /// The attributes that the job refers to; filled in by the host.
    #[serde(default)]
    pub select: Vec<String>,
}

impl Settings {
    /// Gives every mistake that can be seen without asking Okta.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        // `https://acme-admin.okta.com` is where the browser of an administrator stands; the API is not there.
        if let Some((org, domain)) = self.host().split_once("-admin.okta") {
            faults.push(
                Fault::new("org_url", "this is the address of the admin console, not of the organisation")
                    .hint(format!("write `https://{org}.okta{domain}`")),
            );
        }
        let path = self.root().splitn(4, '/').nth(3).unwrap_or_default();
        if !path.is_empty() {
            faults.push(
                Fault::new(
                    "org_url",
                    format!("the organisation's address has no path, and this has `/{path}`"),
                )
                .hint("write it up to the host's name"),
            );
        }
        if self.search().is_some() && !self.group_id.is_empty() {
            faults.push(
                Fault::new("search", "Okta cannot search among the members of a group")
                    .hint("take out `search` or `group_id`; a rule can leave people out too"),
            );
        }
        for id in &self.group_id {
            if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)) {
                faults.push(
                    Fault::new("group_id", format!("`{id}` is no group ID"))
                        .hint("copy what stands behind `/group/` in the admin console's address of the group, such as `00g1emaKYZTWRYYRRTSK`"),
                );
            }
        }
        faults
    }

    /// Gives the address without a slash at its end.
    pub(crate) fn root(&self) -> &str {
        self.org_url.trim_end_matches('/')
    }

    /// Gives host and, where it is not the usual one, port: which organisation this is.
    pub(crate) fn host(&self) -> String {
        let rest = self.root().split_once("://").map_or(self.root(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default().to_ascii_lowercase()
    }

    /// Gives the search, unless it is blank.
    pub(crate) fn search(&self) -> Option<&str> {
        let search = self.search.as_deref()?.trim();
        (!search.is_empty()).then_some(search)
    }

    /// Tells whether the names of users' groups are asked for.
    pub(crate) fn wants_groups(&self) -> bool {
        self.select.iter().any(|name| name == GROUPS)
    }

    /// Tells whether what changed can be told by users' own times alone. Who joins or leaves a group stays unchanged,
    /// and who no longer meets a search is found by it no more.
    pub(crate) fn can_go_on(&self) -> bool {
        self.group_id.is_empty() && self.search().is_none() && !self.wants_groups()
    }

    /// Gives where users are read from, each group once.
    pub(crate) fn places(&self) -> Vec<Place> {
        if self.group_id.is_empty() {
            return vec![match (self.search(), self.include_disabled) {
                (Some(search), _) => Place::Search(search.to_owned()),
                (None, true) => Place::Anybody,
                (None, false) => Place::Everybody,
            }];
        }
        let mut places = Vec::new();
        for id in &self.group_id {
            let place = Place::Group(id.clone());
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }
}
