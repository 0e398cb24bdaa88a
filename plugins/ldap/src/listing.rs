//! The walk over a listing: what has to be known first, then one page of users after the other.

use std::collections::VecDeque;

use rollcall_connector::ldap::{self, Entry, Filter, Results};
use rollcall_connector::{Cell, Coverage, Error, Listing, Page, Table, run};

use crate::groups::{self, Groups};
use crate::limits::{NAMED_COLUMNS, QUIET_PAGES};
use crate::schema::{self, Schema};
use crate::server::{LOGIN, Server};
use crate::settings::Settings;
use crate::values;

/// Attributes that names for telephones are made of; the host cannot know beforehand that they are there.
const NAMES: [&str; 4] = ["cn", "displayName", "givenName", "sn"];
/// What tells whether an account is disabled, outside of Active Directory: the password policy of OpenLDAP, 389
/// Directory Server, eDirectory.
const LOCKS: [&str; 3] = ["pwdAccountLockedTime", "nsAccountLock", "loginDisabled"];
/// Locked by an administrator and for good (draft-behera-ldap-password-policy, 5.3.3).
const LOCKED_FOR_GOOD: &str = "000001010000Z";

/// A listing on its way.
pub struct Walk {
    settings: Settings,
    columns: Vec<String>,
    reading: Option<Reading>,
    waiting: VecDeque<(String, Vec<Cell>)>,
    handed: u32,
}

/// What is known of the directory, and the search over its users.
pub(crate) struct Reading {
    server: Server,
    schema: Schema,
    groups: Option<Groups>,
    results: Results,
    ended: bool,
}

impl Walk {
    /// Begins with no request yet.
    pub(crate) fn new(settings: Settings) -> Self {
        let columns = columns(&settings);
        Self { settings, columns, reading: None, waiting: VecDeque::new(), handed: 0 }
    }

    /// Reads a page of users and keeps those in scope; tells whether it was the last one.
    pub(crate) fn fetch(&mut self) -> Result<bool, Error> {
        let mut reading = match self.reading.take() {
            Some(reading) => reading,
            None => Reading::begin(&self.settings, &self.columns)?,
        };
        if !reading.ended {
            let page = reading.results.next()?;
            reading.ended = page.is_empty();
            for entry in &page {
                if let Some(row) = reading.row(entry, &self.settings, &self.columns)? {
                    self.waiting.push_back(row);
                }
            }
        }
        let ended = reading.ended;
        self.reading = Some(reading);
        Ok(ended)
    }

    /// Gives how many users are in scope and, of the first page, which columns nobody has; for a connection test.
    pub(crate) fn survey(mut self, pages: u32) -> Result<(Option<u32>, Vec<String>), Error> {
        let mut count = 0_u32;
        let mut empty = Vec::new();
        for at in 0..pages {
            let ended = self.fetch()?;
            if at == 0 && !self.waiting.is_empty() {
                let asked = |at: &usize| self.settings.select.contains(&self.columns[*at]);
                let lacks = |at: &usize| self.waiting.iter().all(|(_, cells)| cells[*at] == Cell::None);
                let none = (0..self.columns.len()).filter(asked).filter(lacks);
                empty = none.map(|at| self.columns[at].clone()).collect();
            }
            count = count.saturating_add(u32::try_from(self.waiting.len()).unwrap_or(u32::MAX));
            self.waiting.clear();
            if ended {
                return Ok((Some(count), empty));
            }
        }
        Ok((None, empty))
    }

    fn table(&mut self, max: usize) -> Result<Table, Error> {
        let rows: Vec<_> = self.waiting.drain(..self.waiting.len().min(max)).collect();
        // A survey asks for everything that the directory knows, of which most is nowhere.
        let kept: Vec<usize> = if self.columns.len() <= NAMED_COLUMNS {
            (0..self.columns.len()).collect()
        } else {
            (0..self.columns.len())
                .filter(|at| rows.iter().any(|(_, cells)| cells[*at] != Cell::None))
                .collect()
        };
        let mut table = Table::new(kept.iter().map(|at| self.columns[*at].as_str()));
        for (id, mut cells) in rows {
            let cells = kept.iter().map(|at| std::mem::replace(&mut cells[*at], Cell::None)).collect();
            table.user(id, cells)?;
            self.handed = self.handed.saturating_add(1);
        }
        Ok(table)
    }
}

impl Listing for Walk {
    fn next(&mut self, max: u32) -> Result<Page, Error> {
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let mut ended = self.reading.as_ref().is_some_and(|reading| reading.ended);
        // One page of the directory a page, so that the host sees progress; more only where there is nothing to hand over.
        for _ in 0..QUIET_PAGES {
            if ended || !self.waiting.is_empty() {
                break;
            }
            ended = self.fetch()?;
        }
        let table = self.table(max)?;
        run::progress(self.handed, None);
        Ok(if ended && self.waiting.is_empty() { table.last(Coverage::Everything) } else { table.page() })
    }
}

/// Gives the columns of the settings, each once and in order.
fn columns(settings: &Settings) -> Vec<String> {
    let mut columns: Vec<String> = settings.select.iter().chain(&settings.attributes).cloned().collect();
    columns.extend(NAMES.map(str::to_owned));
    columns.sort();
    columns.dedup();
    columns
}

impl Reading {
    fn begin(settings: &Settings, columns: &[String]) -> Result<Self, Error> {
        let server = Server::read(settings)?;
        server.base(settings)?;
        let schema = server.schema()?;
        let names_groups = columns.iter().any(|column| column == "groups");
        let mut parts = persons(settings, &server);
        let mut groups = None;
        if server.active_directory {
            parts.extend(groups::chain(settings)?);
        } else if names_groups || !settings.group_dn.is_empty() {
            groups = Some(Groups::read(settings, &server)?);
        }
        parts.extend(settings.filter());
        let filter = if parts.len() == 1 { parts.remove(0) } else { Filter::And(parts) };
        let results = ldap::search(LOGIN, &settings.base_dn)
            .filter(filter)
            .attributes(asked(&server, &schema, columns, groups.is_some()))
            .page_size(settings.page_size)
            .start()?;
        Ok(Self { server, schema, groups, results, ended: false })
    }

    /// Makes a row of an entry; none where it is not in scope.
    fn row(
        &self,
        entry: &Entry,
        settings: &Settings,
        columns: &[String],
    ) -> Result<Option<(String, Vec<Cell>)>, Error> {
        if self.groups.as_ref().is_some_and(|groups| !groups.has(entry)) {
            return Ok(None);
        }
        let enabled = self.enabled(entry);
        if !settings.include_disabled {
            match enabled {
                Some(true) => {}
                Some(false) => return Ok(None),
                // Everybody would count as disabled, and so as gone; or a disabled account as a user.
                None => {
                    let message = format!(
                        "the directory does not tell `{}` whether accounts are enabled",
                        settings.who()
                    );
                    return Err(Error::missing(message, "read userAccountControl"));
                }
            }
        }
        let id = self.server.id(entry, settings)?;
        let cell = |column: &String| match column.as_str() {
            "id" => Cell::text(id.as_str()),
            "dn" => Cell::text(entry.dn.as_str()),
            "accountEnabled" => enabled.map_or(Cell::None, Cell::Boolean),
            "groups" => Cell::from_texts(match &self.groups {
                Some(groups) => groups.names(entry),
                None => groups::member_of(entry),
            }),
            name => values::cell(name, self.schema.kind(name), entry.values(name)),
        };
        let cells = columns.iter().map(cell).collect();
        Ok(Some((id, cells)))
    }

    /// Tells whether an account is neither disabled nor expired; none where that cannot be seen.
    fn enabled(&self, entry: &Entry) -> Option<bool> {
        if self.server.active_directory {
            const ACCOUNT_DISABLED: i64 = 2;
            let control: i64 = entry.text("userAccountControl")?.parse().ok()?;
            let expired = entry.text("accountExpires").and_then(values::expiry).zip(self.server.now);
            return Some(control & ACCOUNT_DISABLED == 0 && expired.is_none_or(|(end, now)| end > now));
        }
        let locked = entry.text(LOCKS[0]) == Some(LOCKED_FOR_GOOD);
        let yes = |name: &str| entry.text(name).is_some_and(|text| text.eq_ignore_ascii_case("true"));
        Some(!locked && !yes(LOCKS[1]) && !yes(LOCKS[2]))
    }
}

/// Gives what makes an entry a person: no computer, no service account, no contact, no group.
fn persons(settings: &Settings, server: &Server) -> Vec<Filter> {
    let classes = settings.classes();
    let class = |name: &str| Filter::equal("objectClass", name);
    let named = match classes.as_slice() {
        [] if server.active_directory => class("user"),
        [] => class("person"),
        [one] => class(one),
        several => Filter::Or(several.iter().map(|name| class(name)).collect()),
    };
    // A computer is a user too, by its class; by its category it is none.
    let person = server.active_directory.then(|| Filter::equal("objectCategory", "person"));
    person.into_iter().chain([named]).collect()
}

/// Gives the attributes that the search over users asks for.
fn asked(server: &Server, schema: &Schema, columns: &[String], by_uid: bool) -> Vec<String> {
    let mut names: Vec<&str> = server.id_attributes().to_vec();
    if server.active_directory {
        names.extend(["userAccountControl", "accountExpires"]);
        if columns.iter().any(|column| column == "groups") {
            names.push("memberOf");
        }
    } else {
        names.extend(LOCKS);
    }
    if by_uid {
        names.push("uid");
    }
    let all = columns.len() > NAMED_COLUMNS;
    if all {
        names.push("*");
    }
    for column in columns.iter().filter(|column| !schema::is_own(column)) {
        if (!all || schema.is_operational(column))
            && !names.iter().any(|name| name.eq_ignore_ascii_case(column))
        {
            names.push(column);
        }
    }
    names.into_iter().map(str::to_owned).collect()
}
