//! What a job may say of an Entra directory, and the mistakes that only show between settings.

use rollcall_connector::Fault;
use serde::Deserialize;

/// Whose users are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// All of the tenant.
    #[default]
    Tenant,
    /// The members of groups.
    Group,
}

/// The settings, with the manifest's presets and defaults filled in by the host.
#[derive(Clone, Debug, Deserialize)]
pub struct Settings {
    /// The tenant's ID or one of its domain names.
    pub tenant_id: String,
    /// The root of Microsoft Graph, without the version.
    pub graph_url: String,
    /// Where the host signs in.
    #[serde(default)]
    pub login_url: String,
    /// Whose users are read.
    #[serde(default)]
    pub scope: Scope,
    /// The groups' object IDs.
    #[serde(default)]
    pub group_id: Vec<String>,
    /// Whether members of groups in the group count.
    #[serde(default)]
    pub transitive: bool,
    /// Whether guests are read.
    #[serde(default)]
    pub include_guests: bool,
    /// Whether users with a disabled account are read.
    #[serde(default)]
    pub include_disabled: bool,
    /// An OData filter that users must meet as well.
    #[serde(default)]
    pub filter: Option<String>,
    /// Whether plain http is accepted for other machines.
    #[serde(default)]
    pub allow_insecure: bool,
    /// The attributes that the job refers to; filled in by the host.
    #[serde(default)]
    pub select: Vec<String>,
}

impl Settings {
    /// Gives every mistake that can be seen without asking Microsoft.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        self.tenant(&mut faults);
        self.groups(&mut faults);
        if self.filter().is_some_and(|filter| !balanced(filter)) {
            faults.push(Fault::new("filter", "the filter's parentheses or quotes do not match"));
        }
        for (name, url) in [("login_url", &self.login_url), ("graph_url", &self.graph_url)] {
            if !self.allow_insecure && plain_and_remote(url) {
                faults.push(
                    Fault::new(name, format!("`{url}` is not encrypted"))
                        .hint("use `https://`, or set `allow_insecure = true`"),
                );
            }
        }
        faults
    }

    /// Gives the filter, unless it is blank.
    pub(crate) fn filter(&self) -> Option<&str> {
        let filter = self.filter.as_deref()?.trim();
        (!filter.is_empty()).then_some(filter)
    }

    /// Tells whether changes show everything that matters. They know nothing of groups, and nobody but Graph can say
    /// whether a changed user meets an OData filter.
    pub(crate) fn can_go_on(&self) -> bool {
        self.scope == Scope::Tenant && self.filter().is_none()
    }

    fn tenant(&self, faults: &mut Vec<Fault>) {
        let id = self.tenant_id.as_str();
        // The sign-in takes these for any tenant, but an application has no home among them.
        if ["common", "organizations", "consumers"].contains(&id) {
            faults.push(
                Fault::new("tenant_id", format!("`{id}` is no tenant"))
                    .hint("copy the directory (tenant) ID from the app registration's overview"),
            );
        } else if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)) {
            faults.push(Fault::new("tenant_id", format!("`{id}` is neither a tenant ID nor a domain name")));
        }
    }

    fn groups(&self, faults: &mut Vec<Fault>) {
        match self.scope {
            Scope::Group if self.group_id.is_empty() => faults.push(
                Fault::new("group_id", "`scope = \"group\"` needs the group's object ID")
                    .hint("add `group_id = \"…\"`"),
            ),
            Scope::Tenant if !self.group_id.is_empty() => faults.push(
                Fault::new("group_id", "a group is named, but the whole tenant is read")
                    .hint("add `scope = \"group\"`"),
            ),
            Scope::Tenant if self.transitive => faults
                .push(Fault::new("transitive", "says something of groups, but the whole tenant is read")),
            _ => {}
        }
        for id in &self.group_id {
            if !is_guid(id) {
                faults.push(
                    Fault::new("group_id", format!("`{id}` is no object ID"))
                        .hint("copy the object ID from the group's overview; its name does not do"),
                );
            }
        }
    }
}

/// Tells whether a filter can be put in parentheses without changing what stands outside of them.
fn balanced(filter: &str) -> bool {
    let (mut depth, mut quoted) = (0_i32, false);
    for c in filter.chars() {
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return false;
        }
    }
    depth == 0 && !quoted
}

fn plain_and_remote(url: &str) -> bool {
    let lower = url.to_ascii_lowercase();
    let Some(rest) = lower.strip_prefix("http://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let loopback =
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    !loopback
}

fn is_guid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::{balanced, is_guid, plain_and_remote};

    #[test]
    fn a_filter_stays_within_its_parentheses() {
        let check = |filter: &str, expect: bool| assert_eq!(balanced(filter), expect, "{filter}");
        check("department eq 'Sales'", true);
        check("startswith(displayName,'O''(') or a eq 'b)'", true);
        check("a eq 1) or (b eq 2", false);
        check("a eq 'b", false);
        check("(a", false);
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        let check = |url: &str, expect: bool| assert_eq!(plain_and_remote(url), expect, "{url}");
        check("https://graph.microsoft.com", false);
        check("http://127.0.0.1:8080", false);
        check("http://[::1]:8080/x", false);
        check("HTTP://localhost", false);
        check("http://localhost.evil.test", true);
        check("http://10.0.0.1", true);
    }

    #[test]
    fn object_ids_are_guids() {
        assert!(is_guid("02bd9fd6-8f93-4758-87c3-1fb73740a315"));
        assert!(!is_guid("Sales"));
        assert!(!is_guid("02bd9fd6-8f93-4758-87c3-1fb73740a31z"));
    }
}
