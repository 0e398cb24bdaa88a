//! The walk over everything: page after page, group after group.
//!
//! Rows may repeat, pages may be empty, and a page that was announced may have expired when it is asked for. A restart
//! is harmless: the host merges by id, and the last one wins.

use std::collections::BTreeSet;

use rollcall_connector::walk::{Found, Step};
use rollcall_connector::{Coverage, Error, log};

use crate::delta;
use crate::limits::RESTARTS;
use crate::schema::cells;
use crate::settings::Settings;
use crate::wire::{self, Source};

/// A listing of everything on its way.
pub struct Everything {
    settings: Settings,
    sources: Vec<Source>,
    /// Which source is being read.
    at: usize,
    /// The next page of that source; none before its first.
    next: Option<String>,
    /// The ids of all sources so far, kept only where there are several.
    seen: BTreeSet<String>,
    restarts: u32,
    /// Whether it is still to be asked from where the next run may go on.
    unmarked: bool,
    /// From where the next run may go on.
    token: Option<Vec<u8>>,
}

impl Everything {
    /// Begins at the first source, with no request yet.
    pub(crate) fn new(settings: Settings) -> Result<Self, Error> {
        Ok(Self {
            sources: wire::sources(&settings)?,
            unmarked: settings.can_go_on(),
            settings,
            at: 0,
            next: None,
            seen: BTreeSet::new(),
            restarts: 0,
            token: None,
        })
    }

    pub(crate) fn columns(&self) -> Vec<String> {
        self.settings.select.clone()
    }

    pub(crate) fn step(&mut self, found: &mut Found) -> Result<Step, Error> {
        // Before the first page, so that what changes while the pages are read is seen by the next run.
        if std::mem::take(&mut self.unmarked) {
            self.token = delta::from_now_on(&self.settings);
            return Ok(Step::More);
        }
        if let Some(source) = self.sources.get(self.at).cloned() {
            self.page(&source, found)?;
        }
        if self.at < self.sources.len() {
            return Ok(Step::More);
        }
        Ok(Step::End { coverage: Coverage::Everything, token: self.token.take() })
    }

    /// Reads one page of Graph, or begins its source again where Graph has forgotten it.
    fn page(&mut self, source: &Source, found: &mut Found) -> Result<(), Error> {
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
            // To the host this would mean a token of an earlier run, of which there is none.
            Err(Error::TokenExpired) => {
                return Err(Error::transient(format!(
                    "Microsoft Graph forgot the next page {} times",
                    self.restarts + 1
                )));
            }
            page => page?,
        };
        // It would be taken for a listing's last page, and one of nobody is as good as always without users.
        if page.changes.is_some() {
            return Err(Error::permanent("Microsoft Graph answered a listing with a page of changes"));
        }
        if self.sources.len() == 1 && page.count.is_some() {
            found.total(page.count);
        }
        for row in page.rows {
            wire::visible(&row)?;
            wire::tells_enabled(&self.settings, &row)?;
            let id = wire::id(&row)?;
            let repeated = self.sources.len() > 1 && self.restarts == 0 && !self.seen.insert(id.to_owned());
            if wire::wanted(&self.settings, &row) && !repeated {
                found.user(id, cells(&row, &self.settings.select));
            }
        }
        wire::go_on(&mut self.next, page.next)?;
        if self.next.is_none() {
            self.at += 1;
        }
        Ok(())
    }
}
