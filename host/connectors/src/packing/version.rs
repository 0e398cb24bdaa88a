//! Which of two versions is newer: the order of Semantic Versioning 2.0.0, section 11. Build metadata is not accepted, for
//! two versions that differ in it alone are neither older nor newer.

use std::cmp::Ordering;
use std::fmt;

/// How long a version may be, in bytes: it stands in the name of a file.
const BYTES: usize = 40;

/// A version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    numbers: [u64; 3],
    /// The parts behind the hyphen; a version without them is newer than one with them.
    pre: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    // In this order: a number is older than any word.
    Number(u64),
    Word(String),
}

impl Version {
    /// Reads `1.2.3` or `1.2.3-beta.1`; none where it is written otherwise.
    pub fn parse(text: &str) -> Option<Self> {
        let (numbers, pre) = match text.split_once('-') {
            Some((numbers, pre)) => (numbers, pre.split('.').map(part).collect::<Option<_>>()?),
            None => (text, Vec::new()),
        };
        let mut parts = numbers.split('.').map(number);
        let numbers = [parts.next()??, parts.next()??, parts.next()??];
        (parts.next().is_none() && text.len() <= BYTES).then_some(Self { numbers, pre })
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // Written in one way only: no zero stands in front.
    (digits && (text == "0" || !text.starts_with('0'))).then(|| text.parse().ok()).flatten()
}

fn part(text: &str) -> Option<Part> {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if text.is_empty() || !text.bytes().all(letters) {
        return None;
    }
    match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => number(text).map(Part::Number),
        false => Some(Part::Word(text.to_owned())),
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let pre = match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            _ => self.pre.cmp(&other.pre),
        };
        self.numbers.cmp(&other.numbers).then(pre)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.numbers;
        write!(f, "{major}.{minor}.{patch}")?;
        for (at, part) in self.pre.iter().enumerate() {
            let mark = if at == 0 { '-' } else { '.' };
            match part {
                Part::Number(number) => write!(f, "{mark}{number}")?,
                Part::Word(word) => write!(f, "{mark}{word}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_in_order_and_read_as_written() {
        let order = [
            "0.1.0",
            "0.2.0",
            "0.10.0",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1",
            "2.0.0",
        ];
        let versions: Vec<Version> = order.iter().map(|text| Version::parse(text).unwrap()).collect();
        for (at, version) in versions.iter().enumerate() {
            assert_eq!(version.to_string(), order[at]);
            assert!(versions[..at].iter().all(|older| older < version), "{version}");
        }
    }

    #[test]
    fn other_texts_are_no_versions() {
        for text in [
            "",
            "1",
            "1.2",
            "1.2.3.4",
            "1.2.x",
            "01.2.3",
            "1.2.3-",
            "1.2.3+5",
            "1.2.3-a..b",
            "1.2.3-01",
            "../1.2.3",
        ] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
