//! What stands in an attribute, made readable: identifiers that are bytes, truth values, numbers, times.

use rollcall_connector::time::Parts;
use rollcall_connector::{Cell, Kind};

/// Attributes of Active Directory that hold a GUID.
const GUIDS: [&str; 4] = ["objectguid", "ms-ds-consistencyguid", "msexchmailboxguid", "msexcharchiveguid"];
/// Attributes of Active Directory that hold a SID.
const SIDS: [&str; 2] = ["objectsid", "sidhistory"];

/// Tells whether the attribute is bytes in the directory and text here.
pub(crate) fn is_identifier(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    GUIDS.contains(&name.as_str()) || SIDS.contains(&name.as_str())
}

/// How the values of an attribute are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    /// As Active Directory's GUIDs.
    Guids,
    /// As Active Directory's SIDs.
    Sids,
    /// As what the schema says.
    As(Kind),
}

impl Reads {
    /// Says how an attribute of this name and kind is read.
    pub(crate) fn of(name: &str, kind: Kind) -> Self {
        let name = name.to_ascii_lowercase();
        if GUIDS.contains(&name.as_str()) {
            Self::Guids
        } else if SIDS.contains(&name.as_str()) {
            Self::Sids
        } else {
            Self::As(kind)
        }
    }
}

/// Makes a cell of an attribute's values: one value is itself, several are a list.
pub(crate) fn cell(reads: Reads, values: &[Vec<u8>]) -> Cell {
    let kind = match reads {
        Reads::Guids => return Cell::from_values(values.iter().filter_map(|value| guid(value))),
        Reads::Sids => return Cell::from_values(values.iter().filter_map(|value| sid(value))),
        Reads::As(kind) => kind,
    };
    let mut texts = values.iter().filter_map(|value| text(value));
    let (first, second) = (texts.next(), texts.next());
    match (kind, values, first, second) {
        (_, [], ..) => Cell::None,
        (Kind::Bytes, [bytes, ..], ..) => Cell::Bytes(bytes.clone()),
        (_, [bytes, ..], None, _) if !bytes.is_empty() => Cell::Bytes(bytes.clone()),
        (Kind::Boolean, _, Some("TRUE"), None) => Cell::Boolean(true),
        (Kind::Boolean, _, Some("FALSE"), None) => Cell::Boolean(false),
        (Kind::Integer, _, Some(one), None) => one.parse().map_or_else(|_| Cell::text(one), Cell::Integer),
        (_, _, Some(one), None) => Cell::text(one),
        _ => Cell::from_values(first.into_iter().chain(second).chain(texts).map(str::to_owned)),
    }
}

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok().filter(|text| !text.is_empty())
}

trait FromValues {
    fn from_values(values: impl Iterator<Item = String>) -> Self;
}

impl FromValues for Cell {
    fn from_values(values: impl Iterator<Item = String>) -> Self {
        let mut values: Vec<String> = values.collect();
        match values.len() {
            0 | 1 => values.pop().map_or(Self::None, Self::text),
            _ => Self::Texts(values),
        }
    }
}

/// Writes a GUID as Active Directory's tools do: the first three fields are little-endian.
pub(crate) fn guid(bytes: &[u8]) -> Option<String> {
    const ORDER: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let bytes = <[u8; 16]>::try_from(bytes).ok()?;
    let mut text = String::with_capacity(36);
    for (at, from) in ORDER.into_iter().enumerate() {
        if [4, 6, 8, 10].contains(&at) {
            text.push('-');
        }
        text.push_str(&format!("{:02x}", bytes[from]));
    }
    Some(text)
}

/// Writes a SID (MS-DTYP 2.4.2): revision, count, a big-endian authority, little-endian sub-authorities.
pub(crate) fn sid(bytes: &[u8]) -> Option<String> {
    let (head, rest) = bytes.split_at_checked(8)?;
    let [revision, count, authority @ ..] = head else { return None };
    if rest.len() != usize::from(*count) * 4 {
        return None;
    }
    let authority = authority.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    let mut text = format!("S-{revision}-{authority}");
    for part in rest.chunks_exact(4) {
        let part = part.iter().rev().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
        text.push_str(&format!("-{part}"));
    }
    Some(text)
}

/// Gives the last part of a SID, by which a domain knows its group.
pub(crate) fn rid(bytes: &[u8]) -> Option<u32> {
    sid(bytes)?.rsplit('-').next()?.parse().ok()
}

/// Reads a time (`20261123090000Z`, `20261123090000.0Z`), in seconds since 1970.
pub(crate) fn seconds(time: &str) -> Option<i64> {
    let digits = time.get(..14).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let rest =
        time[14..].trim_start_matches(['.', ',']).trim_start_matches(|letter: char| letter.is_ascii_digit());
    if rest != "Z" {
        return None;
    }
    let part = |from: usize, to: usize| digits[from..to].parse::<i64>().ok();
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    Some(Parts { year, month, day, hour, minute, second }.seconds())
}

/// Writes seconds since 1970 as a time (RFC 4517, 3.3.13).
pub(crate) fn written(seconds: i64) -> String {
    let Parts { year, month, day, hour, minute, second } = Parts::of(seconds);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z")
}

const BEFORE_1970: i64 = 11_644_473_600;

/// Writes seconds since 1970 as `accountExpires` does.
pub(crate) fn expires_at(seconds: i64) -> i64 {
    seconds.saturating_add(BEFORE_1970).saturating_mul(10_000_000)
}

/// Reads `accountExpires`: 100-nanosecond steps since 1601; none where the account never expires.
pub(crate) fn expiry(text: &str) -> Option<i64> {
    match text.parse::<i64>().ok()? {
        // Both mean never (MS-ADA1, accountExpires).
        0 | i64::MAX => None,
        steps => Some(steps / 10_000_000 - BEFORE_1970),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap()).collect()
    }

    #[test]
    fn identifiers_are_written_as_people_know_them() {
        // From a domain of Samba, where the tombstone's name has the same GUID as text.
        let bytes = hex("2993534a0298a4448a59e508b0d53cbb");
        assert_eq!(guid(&bytes).as_deref(), Some("4a539329-9802-44a4-8a59-e508b0d53cbb"));
        assert_eq!(guid(&bytes[1..]), None);
        let admin = hex("010500000000000515000000f1f2f3f40102030405060708f4010000");
        assert_eq!(sid(&admin).as_deref(), Some("S-1-5-21-4109628145-67305985-134678021-500"));
        assert_eq!(rid(&admin), Some(500));
        assert_eq!(sid(&admin[..20]), None);
        assert_eq!(sid(&[]), None);
    }

    #[test]
    fn values_become_cells() {
        let check = |name: &str, kind: Kind, values: &[&[u8]], expect: Cell| {
            let values: Vec<Vec<u8>> = values.iter().map(|value| value.to_vec()).collect();
            assert_eq!(cell(Reads::of(name, kind), &values), expect, "{name}");
        };
        check("mail", Kind::Text, &[], Cell::None);
        check("mail", Kind::Text, &[b""], Cell::None);
        check("mail", Kind::Text, &[b"a@b"], Cell::Text("a@b".into()));
        check("mail", Kind::Text, &[b"a@b", b"c@d"], Cell::Texts(vec!["a@b".into(), "c@d".into()]));
        check("enabled", Kind::Boolean, &[b"TRUE"], Cell::Boolean(true));
        check("uidNumber", Kind::Integer, &[b"1000"], Cell::Integer(1000));
        check("odd", Kind::Integer, &[b"x"], Cell::Text("x".into()));
        check("photo", Kind::Bytes, &[b"ab", b"cd"], Cell::Bytes(b"ab".to_vec()));
        check("odd", Kind::Text, &[&[255, 254]], Cell::Bytes(vec![255, 254]));
        check("modifyTimestamp", Kind::Text, &[b"20261123090000Z"], Cell::Text("20261123090000Z".into()));
    }

    #[test]
    fn times_are_read() {
        assert_eq!(seconds("19700101000000Z"), Some(0));
        assert_eq!(seconds("20261123090000Z"), Some(1_795_424_400));
        assert_eq!(seconds("20240229120000.0Z"), Some(1_709_208_000));
        assert_eq!(seconds("2024"), None);
        assert_eq!(seconds("20240229120000+0100"), None);
        for never in ["0", "9223372036854775807", "", "x"] {
            assert_eq!(expiry(never), None);
        }
        assert_eq!(expiry("134398980000000000"), Some(1_795_424_400));
        assert_eq!(expires_at(1_795_424_400), 134_398_980_000_000_000);
    }

    #[test]
    fn times_that_are_written_are_read_again() {
        assert_eq!(written(0), "19700101000000Z");
        assert_eq!(written(1_709_208_000), "20240229120000Z");
        for day in -100_000..100_000 {
            let at = day * 86_400 + 86_399;
            assert_eq!(seconds(&written(at)), Some(at));
        }
    }
}
