//! The walk over a listing, by cursor where the service has cursors, else by index.
//!
//! Paging by index is stateless: users who come and go shift the pages, and known services overlap pages, skip users
//! or count wrongly. So the walk goes on by the users that really came, counts each id once, and believes in an end only
//! where the sum is right.

use std::collections::BTreeSet;

use rollcall_connector::walk::{Found, Step, Steps};
use rollcall_connector::{Coverage, Error, log};

use crate::limits::RESTARTS;
use crate::schema::{ALWAYS, cell};
use crate::settings::{Paging, Settings};
use crate::wire::{self, NoPage, Rows};

/// A listing on its way.
pub struct Reading {
    settings: Settings,
    columns: Vec<String>,
    at: At,
    /// How many users are asked for at a time.
    count: i64,
    /// The ids of this reading.
    seen: BTreeSet<String>,
    /// `totalResults` of the first page.
    total: Option<u64>,
    /// Whether a later page counted otherwise.
    shifted: bool,
    restarts: u32,
}

/// Where a reading stands.
#[derive(Clone, Debug, PartialEq)]
enum At {
    /// Before anything is known of the service.
    Outside,
    /// Before the page of a cursor.
    Cursor(String),
    /// Before the page that begins at an index, from 1.
    Index(u64),
    End,
}

impl Reading {
    /// Begins, with no request yet.
    pub(crate) fn new(settings: Settings) -> Self {
        let mut columns: Vec<String> = ALWAYS.map(str::to_owned).into();
        columns.extend(settings.select.iter().filter(|name| !ALWAYS.contains(&name.as_str())).cloned());
        Self {
            columns,
            at: At::Outside,
            count: settings.page_size,
            seen: BTreeSet::new(),
            total: None,
            shifted: false,
            restarts: 0,
            settings,
        }
    }

    /// Chooses the way of paging.
    fn enter(&mut self) -> Result<(), Error> {
        let config = match self.settings.paging {
            Paging::Auto => wire::config(&self.settings)?.unwrap_or_default(),
            Paging::Cursor => wire::Config { cursor: true, most: None },
            Paging::Index => wire::Config::default(),
        };
        self.count = self.count.min(config.most.unwrap_or(i64::MAX));
        self.at = if config.cursor { At::Cursor(String::new()) } else { At::Index(1) };
        Ok(())
    }

    fn cursor(&mut self, cursor: &str, found: &mut Found) -> Result<(), Error> {
        let first = cursor.is_empty();
        let request = wire::by_cursor(&self.settings, cursor, self.count);
        match wire::cursor_page(&self.settings, request, first) {
            // A first page with fewer users than the service counts, and nothing after it, is not read by cursor.
            Ok(page)
                if first
                    && page.next.is_none()
                    && page.total.is_some_and(|total| total > page.rows.len() as u64) =>
            {
                self.no_cursors()
            }
            Ok(page) => {
                self.take(&page, found)?;
                let known = self.seen.len() as u64;
                self.at = match page.next {
                    None => match self.total.filter(|total| known < *total) {
                        Some(total) => {
                            let why = format!(
                                "the service counts {total} users and gave {known} (`paging = \"index\"` reads otherwise)"
                            );
                            return self.restart(&why, At::Cursor(String::new()));
                        }
                        None => At::End,
                    },
                    Some(next) if next == cursor => {
                        return Err(Error::permanent("the service announced the same page twice"));
                    }
                    Some(next) => At::Cursor(next),
                };
                Ok(())
            }
            Err(NoPage::NoCursors) => self.no_cursors(),
            Err(NoPage::Forgotten) => {
                self.restart("the service no longer knows the cursor", At::Cursor(String::new()))
            }
            Err(NoPage::Error(error) | NoPage::Status(_, error)) => Err(error),
        }
    }

    fn no_cursors(&mut self) -> Result<(), Error> {
        if self.settings.paging == Paging::Cursor {
            let fault = rollcall_connector::Fault::new("paging", "the service does not page by cursor");
            return Err(Error::setting(fault.hint("write `paging = \"index\"`")));
        }
        log::warn("the service says that it pages by cursor and does not; reading by index");
        self.at = At::Index(1);
        Ok(())
    }

    fn index(&mut self, start: u64, found: &mut Found) -> Result<(), Error> {
        let beyond = self.total.is_some_and(|total| start > total);
        let request = wire::by_index(&self.settings, start, self.count);
        let page = match beyond {
            true => wire::page_behind(&self.settings, request)?.unwrap_or_else(|| Rows {
                rows: Vec::new(),
                total: self.total,
                next: None,
            }),
            false => wire::page(&self.settings, request)?,
        };
        let (rows, before) = (page.rows.len() as u64, self.seen.len());
        self.take(&page, found)?;
        let is_new = self.seen.len() > before;
        let next = start.saturating_add(rows);
        let total = page.total.unwrap_or(u64::MAX);
        // Where the sum is reached with the first page, with a full one, or was passed before, one more is asked for: known
        // services take the size of the page for the sum (WSO2 product-is#7320), whatever size they were asked for.
        let full = i64::try_from(rows).is_ok_and(|rows| rows >= self.count);
        if rows > 0 && is_new && (next <= total || start == 1 || full || beyond) {
            self.at = At::Index(next);
            return Ok(());
        }
        // Known services give rows again behind the end (product-is#13752), and pages that overlap or skip users
        // (product-is#9957).
        let known = self.seen.len() as u64;
        if let Some(total) = page.total.filter(|total| known < *total) {
            return self.restart(&format!("the service counts {total} users and gave {known}"), At::Index(1));
        }
        if rows > 0 && page.total.is_none() {
            return self
                .restart("the service gave the same users twice and does not count them", At::Index(1));
        }
        // Somebody came or went, and whoever stood at a page's border may have slipped through.
        if self.shifted && self.restarts == 0 {
            return self.restart("the number of users changed while they were read", At::Index(1));
        }
        self.at = At::End;
        Ok(())
    }

    /// Takes a page's users, each id once.
    fn take(&mut self, page: &Rows, found: &mut Found) -> Result<(), Error> {
        match (self.total, page.total) {
            (None, total) => self.total = total,
            (Some(first), Some(now)) if first != now => self.shifted = true,
            _ => {}
        }
        found.total(self.total.and_then(|total| u32::try_from(total).ok()));
        for row in &page.rows {
            let id = wire::id(row)?;
            if self.seen.insert(id.to_owned()) && wire::wanted(&self.settings, row) {
                found.user(id, self.columns.iter().map(|column| cell(row, column)).collect());
            }
        }
        Ok(())
    }

    /// Begins again, which is harmless: the host merges by id. Too often is an end without success.
    fn restart(&mut self, why: &str, at: At) -> Result<(), Error> {
        self.restarts += 1;
        if self.restarts > RESTARTS {
            return Err(Error::transient(format!("{why}, after {RESTARTS} new beginnings")));
        }
        log::warn(&format!("{why}; reading again from the first"));
        self.seen.clear();
        (self.total, self.shifted, self.at) = (None, false, at);
        Ok(())
    }
}

impl Steps for Reading {
    fn columns(&self) -> Vec<String> {
        self.columns.clone()
    }

    fn step(&mut self, found: &mut Found) -> Result<Step, Error> {
        match self.at.clone() {
            At::Outside => self.enter()?,
            At::Cursor(cursor) => self.cursor(&cursor, found)?,
            At::Index(start) => self.index(start, found)?,
            At::End => {}
        }
        if self.at == At::End {
            return Ok(Step::End { coverage: Coverage::Everything, token: None });
        }
        Ok(Step::More)
    }
}
