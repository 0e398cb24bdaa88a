//! One reading of a directory: what has to be known first, then the search over its users.

use std::collections::{BTreeSet, VecDeque};

use rollcall_connector::ldap::{self, Entry, Filter, Results};
use rollcall_connector::{Cell, Coverage, Error};

use crate::groups::{self, Groups};
use crate::limits::{CHANGED, NAMED_COLUMNS};
use crate::mark::{self, Mark, Watch};
use crate::schema::{self, Schema};
use crate::server::{LOGIN, Server};
use crate::settings::Settings;
use crate::values::{self, Reads};

/// What tells whether an account is disabled, outside of Active Directory: the password policy of OpenLDAP, 389
/// Directory Server, eDirectory.
const LOCKS: [&str; 3] = ["pwdAccountLockedTime", "nsAccountLock", "loginDisabled"];
/// What people are kept in, in Active Directory. Elsewhere the second in which a folder changed may be that of an
/// earlier change, so that nothing can be told from it.
const FOLDERS: [&str; 2] = ["organizationalUnit", "container"];
/// Locked by an administrator and for good (draft-behera-ldap-password-policy, 5.3.3).
const LOCKED_FOR_GOOD: &str = "000001010000Z";

/// A user in scope with cells, or somebody who is in scope no more.
pub(crate) type Row = (String, Option<Vec<Cell>>);

/// What is known of the directory, and the search over its users.
pub(crate) struct Reading {
    server: Server,
    columns: Vec<Column>,
    groups: Option<Groups>,
    /// None where nothing has changed.
    results: Option<Results>,
    /// What the next reading goes on from; none where the settings do not want that.
    watch: Option<Watch>,
    /// Who has changed and was not found in scope so far; none where everybody is read.
    changed: Option<BTreeSet<String>>,
    ended: bool,
}

/// What a cell is made of.
enum Column {
    Id,
    Dn,
    Enabled,
    Groups,
    /// An attribute of the directory, and how its values are read.
    Attribute(String, Reads),
}

impl Column {
    fn of(name: &str, schema: &Schema) -> Self {
        match name {
            "id" => Self::Id,
            "dn" => Self::Dn,
            "accountEnabled" => Self::Enabled,
            "groups" => Self::Groups,
            name => Self::Attribute(name.to_owned(), Reads::of(name, schema.kind(name))),
        }
    }
}

impl Reading {
    /// Begins with everybody, or with who has changed since a mark.
    pub(crate) fn begin(
        settings: &Settings,
        columns: &[String],
        since: Option<&Mark>,
    ) -> Result<Self, Error> {
        let server = Server::read(settings)?;
        if since.is_none() {
            server.base(settings)?;
        }
        let from_groups = settings.wants_groups() && !server.active_directory;
        let groups = if from_groups { Some(Groups::read(settings, &server)?) } else { None };
        let mut watch = match settings.changes_only {
            true => Some(Watch::begin(settings, &server, groups.as_ref())?),
            false => None,
        };
        let mut parts = persons(settings, &server);
        let (mut changed, mut nothing_changed) = (None, false);
        if let (Some(mark), Some(watch)) = (since, &mut watch) {
            mark.still_holds(watch)?;
            let ids = ids_changed(settings, &server, mark, watch)?;
            nothing_changed = ids.is_none();
            changed = Some(ids.unwrap_or_default());
            parts.push(mark.changed(server.now));
        }
        if nothing_changed {
            let columns = Vec::new();
            return Ok(Self { server, columns, groups, results: None, watch, changed, ended: false });
        }
        let schema = server.schema()?;
        if server.active_directory {
            parts.extend(groups::chain(settings)?);
        }
        parts.extend(settings.filter());
        let filter = if parts.len() == 1 { parts.remove(0) } else { Filter::And(parts) };
        let mut attributes = asked(&server, &schema, columns, from_groups);
        let stamp = mark::attribute(&server);
        if watch.is_some() && !attributes.iter().any(|name| name.eq_ignore_ascii_case(stamp)) {
            attributes.push(stamp.to_owned());
        }
        let results = ldap::search(LOGIN, &settings.base_dn)
            .filter(filter)
            .attributes(attributes)
            .page_size(settings.page_size)
            .start()?;
        let columns = columns.iter().map(|name| Column::of(name, &schema)).collect();
        Ok(Self { server, columns, groups, results: Some(results), watch, changed, ended: false })
    }

    /// Reads a page of entries into rows.
    pub(crate) fn read(&mut self, settings: &Settings, rows: &mut VecDeque<Row>) -> Result<(), Error> {
        let page = match &mut self.results {
            Some(results) if !self.ended => results.next()?,
            _ => Vec::new(),
        };
        for entry in &page {
            if let Some(watch) = &mut self.watch {
                watch.see(entry);
            }
            let Some((id, cells)) = self.row(entry, settings)? else { continue };
            if let Some(changed) = &mut self.changed {
                changed.remove(&id);
            }
            rows.push_back((id, Some(cells)));
        }
        self.ended = page.is_empty();
        if self.ended {
            self.end(rows)?;
        }
        Ok(())
    }

    fn end(&mut self, rows: &mut VecDeque<Row>) -> Result<(), Error> {
        // A connection that was lost may have led to another controller since, which counts otherwise.
        if let Some(watch) = &self.watch
            && !watch.is_still_asked()?
        {
            if self.changed.is_some() {
                return Err(Error::TokenExpired);
            }
            self.watch = None;
        }
        if let Some(changed) = &mut self.changed {
            rows.extend(std::mem::take(changed).into_iter().map(|id| (id, None)));
        }
        Ok(())
    }

    /// Tells whether all has been read.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Gives what was covered, once all has been read.
    pub(crate) fn coverage(&self) -> Coverage {
        if self.changed.is_some() { Coverage::Changes } else { Coverage::Everything }
    }

    /// Gives where it ended, once all has been read; none where the next one cannot go on from there.
    pub(crate) fn mark(&self) -> Option<Mark> {
        self.watch.as_ref()?.mark(self.changed.is_some())
    }

    /// Gives why the next one cannot go on from there, where the settings want that.
    pub(crate) fn hindrance(&self) -> Option<&str> {
        self.watch.as_ref()?.hindrance()
    }

    /// Makes a row of an entry; none where it is not in scope.
    fn row(&self, entry: &Entry, settings: &Settings) -> Result<Option<(String, Vec<Cell>)>, Error> {
        let groups = self.groups.as_ref().map(|groups| (groups, groups.direct(entry)));
        if groups.as_ref().is_some_and(|(groups, direct)| !groups.wants(direct)) {
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
        let cell = |column: &Column| match column {
            Column::Id => Cell::text(id.as_str()),
            Column::Dn => Cell::text(entry.dn.as_str()),
            Column::Enabled => enabled.map_or(Cell::None, Cell::Boolean),
            Column::Groups => Cell::from_texts(match &groups {
                Some((groups, direct)) => groups.names(direct),
                None => groups::member_of(entry),
            }),
            Column::Attribute(name, reads) => values::cell(*reads, entry.values(name)),
        };
        let cells = self.columns.iter().map(cell).collect();
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

/// Gives the ids of all entries below the base that have changed, whoever they are; none where no entry has.
///
/// Who is among them and not among those in scope has left the scope, or never was in it, which the host knows. They
/// are looked for before the users in scope are. Whoever comes into scope in between is found there with all attributes,
/// and whoever leaves it in between has left it. The other way round, somebody who came into scope in between would be
/// found here alone, and would count as gone.
fn ids_changed(
    settings: &Settings,
    server: &Server,
    since: &Mark,
    watch: &mut Watch,
) -> Result<Option<BTreeSet<String>>, Error> {
    let class = server.active_directory.then_some("objectClass");
    let attributes = server.id_attributes().iter().copied().chain(class).chain([mark::attribute(server)]);
    let mut found = ldap::search(LOGIN, &settings.base_dn)
        .filter(since.changed(server.now))
        .attributes(attributes)
        .page_size(settings.page_size)
        .start()?;
    let (mut ids, mut entries) = (BTreeSet::new(), 0);
    loop {
        let page = found.next()?;
        if page.is_empty() {
            break;
        }
        entries += page.len();
        // Who came or went with a folder has not changed.
        let is_folder = |entry: &Entry| entry.texts("objectClass").any(|class| FOLDERS.contains(&class));
        if entries > CHANGED || page.iter().any(is_folder) {
            return Err(Error::TokenExpired);
        }
        for entry in &page {
            watch.see(entry);
            ids.extend(server.shown_id(entry));
        }
    }
    since.is_met_by(watch)?;
    Ok((entries > 0).then_some(ids))
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
