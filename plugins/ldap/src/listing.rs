//! The walk over a listing: one page of the directory after the other, handed over as the host takes them.

use std::collections::VecDeque;

use rollcall_connector::{Cell, Error, Listing, Page, Table, run};

use crate::limits::{NAMED_COLUMNS, QUIET_PAGES};
use crate::mark::Mark;
use crate::reading::{Reading, Row};
use crate::settings::Settings;

/// Attributes that names for telephones are made of; the host cannot know beforehand that they are there.
const NAMES: [&str; 4] = ["cn", "displayName", "givenName", "sn"];

/// A listing on its way.
pub struct Walk {
    settings: Settings,
    columns: Vec<String>,
    since: Option<Mark>,
    reading: Option<Reading>,
    waiting: VecDeque<Row>,
    handed: u32,
}

/// What a connection test wants to know.
pub(crate) struct Survey {
    /// How many users are in scope; none where there are more than were counted.
    pub(crate) users: Option<u32>,
    /// The columns that nobody of the first page has.
    pub(crate) empty: Vec<String>,
    /// Why changes cannot be followed, where the settings want that.
    pub(crate) hindrance: Option<String>,
}

impl Walk {
    /// Begins with everybody, or with who has changed since a mark; no request is sent yet.
    pub(crate) fn new(settings: Settings, since: Option<Mark>) -> Self {
        let columns = columns(&settings);
        Self { settings, columns, since, reading: None, waiting: VecDeque::new(), handed: 0 }
    }

    /// Reads a page of users and keeps those in scope; tells whether it was the last one.
    fn fetch(&mut self) -> Result<bool, Error> {
        let mut reading = match self.reading.take() {
            Some(reading) => reading,
            None => Reading::begin(&self.settings, &self.columns, self.since.as_ref())?,
        };
        reading.read(&self.settings, &mut self.waiting)?;
        Ok(self.reading.insert(reading).has_ended())
    }

    /// Reads so many pages at most.
    pub(crate) fn survey(mut self, pages: u32) -> Result<Survey, Error> {
        let mut survey = Survey { users: None, empty: Vec::new(), hindrance: None };
        let mut count = 0_u32;
        for at in 0..pages {
            let ended = self.fetch()?;
            if at == 0 && !self.waiting.is_empty() {
                let asked = |at: &usize| self.settings.select.contains(&self.columns[*at]);
                let lacks = |at: &usize| self.waiting.iter().all(|row| is_none(row, *at));
                let none = (0..self.columns.len()).filter(asked).filter(lacks);
                survey.empty = none.map(|at| self.columns[at].clone()).collect();
            }
            count = count.saturating_add(u32::try_from(self.waiting.len()).unwrap_or(u32::MAX));
            self.waiting.clear();
            if ended {
                survey.users = Some(count);
                break;
            }
        }
        survey.hindrance = self.reading.as_ref().and_then(Reading::hindrance).map(str::to_owned);
        Ok(survey)
    }

    /// Gives the reading once it has read all.
    fn ended(&self) -> Option<&Reading> {
        self.reading.as_ref().filter(|reading| reading.has_ended())
    }

    fn table(&mut self, max: usize) -> Result<Table, Error> {
        let rows: Vec<_> = self.waiting.drain(..self.waiting.len().min(max)).collect();
        // A survey asks for everything that the directory knows, of which most is nowhere.
        let kept: Vec<usize> = if self.columns.len() <= NAMED_COLUMNS {
            (0..self.columns.len()).collect()
        } else {
            (0..self.columns.len()).filter(|at| !rows.iter().all(|row| is_none(row, *at))).collect()
        };
        let mut table = Table::new(kept.iter().map(|at| self.columns[*at].as_str()));
        for (id, cells) in rows {
            match cells {
                None => table.gone(id),
                Some(mut cells) => {
                    let kept = kept.iter().map(|at| std::mem::replace(&mut cells[*at], Cell::None));
                    table.user(id, kept.collect())?;
                }
            }
            self.handed = self.handed.saturating_add(1);
        }
        Ok(table)
    }
}

impl Listing for Walk {
    fn next(&mut self, max: u32) -> Result<Page, Error> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        // One page of the directory a page, so that the host sees progress; more only where nothing is to be handed over.
        for _ in 0..QUIET_PAGES {
            if !self.waiting.is_empty() || self.ended().is_some() || self.fetch()? {
                break;
            }
        }
        let table = self.table(max)?;
        run::progress(self.handed, None);
        let Some(reading) = self.ended().filter(|_| self.waiting.is_empty()) else { return Ok(table.page()) };
        Ok(Page { token: reading.mark().and_then(|mark| mark.token()), ..table.last(reading.coverage()) })
    }
}

fn is_none((_, cells): &Row, at: usize) -> bool {
    cells.as_ref().is_none_or(|cells| cells[at] == Cell::None)
}

/// Gives the columns of the settings, each once and in order.
fn columns(settings: &Settings) -> Vec<String> {
    let mut columns: Vec<String> = settings.select.iter().chain(&settings.attributes).cloned().collect();
    columns.extend(NAMES.map(str::to_owned));
    columns.sort();
    columns.dedup();
    columns
}
