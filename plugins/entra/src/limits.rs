//! The connector's bounds on what Microsoft Graph may make it do.

/// Users a page of Graph has at most; 1000 is refused with 400 ("between 1 and 999").
pub(crate) const USERS_A_PAGE: u32 = 999;

/// How often a listing begins again because Graph no longer knows the page it had announced.
pub(crate) const RESTARTS: u32 = 2;

/// Users that one request asks for by their ids: Graph takes so many values behind `in`
/// (microsoft-graph-docs#21098: "Max allowed: 15").
pub(crate) const IDS_A_REQUEST: usize = 15;

/// How many pages such a request may be spread over; Graph may leave pages short and even empty.
pub(crate) const PAGES_OF_IDS: usize = 20;

/// How many users may have changed before everything is read instead. They take a hundred requests, which a listing
/// needs for a hundred thousand users; they are also all that is kept in memory at a time.
pub(crate) const CHANGED_MOST: usize = 1500;

/// The largest token that the host keeps, in bytes.
pub(crate) const TOKEN_BYTES: usize = 64 << 10;
