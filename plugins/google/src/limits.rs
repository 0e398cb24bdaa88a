//! The connector's bounds on what Google may make it do.

/// Users a page has at most ("maxResults: 1 to 500").
pub(crate) const USERS_A_PAGE: u32 = 500;

/// Groups, and members of a group, a page has at most.
pub(crate) const GROUPS_A_PAGE: u32 = 200;

/// How many groups there may be where the groups of users are asked for: each takes a request at least.
pub(crate) const GROUPS_MOST: usize = 5_000;

/// How often a listing begins again because Google no longer knows the page that it had announced (after three days).
pub(crate) const RESTARTS: u32 = 2;
