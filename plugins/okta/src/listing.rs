//! The walk over a listing: first the groups, where their names are asked for, then users page by page.
//!
//! Rows may repeat and a page that was announced may be forgotten. A restart is harmless: the host merges by id, and the
//! last one wins.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rollcall_connector::walk::{Found, Step, Steps};
use rollcall_connector::{Cell, Coverage, Error, log};

use crate::limits::{GROUPS_MOST, RESTARTS};
use crate::mark::Mark;
use crate::schema::{ALWAYS, cell};
use crate::settings::{GROUPS, Settings};
use crate::wire::{self, Place};

/// A listing on its way.
pub struct Reading {
    settings: Settings,
    columns: Vec<String>,
    /// What is left to be read, the first one being read.
    places: VecDeque<Place>,
    /// The next page of that place; none before its first.
    next: Option<String>,
    groups: Groups,
    /// From where it goes on; none: from the beginning.
    since: Option<Mark>,
    /// When it began, by Okta's clock.
    began: Option<i64>,
    restarts: u32,
}

impl Reading {
    /// Begins, or goes on where an earlier reading ended; no request is sent yet.
    pub(crate) fn open(settings: Settings, since: Option<&[u8]>) -> Result<Self, Error> {
        let mark = since.map(|token| Mark::of_token(token).ok_or(Error::TokenExpired)).transpose()?;
        if mark.is_some() && !settings.can_go_on() {
            return Err(Error::TokenExpired);
        }
        let mut columns: Vec<String> = ALWAYS.map(str::to_owned).into();
        columns.extend(settings.select.iter().filter(|name| !ALWAYS.contains(&name.as_str())).cloned());
        let places = match mark {
            Some(mark) => vec![wire::changes(mark)],
            None => settings.places(),
        };
        let groups = Groups { done: !settings.wants_groups(), ..Groups::default() };
        Ok(Self {
            settings,
            columns,
            places: places.into(),
            next: None,
            groups,
            since: mark,
            began: None,
            restarts: 0,
        })
    }

    /// Reads one page of users.
    fn users(&mut self, place: &Place, found: &mut Found) -> Result<(), Error> {
        let request = match &self.next {
            None => place.first(&self.settings, u32::MAX)?,
            Some(url) => wire::follow(&self.settings, place, url)?,
        };
        let page = match wire::users(place, request) {
            Err(Error::TokenExpired) if self.restarts < RESTARTS => {
                self.restarts += 1;
                self.next = None;
                log::warn("Okta no longer knows the next page; reading again from the first");
                return Ok(());
            }
            Err(Error::TokenExpired) => {
                return Err(Error::transient(format!(
                    "Okta forgot the next page {} times",
                    self.restarts + 1
                )));
            }
            page => page?,
        };
        if self.began.is_none() {
            self.began = page.at;
            // By Okta's clock, which the first answer is the first to tell.
            if let (Some(mark), Some(now)) = (self.since, page.at)
                && mark.lies_ahead(now)
            {
                return Err(Error::TokenExpired);
            }
        }
        if page.next.is_some() && page.next == self.next {
            return Err(Error::permanent("Okta announced the same page twice"));
        }
        for row in &page.rows {
            let id = wire::id(row)?;
            if wire::wanted(&self.settings, row)? {
                let cells = self.columns.iter().map(|column| match column.as_str() {
                    GROUPS => self.groups.of(id),
                    column => cell(row, column),
                });
                found.user(id, cells.collect());
            } else if self.since.is_some() {
                found.gone(id);
            }
        }
        self.next = page.next;
        if self.next.is_none() {
            self.places.pop_front();
        }
        Ok(())
    }

    /// Gives the token for the next run; none where it would not see what has changed.
    fn token(&self) -> Option<Vec<u8>> {
        let read = self.began.filter(|_| self.settings.can_go_on())?;
        Mark { read }.token()
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
        if let Some(place) = self.places.front().cloned() {
            self.users(&place, found)?;
        }
        if !self.places.is_empty() {
            return Ok(Step::More);
        }
        let coverage = if self.since.is_some() { Coverage::Changes } else { Coverage::Everything };
        Ok(Step::End { coverage, token: self.token() })
    }
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
        if self.listed { self.members(settings) } else { self.list(settings) }
    }

    fn list(&mut self, settings: &Settings) -> Result<(), Error> {
        let request = match &self.next {
            None => wire::first_groups(settings, u32::MAX),
            Some(url) => wire::follow_groups(settings, url)?,
        };
        let page = wire::groups(request)?;
        for row in &page.rows {
            // `Everyone` says nothing of anybody.
            if row.get("type").and_then(|kind| kind.as_str()) == Some("BUILT_IN") {
                continue;
            }
            let name = row.get("profile").and_then(|profile| profile.get("name")?.as_str());
            let name = name.ok_or_else(|| Error::permanent("Okta gave a group without `profile.name`"))?;
            self.waiting.push_back((wire::id(row)?.to_owned(), name.to_owned()));
        }
        if self.waiting.len() > GROUPS_MOST {
            return Err(Error::permanent(format!(
                "the organisation has more than {GROUPS_MOST} groups, and `groups` takes a request for each; give \
                 `group_id`, or map another attribute"
            )));
        }
        self.go_on(page.next)?;
        self.listed = self.next.is_none();
        self.done = self.listed && self.waiting.is_empty();
        Ok(())
    }

    fn members(&mut self, settings: &Settings) -> Result<(), Error> {
        let Some((id, name)) = self.waiting.front() else {
            self.done = true;
            return Ok(());
        };
        let request = match &self.next {
            None => wire::members(settings, id, u32::MAX)?,
            Some(url) => wire::follow_groups(settings, url)?,
        };
        let page = wire::members_of_listed(request)?;
        for row in &page.rows {
            self.names.entry(wire::id(row)?.to_owned()).or_default().insert(name.clone());
        }
        self.go_on(page.next)?;
        if self.next.is_none() {
            self.waiting.pop_front();
            self.done = self.waiting.is_empty();
        }
        Ok(())
    }

    fn go_on(&mut self, next: Option<String>) -> Result<(), Error> {
        if next.is_some() && next == self.next {
            return Err(Error::permanent("Okta announced the same page twice"));
        }
        self.next = next;
        Ok(())
    }

    fn of(&self, id: &str) -> Cell {
        Cell::from_texts(self.names.get(id).into_iter().flatten().cloned())
    }
}
