//! The walk over a listing: first the groups, where their names are asked for, then users page by page.
//!
//! A page that was announced may be forgotten. A restart is harmless: the host merges by id, and the last one wins.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rollcall_connector::http::Request;
use rollcall_connector::walk::{Found, Step, Steps};
use rollcall_connector::{Cell, Coverage, Error, log};

use crate::limits::{GROUPS_MOST, RESTARTS};
use crate::schema::cell;
use crate::settings::{GROUPS, Settings};
use crate::wire::{self, List};

/// A listing on its way.
pub struct Reading {
    settings: Settings,
    columns: Vec<String>,
    /// The next page of users; none before the first.
    next: Option<String>,
    groups: Groups,
    restarts: u32,
}

impl Reading {
    /// Begins, with no request yet.
    pub(crate) fn new(settings: Settings) -> Self {
        let groups = Groups { done: !settings.wants_groups(), ..Groups::default() };
        Self { columns: wire::columns(&settings), settings, next: None, groups, restarts: 0 }
    }

    /// Reads one page of users and tells whether it was the last.
    fn users(&mut self, found: &mut Found) -> Result<bool, Error> {
        let request = paged(wire::users(&self.settings, u32::MAX), self.next.as_deref());
        let page = match wire::page(&self.settings, &List::Users, request) {
            Err(Error::TokenExpired) if self.restarts < RESTARTS => {
                self.restarts += 1;
                self.next = None;
                log::warn("Google no longer knows the next page; reading again from the first");
                return Ok(false);
            }
            Err(Error::TokenExpired) => {
                return Err(Error::transient(format!(
                    "Google forgot the next page {} times",
                    self.restarts + 1
                )));
            }
            page => page?,
        };
        for row in &page.rows {
            let id = wire::id(row)?;
            if wire::wanted(&self.settings, row)? {
                let cells = self.columns.iter().map(|column| match column.as_str() {
                    GROUPS => self.groups.of(id),
                    column => cell(row, column),
                });
                found.user(id, cells.collect());
            }
        }
        follow(&mut self.next, page.next)?;
        Ok(self.next.is_none())
    }
}

impl Steps for Reading {
    fn columns(&self) -> Vec<String> {
        self.columns.clone()
    }

    fn step(&mut self, found: &mut Found) -> Result<Step, Error> {
        if !self.groups.done {
            self.groups.step(&self.settings)?;
            return Ok(Step::More);
        }
        if self.users(found)? {
            return Ok(Step::End { coverage: Coverage::Everything, token: None });
        }
        Ok(Step::More)
    }
}

/// Names the page that is asked for.
fn paged(request: Request, token: Option<&str>) -> Request {
    match token {
        Some(token) => request.query("pageToken", token),
        None => request,
    }
}

fn follow(next: &mut Option<String>, announced: Option<String>) -> Result<(), Error> {
    if announced.is_some() && announced == *next {
        return Err(Error::permanent("Google announced the same page twice"));
    }
    *next = announced;
    Ok(())
}

/// The names of everybody's groups: one listing of groups, then one of each group's members, never one a user.
#[derive(Default)]
struct Groups {
    done: bool,
    /// Whether all groups are known.
    listed: bool,
    /// The next page of groups or members.
    next: Option<String>,
    /// Groups whose members are still to be read, by id and name.
    waiting: VecDeque<(String, String)>,
    names: BTreeMap<String, BTreeSet<String>>,
}

impl Groups {
    fn step(&mut self, settings: &Settings) -> Result<(), Error> {
        let step = if self.listed { self.members(settings) } else { self.list(settings) };
        step.map_err(|error| match error {
            // To the host this would mean a token of its own, of which there is none.
            Error::TokenExpired => Error::transient("Google forgot the next page of groups"),
            error => error,
        })
    }

    fn list(&mut self, settings: &Settings) -> Result<(), Error> {
        let request = paged(wire::groups(settings, u32::MAX), self.next.as_deref());
        let page = wire::page(settings, &List::Groups, request)?;
        for row in &page.rows {
            let text =
                |name: &str| row.get(name).and_then(|value| value.as_str()).filter(|text| !text.is_empty());
            let name = text("name").or_else(|| text("email"));
            let name = name.ok_or_else(|| Error::permanent("Google gave a group without `name`"))?;
            self.waiting.push_back((wire::id(row)?.to_owned(), name.to_owned()));
        }
        if self.waiting.len() > GROUPS_MOST {
            return Err(Error::permanent(format!(
                "the account has more than {GROUPS_MOST} groups, and `groups` takes a request for each; map another \
                 attribute"
            )));
        }
        follow(&mut self.next, page.next)?;
        self.listed = self.next.is_none();
        self.done = self.listed && self.waiting.is_empty();
        Ok(())
    }

    fn members(&mut self, settings: &Settings) -> Result<(), Error> {
        let Some((id, name)) = self.waiting.front() else {
            self.done = true;
            return Ok(());
        };
        let request = paged(wire::members(settings, id, u32::MAX)?, self.next.as_deref());
        let page = wire::page(settings, &List::Members, request)?;
        // Members that are groups, or the whole account, have ids of their own, which no user has.
        for row in page.rows.iter().filter(|row| row.contains_key("id")) {
            self.names.entry(wire::id(row)?.to_owned()).or_default().insert(name.clone());
        }
        follow(&mut self.next, page.next)?;
        if self.next.is_none() {
            self.waiting.pop_front();
            self.done = self.waiting.is_empty();
        }
        Ok(())
    }

    fn of(&self, id: &str) -> Cell {
        Cell::from_texts(self.names.get(id).into_iter().flatten().cloned())
    }
}
