//! The walk over a listing: page after page, group after group.
//!
//! Rows may repeat, pages may be empty, and a page that was announced may have expired when it is asked for. A restart
//! is harmless: the host merges by id, and the last one wins.

use std::collections::{BTreeSet, VecDeque};

use rollcall_connector::{Coverage, Error, Listing, Page, Table, log, run};

use crate::limits::{EMPTY_PAGES, RESTARTS};
use crate::schema::{Row, cell};
use crate::settings::Settings;
use crate::wire::{self, Source};

/// A listing on its way.
pub struct Walk {
    settings: Settings,
    sources: Vec<Source>,
    /// Which source is being read.
    at: usize,
    /// The next page of that source; none before its first.
    next: Option<String>,
    /// Rows that were read and not yet handed over.
    waiting: VecDeque<Row>,
    /// The ids of all sources so far, kept only where there are several.
    seen: BTreeSet<String>,
    restarts: u32,
    handed: u32,
    total: Option<u32>,
}

impl Walk {
    /// Begins at the first source, with no request yet.
    pub(crate) fn new(settings: Settings) -> Result<Self, Error> {
        Ok(Self {
            sources: wire::sources(&settings)?,
            settings,
            at: 0,
            next: None,
            waiting: VecDeque::new(),
            seen: BTreeSet::new(),
            restarts: 0,
            handed: 0,
            total: None,
        })
    }

    /// Reads one page of Graph, or begins its source again where Graph has forgotten it.
    fn fetch(&mut self, source: &Source) -> Result<(), Error> {
        let request = match &self.next {
            None => wire::first(&self.settings, source),
            Some(url) => wire::follow(&self.settings, source, url)?,
        };
        let page = match wire::fetch(request, &self.settings, source) {
            Err(Error::TokenExpired) if self.next.is_some() && self.restarts < RESTARTS => {
                self.restarts += 1;
                self.next = None;
                log::warn("Microsoft Graph no longer knows the next page; reading again from the first");
                return Ok(());
            }
            // To the host this would mean a token of its own, of which there is none.
            Err(Error::TokenExpired) => {
                return Err(Error::transient(format!(
                    "Microsoft Graph forgot the next page {} times",
                    self.restarts + 1
                )));
            }
            page => page?,
        };
        if self.sources.len() == 1 {
            self.total = self.total.or(page.count);
        }
        for row in page.rows {
            wire::visible(&row)?;
            wire::tells_enabled(&self.settings, &row)?;
            if wire::wanted(&self.settings, &row) {
                self.waiting.push_back(row);
            }
        }
        if page.next.is_some() && page.next == self.next {
            return Err(Error::permanent("Microsoft Graph announced the same page twice"));
        }
        self.next = page.next;
        if self.next.is_none() {
            self.at += 1;
        }
        Ok(())
    }

    /// Puts waiting rows into the page, as far as it has room.
    fn hand_over(&mut self, table: &mut Table, max: usize) -> Result<(), Error> {
        while table.len() < max {
            let Some(row) = self.waiting.pop_front() else {
                break;
            };
            let id = wire::id(&row)?;
            if self.sources.len() > 1 && self.restarts == 0 && !self.seen.insert(id.to_owned()) {
                continue;
            }
            let cells = self.settings.select.iter().map(|column| cell(&row, column));
            table.user(id, cells.collect())?;
            self.handed = self.handed.saturating_add(1);
        }
        Ok(())
    }
}

impl Listing for Walk {
    fn next(&mut self, max: u32) -> Result<Page, Error> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let mut table = Table::new(self.settings.select.iter().map(String::as_str));
        let mut empty = 0;
        loop {
            self.hand_over(&mut table, max)?;
            let source = self.sources.get(self.at).cloned();
            match source {
                // One request a page, so that the host sees progress; more only while there is nothing to hand over.
                Some(source) if table.is_empty() => self.fetch(&source)?,
                None if self.waiting.is_empty() => return Ok(table.last(Coverage::Everything)),
                _ => {
                    run::progress(self.handed, self.total);
                    return Ok(table.page());
                }
            }
            empty += 1;
            if empty > EMPTY_PAGES {
                return Err(Error::permanent(format!(
                    "Microsoft Graph gave {EMPTY_PAGES} pages in a row without a user"
                )));
            }
        }
    }
}
