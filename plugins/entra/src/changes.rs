//! The walk over what has changed since the last run.
//!
//! The delta query says WHO has changed, and the listing how they are now: whoever may be in scope is asked for whole.
//! Its rows alone would not do. The reference promises every selected property that was ever set, the overview "at least
//! the properties that have been updated", and rows without `accountEnabled` were seen (microsoft-graph-docs#2255). A
//! user who comes into scope by such a row would come without the rest.
//!
//! What a row says is laid over what the listing says, because a replica of the directory may be older than the change.
//! If it is newer, the next round says so. Assumed, for no document tells it: that a replica is never older than the
//! point of `$deltatoken=latest`. Where it was, a reading of everything finds what was missed (`full_every`).

use std::collections::{BTreeMap, VecDeque};

use rollcall_connector::walk::{Found, Step};
use rollcall_connector::{Coverage, Error, log};
use serde_json::Value;

use crate::delta;
use crate::limits::{CHANGED_MOST, IDS_A_REQUEST, PAGES_OF_IDS};
use crate::schema::{Row, cells};
use crate::settings::Settings;
use crate::wire::{self, Source};

/// A reading of changes on its way.
pub struct Changes {
    settings: Settings,
    /// The next page of the round; none after its last.
    next: Option<String>,
    /// What the round has said of each user; nothing but the id of those who were deleted.
    changed: BTreeMap<String, Option<Row>>,
    /// Who is still to be asked for, after the round.
    open: VecDeque<(String, Row)>,
    /// From where the next run may go on.
    token: Option<Vec<u8>>,
    /// Where the round began.
    began: Vec<u8>,
    /// Whether somebody who changed was not to be seen: the next run begins this round again.
    unseen: bool,
}

impl Changes {
    /// Goes on where an earlier run ended; no request is sent yet. None where the token is not from there.
    pub(crate) fn since(settings: Settings, token: &[u8]) -> Option<Self> {
        let next = delta::of_token(&settings, token).filter(|_| settings.can_go_on())?;
        Some(Self {
            settings,
            next: Some(next),
            changed: BTreeMap::new(),
            open: VecDeque::new(),
            token: None,
            began: token.to_vec(),
            unseen: false,
        })
    }

    pub(crate) fn columns(&self) -> Vec<String> {
        self.settings.select.clone()
    }

    pub(crate) fn step(&mut self, found: &mut Found) -> Result<Step, Error> {
        match self.next.clone() {
            Some(url) => self.page(&url, found)?,
            None => self.ask(found)?,
        }
        if self.next.is_some() || !self.open.is_empty() {
            return Ok(Step::More);
        }
        let token = if self.unseen { Some(std::mem::take(&mut self.began)) } else { self.token.take() };
        Ok(Step::End { coverage: Coverage::Changes, token })
    }

    /// Reads one page of the round.
    fn page(&mut self, url: &str, found: &mut Found) -> Result<(), Error> {
        let page = delta::page(&self.settings, url)?;
        for row in page.rows {
            let id = wire::id(&row)?.to_owned();
            let known = self.changed.entry(id).or_default();
            // Rows come in no order: whoever was deleted and restored has both, and the listing decides.
            if !row.contains_key("@removed") {
                lay(row, known.get_or_insert_default());
            }
        }
        if self.changed.len() > CHANGED_MOST {
            log::info(&format!("more than {CHANGED_MOST} users have changed; reading everything instead"));
            return Err(Error::TokenExpired);
        }
        if page.next.is_none() && page.changes.is_none() {
            return Err(Error::permanent("Microsoft Graph ended its changes without a link to later ones"));
        }
        wire::go_on(&mut self.next, page.next)?;
        if self.next.is_none() {
            self.token = delta::token(&self.settings, page.changes);
            self.sort_out(found);
        }
        Ok(())
    }

    /// Hands over who has certainly left, and keeps the others to be asked for.
    fn sort_out(&mut self, found: &mut Found) {
        for (id, row) in std::mem::take(&mut self.changed) {
            match row.filter(|row| wire::wanted(&self.settings, row)) {
                Some(row) => self.open.push_back((id, row)),
                None => found.gone(id),
            }
        }
    }

    /// Asks for some of those who may be in scope, and hands them over.
    fn ask(&mut self, found: &mut Found) -> Result<(), Error> {
        let some: Vec<(String, Row)> = self.open.drain(..self.open.len().min(IDS_A_REQUEST)).collect();
        let mut listed = self.listed(&some)?;
        for (id, said) in some {
            let row = match listed.remove(&id) {
                Some(mut row) => {
                    lay(said, &mut row);
                    row
                }
                // A replica does not have a newcomer yet, or somebody was deleted meanwhile. Nothing is known of how the
                // user is now, and the same round tells it again.
                None => {
                    log::info(&format!(
                        "Microsoft Graph does not show the changed user `{id}` yet; the next run asks again"
                    ));
                    self.unseen = true;
                    continue;
                }
            };
            wire::visible(&row)?;
            wire::tells_enabled(&self.settings, &row)?;
            if wire::wanted(&self.settings, &row) {
                found.user(id, cells(&row, &self.settings.select));
            } else {
                found.gone(id);
            }
        }
        Ok(())
    }

    /// Gives how the listing shows these users, by id.
    fn listed(&self, users: &[(String, Row)]) -> Result<BTreeMap<String, Row>, Error> {
        let mut listed = BTreeMap::new();
        let mut request = delta::these(&self.settings, users.iter().map(|(id, _)| id));
        for _ in 0..PAGES_OF_IDS {
            let page = wire::fetch(request, &self.settings, &Source::Changes)?;
            for row in page.rows {
                listed.insert(wire::id(&row)?.to_owned(), row);
            }
            match page.next {
                None => return Ok(listed),
                Some(url) => request = wire::follow(&self.settings, &Source::Changes, &url)?,
            }
        }
        Err(Error::permanent(format!("Microsoft Graph spreads {} users over too many pages", users.len())))
    }
}

/// Lays what is said later over what was said before: what is absent is as it was, also within a structure.
fn lay(later: Row, before: &mut Row) {
    for (name, value) in later {
        match (value, before.get_mut(&name)) {
            (Value::Object(later), Some(Value::Object(before))) => lay(later, before),
            (value, _) => _ = before.insert(name, value),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::lay;

    #[test]
    fn what_is_absent_is_as_it_was_and_what_is_null_is_cleared() {
        let check = |before: Value, later: Value, expect: Value| {
            let (Value::Object(mut before), Value::Object(later)) = (before, later) else { panic!() };
            lay(later, &mut before);
            assert_eq!(Value::Object(before), expect);
        };
        check(json!({"a": 1, "b": 2}), json!({"b": null, "c": 3}), json!({"a": 1, "b": null, "c": 3}));
        check(json!({"x": {"a": 1, "b": 2}}), json!({"x": {"b": 3}}), json!({"x": {"a": 1, "b": 3}}));
        check(json!({"x": {"a": 1}}), json!({"x": null}), json!({"x": null}));
        check(json!({"x": null}), json!({"x": {"a": 1}}), json!({"x": {"a": 1}}));
        check(json!({"x": ["a", "b"]}), json!({"x": ["c"]}), json!({"x": ["c"]}));
    }
}
