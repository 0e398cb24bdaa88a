//! The token from which the next reading goes on, and what a reading watches to make it.
//!
//! A controller of Active Directory numbers every change that reaches it (`uSNChanged`). The numbers are its own, so
//! they mean something at the same controller with the same database only, and never go back unless that database was
//! put back (MS-ADTS 3.1.1.1.9).
//!
//! Other directories write when an entry was changed (`modifyTimestamp`), by the clock of the server where that was done
//! and to the second. Servers that copy from one provider get changes in order; where several accept changes, one may
//! come later than a younger one of another server, for which [`OVERLAP_SECONDS`] allows. The time counts that the
//! newest entry has, and this machine's clock only says which one is yet to come. Less, by how long the reading took:
//! who was read at its beginning may have changed before the newest entry did.

use std::time::{SystemTime, UNIX_EPOCH};

use rollcall_connector::ldap::{Entry, Filter};
use rollcall_connector::{Error, run};
use serde::{Deserialize, Serialize};

use crate::groups::{self, Groups};
use crate::limits::OVERLAP_SECONDS;
use crate::server::{self, Server};
use crate::settings::Settings;
use crate::values;

/// The number of an entry's last change, in Active Directory.
const NUMBER: &str = "uSNChanged";
/// When an entry was changed, elsewhere.
const TIME: &str = "modifyTimestamp";

/// Gives the attribute that tells of an entry's last change.
pub(crate) fn attribute(server: &Server) -> &'static str {
    if server.active_directory { NUMBER } else { TIME }
}

/// Where a reading ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mark {
    place: Place,
    /// A digest of the groups, where they decide what a reading gives.
    groups: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Place {
    /// Active Directory: the controller and its last change; and its time, in seconds since 1970.
    Change { counter: Counter, now: Option<i64> },
    /// Elsewhere: when the newest entry was changed, and from when on changes are to be read again.
    Time { newest: i64, from: i64 },
}

/// How far a controller of Active Directory has counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counter {
    /// The name of its settings.
    pub(crate) controller: String,
    /// Which database it is; none where that is not shown.
    pub(crate) database: Option<String>,
    /// Its last change.
    pub(crate) last: u64,
}

impl Mark {
    /// Reads a token; none where it is no such thing.
    pub(crate) fn of_token(token: &[u8]) -> Option<Self> {
        serde_json::from_slice(token).ok()
    }

    /// Makes the token.
    pub(crate) fn token(&self) -> Option<Vec<u8>> {
        serde_json::to_vec(self).ok()
    }

    /// Makes sure that what this mark says still means something to the server, as a new reading finds it.
    pub(crate) fn still_holds(&self, watch: &Watch) -> Result<(), Error> {
        let same = match (&self.place, &watch.counter) {
            (Place::Change { counter: before, .. }, Some(counter)) => {
                // Another machine answers, or the same with an older database.
                before.controller == counter.controller
                    && before.database == counter.database
                    && before.last <= counter.last
            }
            (Place::Time { .. }, None) => !watch.active_directory,
            _ => false,
        };
        // Who joins or leaves a group stays unchanged.
        let same = same && watch.hindrance.is_none();
        if same && self.groups == watch.groups { Ok(()) } else { Err(Error::TokenExpired) }
    }

    /// Makes sure that the newest entry is among those that have changed since, by their newest. It is not where it has
    /// been deleted, where the directory was put back, or where the server does not compare times; nor can anything be
    /// told then.
    pub(crate) fn is_met_by(&self, changed: &Watch) -> Result<(), Error> {
        match (&self.place, changed.newest) {
            (Place::Change { .. }, _) => Ok(()),
            (Place::Time { newest, .. }, Newest::At(found)) if found >= *newest => Ok(()),
            (Place::Time { .. }, _) => Err(Error::TokenExpired),
        }
    }

    /// Gives what entries meet that have changed since.
    pub(crate) fn changed(&self, now: Option<i64>) -> Filter {
        let at_least = |name: &str, value: String| Filter::AtLeast(name.to_owned(), value.into_bytes());
        match &self.place {
            Place::Time { from, .. } => at_least(TIME, values::written(*from)),
            Place::Change { counter, now: before } => {
                let numbered = at_least(NUMBER, counter.last.saturating_add(1).to_string());
                let Some((before, now)) = before.zip(now) else { return numbered };
                // An account expires by the clock alone; a clock that was set back lets it live again.
                let most = values::expires_at(before.max(now) + 1).to_string();
                let expired = Filter::And(vec![
                    at_least("accountExpires", values::expires_at(before.min(now)).to_string()),
                    Filter::AtMost("accountExpires".to_owned(), most.into_bytes()),
                ]);
                Filter::Or(vec![numbered, expired])
            }
        }
    }
}

/// When the newest of several entries was changed: its number, or its time in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Newest {
    /// There was none.
    Nothing,
    At(i64),
    /// One of them does not tell.
    Hidden,
}

/// What a reading watches from its beginning.
#[derive(Debug)]
pub(crate) struct Watch {
    active_directory: bool,
    counter: Option<Counter>,
    now: Option<i64>,
    groups: Option<u64>,
    newest: Newest,
    /// When it began by this machine's clock, in seconds since 1970.
    began: i64,
    began_ms_left: u32,
    /// Why changes cannot be followed.
    hindrance: Option<String>,
}

impl Watch {
    /// Begins. The counter is read before anybody is, and so are the groups: what changes meanwhile comes again.
    pub(crate) fn begin(
        settings: &Settings,
        server: &Server,
        groups: Option<&Groups>,
    ) -> Result<Self, Error> {
        let mut hindrance = settings.unmarked().map(|name| {
            format!("`{name}` changes without a mark at the user's entry, and the job looks at it")
        });
        let counter = if server.active_directory { server.counter()? } else { None };
        if server.active_directory && counter.is_none() {
            hindrance = Some("the directory does not tell how far it has counted its changes".to_owned());
        }
        let mut digest = groups.map(Groups::digest);
        if server.active_directory && settings.wants_groups() && hindrance.is_none() {
            digest = groups::digest(settings, server)?;
            if digest.is_none() {
                hindrance =
                    Some("a group lies in another domain, or the groups' changes are not shown".to_owned());
            }
        }
        Ok(Self {
            active_directory: server.active_directory,
            counter,
            now: server.now,
            groups: digest,
            newest: Newest::Nothing,
            began: here(),
            began_ms_left: run::time_left_ms(),
            hindrance,
        })
    }

    /// Looks at an entry that was read. Of whom the change is not shown, no change is found either.
    pub(crate) fn see(&mut self, entry: &Entry) {
        let at = match self.active_directory {
            true => entry.text(NUMBER).and_then(|number| number.parse().ok()),
            false => entry.text(TIME).and_then(values::seconds),
        };
        self.newest = match (self.newest, at) {
            // Of a server whose clock is ahead; whoever is changed elsewhere meanwhile would be passed over.
            (before, Some(at)) if !self.active_directory && at > self.began + OVERLAP_SECONDS => before,
            (Newest::Hidden, _) | (_, None) => Newest::Hidden,
            (Newest::Nothing, Some(at)) => Newest::At(at),
            (Newest::At(before), Some(at)) => Newest::At(before.max(at)),
        };
    }

    /// Tells whether the machine that was asked in the beginning is the one that is asked now.
    pub(crate) fn is_still_asked(&self) -> Result<bool, Error> {
        let Some(counter) = &self.counter else { return Ok(true) };
        Ok(server::service()?.as_ref() == Some(&counter.controller))
    }

    /// Gives why changes cannot be followed from here; none where they can.
    pub(crate) fn hindrance(&self) -> Option<&str> {
        let untold = || match (self.newest, self.active_directory) {
            (Newest::Hidden, true) => Some("the directory does not show every user's `uSNChanged`"),
            (Newest::Hidden, false) => Some("the directory does not show every user's `modifyTimestamp`"),
            _ => None,
        };
        self.hindrance.as_deref().or_else(untold)
    }

    /// Gives where the reading ended; none where changes cannot be followed from there. `of_changes`: it was one of
    /// changes only, of which there may be none; where there is nobody at all, nothing is known of what is shown.
    pub(crate) fn mark(&self, of_changes: bool) -> Option<Mark> {
        if self.hindrance().is_some() {
            return None;
        }
        let took_seconds = i64::from(self.began_ms_left.saturating_sub(run::time_left_ms()) / 1_000);
        let place = match (&self.counter, self.newest) {
            (None, Newest::At(newest)) => {
                Place::Time { newest, from: newest - took_seconds - OVERLAP_SECONDS }
            }
            (Some(counter), newest) if of_changes || newest != Newest::Nothing => {
                Place::Change { counter: counter.clone(), now: self.now }
            }
            _ => return None,
        };
        Some(Mark { place, groups: self.groups })
    }
}

fn here() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
