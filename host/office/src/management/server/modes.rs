//! What the server does where the facts are silent, and the faults that it plays on demand.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_core::Text;

use super::limits::WAIT_MS_MAX;

/// What the server does. The default is the cautious reading: omitted elements are cleared, nothing is hidden,
/// `If-Match` is honoured, and nothing fails.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Modes {
    /// An update keeps elements that it does not mention.
    pub keep_omitted: bool,
    /// Elements that no read shows.
    pub hidden: BTreeSet<Text>,
    /// Elements that every update empties although they were sent.
    pub loses: BTreeSet<Text>,
    /// `If-Match` is not looked at.
    pub ignore_if_match: bool,
    /// Elements that a create leaves empty although they were sent.
    pub drops: BTreeSet<Text>,
    /// Writes (1 is the first) that are answered with yes and never take effect.
    pub idle: BTreeSet<u64>,
    /// Writes that take effect and are answered with a page of HTML.
    pub page_after: BTreeSet<u64>,
    /// How long every answer takes, in milliseconds.
    pub latency_ms: u64,
    /// How late the answer to a write comes after its effect, in milliseconds, by the number of the write; 0: all.
    pub late: BTreeMap<u64, u64>,
    /// Writes (1 is the first) whose connection breaks before they take effect.
    pub lost_before: BTreeSet<u64>,
    /// Writes whose connection breaks after they took effect.
    pub lost_after: BTreeSet<u64>,
    /// Writes whose connection breaks and which take effect later, in milliseconds.
    pub lost_while: BTreeMap<u64, u64>,
    /// Calls (1 is the first after a login) that are answered with 503.
    pub fails: BTreeSet<u64>,
    /// How many calls a session lasts.
    pub session_calls: Option<u64>,
    /// An ended session is answered with a login page instead of 401.
    pub login_page: bool,
    /// Logging out is answered with 405.
    pub no_logout: bool,
    /// A create is answered without the new user.
    pub bare_create: bool,
    /// `guid` on a read is not looked at.
    pub ignore_guid: bool,
    /// JSON is labelled as XML.
    pub mislabel: bool,
    /// Systems whose users cannot be read, by address.
    pub silent: BTreeSet<Text>,
}

/// What can be typed, for the help.
const CHOICES: &str = "omitted=cleared|kept, hide=ELEMENT,…, loses=ELEMENT,…, drops=ELEMENT,…, if-match=honoured|ignored, \
                       latency=MS, late=MS[@WRITE], lose-before=WRITE,…, lose-after=WRITE,…, lose-while=MS@WRITE, \
                       page-after=WRITE,…, idle=WRITE,…, fail=CALL,…, session=CALLS, login-page, no-logout, bare-create, ignore-guid, mislabel, silent=ADDRESS,…";

impl Modes {
    /// Reads modes as `--mode` gives them, several in one text or several times. Fails with one clause that says what
    /// can be typed.
    pub fn parse<'a>(written: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut modes = Modes::default();
        for one in written.into_iter().flat_map(str::split_whitespace) {
            modes.set(one).ok_or_else(|| format!("`{one}` is no mode; modes are {CHOICES}"))?;
        }
        Ok(modes)
    }

    fn set(&mut self, one: &str) -> Option<()> {
        match one.split_once('=') {
            Some((name, value)) => self.set_value(name, value),
            None => self.set_flag(one),
        }
    }

    fn set_flag(&mut self, name: &str) -> Option<()> {
        let flag = match name {
            "login-page" => &mut self.login_page,
            "no-logout" => &mut self.no_logout,
            "bare-create" => &mut self.bare_create,
            "ignore-guid" => &mut self.ignore_guid,
            "mislabel" => &mut self.mislabel,
            _ => return None,
        };
        *flag = true;
        Some(())
    }

    fn set_value(&mut self, name: &str, value: &str) -> Option<()> {
        match (name, value) {
            ("omitted", "cleared") => self.keep_omitted = false,
            ("omitted", "kept") => self.keep_omitted = true,
            ("if-match", "honoured") => self.ignore_if_match = false,
            ("if-match", "ignored") => self.ignore_if_match = true,
            ("hide", list) => self.hidden.extend(names(list)?),
            ("loses", list) => self.loses.extend(names(list)?),
            ("drops", list) => self.drops.extend(names(list)?),
            ("idle", list) => self.idle.extend(numbers(list)?),
            ("page-after", list) => self.page_after.extend(numbers(list)?),
            ("silent", list) => self.silent.extend(names(list)?),
            ("latency", wait) => self.latency_ms = wait_ms(wait)?,
            ("lose-before", list) => self.lost_before.extend(numbers(list)?),
            ("lose-after", list) => self.lost_after.extend(numbers(list)?),
            ("fail", list) => self.fails.extend(numbers(list)?),
            ("session", calls) => self.session_calls = Some(number(calls)?),
            ("late", value) => match value.split_once('@') {
                Some((wait, write)) => drop(self.late.insert(number(write)?, wait_ms(wait)?)),
                None => drop(self.late.insert(0, wait_ms(value)?)),
            },
            ("lose-while", value) => {
                let (wait, write) = value.split_once('@')?;
                self.lost_while.insert(number(write)?, wait_ms(wait)?);
            }
            _ => return None,
        }
        Some(())
    }

    /// How late the answer to a write is.
    pub(super) fn late_ms(&self, write: u64) -> u64 {
        self.late.get(&write).or_else(|| self.late.get(&0)).copied().unwrap_or(0)
    }
}

fn names(list: &str) -> Option<Vec<Text>> {
    list.split(',').map(|name| (!name.is_empty()).then(|| Text::from(name))).collect()
}

fn numbers(list: &str) -> Option<Vec<u64>> {
    list.split(',').map(number).collect()
}

/// Reads a count, which begins at 1.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| *number > 0)
}

fn wait_ms(text: &str) -> Option<u64> {
    text.parse().ok().filter(|wait| *wait <= WAIT_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_as_typed() {
        let read =
            Modes::parse(["omitted=kept hide=A,B", "late=500@3", "late=20", "lose-after=1,4", "login-page"]);
        let expect = Modes {
            keep_omitted: true,
            hidden: ["A".into(), "B".into()].into(),
            late: [(0, 20), (3, 500)].into(),
            lost_after: [1, 4].into(),
            login_page: true,
            ..Modes::default()
        };
        assert_eq!((expect.late_ms(3), expect.late_ms(1)), (500, 20));
        assert_eq!(read, Ok(expect));
        assert_eq!(Modes::parse([]), Ok(Modes::default()));
    }

    #[test]
    fn anything_else_is_refused_with_what_can_be_typed() {
        for wrong in [
            "omitted",
            "omitted=lost",
            "hide=",
            "hide=A,,B",
            "fail=0",
            "late=x",
            "lose-while=5",
            "latency=9999999",
        ] {
            let told = Modes::parse([wrong]).unwrap_err();
            assert!(told.contains(wrong) && told.contains("lose-before"), "{told}");
        }
    }
}
