//! The connector's bounds on what Okta may make it do, and how long it trusts what it has read.

/// Users a page has at most ("limit: default and maximum 200").
pub(crate) const USERS_A_PAGE: u32 = 200;

/// Members of a group a page has at most.
pub(crate) const MEMBERS_A_PAGE: u32 = 1000;

/// Groups a page has.
pub(crate) const GROUPS_A_PAGE: u32 = 200;

/// How many groups there may be where the groups of users are asked for: each takes a request at least.
pub(crate) const GROUPS_MOST: usize = 5_000;

/// How often a listing begins again because Okta no longer knows the page that it had announced.
pub(crate) const RESTARTS: u32 = 2;

/// How far before the last reading the next one begins, in seconds. Okta's search is eventually consistent: a change may
/// be found some time after it was made. What is read twice does no harm.
pub(crate) const OVERLAP_SECONDS: i64 = 15 * 60;
