//! The connector's bounds on what Microsoft Graph may make it do.

/// Users a page of Graph has at most; 1000 is refused with 400 ("between 1 and 999").
pub(crate) const USERS_A_PAGE: u32 = 999;

/// How often a listing begins again because Graph no longer knows the page it had announced.
pub(crate) const RESTARTS: u32 = 2;

/// How many pages in a row may be empty before a listing is given up, so that an endless one ends.
pub(crate) const EMPTY_PAGES: u32 = 1000;
