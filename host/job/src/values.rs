//! The small languages of values: durations, shares, days, networks, numbers. Pure; the error is one clause.

use rollcall_core::policy::Limit;
use rollcall_core::{Text, constraint::Reserved};

use crate::limits::{DURATION_MS_MAX, PERCENT_MAX};

/// Reads `7d`, `12h`, `30m`, `90s` or `0s` as milliseconds.
pub(crate) fn duration(text: &str) -> Result<u64, String> {
    let wrong = || "no duration".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let each: u64 = match unit {
        'd' => 24 * 60 * 60 * 1000,
        'h' => 60 * 60 * 1000,
        'm' => 60 * 1000,
        's' => 1000,
        _ => return Err(wrong()),
    };
    let count = &text[..text.len() - unit.len_utf8()];
    if count.is_empty() || !count.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let count: u64 = count.parse().map_err(|_| "too long".to_owned())?;
    count
        .checked_mul(each)
        .filter(|ms| *ms <= DURATION_MS_MAX)
        .ok_or_else(|| "too long, ten years is the most".to_owned())
}

/// Reads `5%` or `2.5 %`.
pub(crate) fn percent(text: &str) -> Result<Limit, String> {
    let number = text.trim().strip_suffix('%').ok_or("no share")?.trim_end();
    let plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let share: f64 = number.parse().ok().filter(|_| plain).ok_or("no share")?;
    if share > PERCENT_MAX { Err("too much".into()) } else { Ok(Limit::Percent(share)) }
}

/// Reads `2000` or `2500-2510` and adds it.
pub(crate) fn reserve(text: &str, into: &mut Reserved) -> Result<(), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (first.trim(), last.trim());
    let digits =
        |text: &str| !text.is_empty() && text.len() <= 31 && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(first) || !digits(last) {
        return Err("neither a number nor a range of numbers".into());
    }
    if first.len() != last.len() {
        return Err("the two ends of a range need equally many digits".into());
    }
    if first > last {
        return Err("the range ends before it begins".into());
    }
    into.0.push((first.into(), last.into()));
    Ok(())
}

/// Checks a day, `YYYY-MM-DD`.
pub(crate) fn day(text: &str) -> Result<Text, String> {
    let wrong = || "no day of the calendar".to_owned();
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return Err(wrong());
    }
    let part = |range: std::ops::Range<usize>| -> Result<u32, String> {
        let digits = text.get(range).filter(|part| part.bytes().all(|b| b.is_ascii_digit()));
        digits.and_then(|part| part.parse().ok()).ok_or_else(wrong)
    };
    let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return Err(wrong()),
    };
    if (1..=days).contains(&day) { Ok(text.into()) } else { Err(wrong()) }
}

/// Checks a network, `10.1.0.0/16` or `fd00::/8`, or a single address, `10.0.0.5`.
pub(crate) fn network(text: &str) -> Result<Text, String> {
    let Some((address, prefix)) = text.split_once('/') else {
        let single = text.parse::<std::net::IpAddr>();
        return single.map(|_| text.into()).map_err(|_| "no address".to_owned());
    };
    let address: std::net::IpAddr = address.parse().map_err(|_| "no address in front of the `/`")?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix: u8 = prefix.parse().map_err(|_| "no length behind the `/`")?;
    if prefix > most {
        return Err(format!("the length goes to {most}"));
    }
    Ok(text.into())
}

/// Checks a grant, `[METHOD ]scheme://host[:port][/path]`.
pub(crate) fn http_grant(text: &str) -> Result<Text, String> {
    let (method, address) = match text.split_once(' ') {
        Some((method, address)) => (Some(method), address.trim_start()),
        None => (None, text),
    };
    if method.is_some_and(|method| method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase())) {
        return Err("the method is written in capitals".into());
    }
    let parsed = url::Url::parse(address).map_err(|why| why.to_string())?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err("it begins with `https://` or `http://`".into());
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err("a grant has neither a query nor a fragment".into());
    }
    if parsed.host_str().is_none_or(|host| host.is_empty() || host.contains('*')) {
        return Err("it names one host; there are no wildcards".into());
    }
    Ok(text.into())
}

/// Checks the grant of an LDAP server, `ldaps://host[:port]`.
pub(crate) fn ldap_grant(text: &str) -> Result<Text, String> {
    let parsed = url::Url::parse(text).map_err(|why| why.to_string())?;
    if !matches!(parsed.scheme(), "ldap" | "ldaps") {
        return Err("it begins with `ldaps://` or `ldap://`".into());
    }
    if parsed.host_str().is_none_or(|host| host.is_empty() || host.contains('*')) {
        return Err("it names one host; there are no wildcards".into());
    }
    let bare = matches!(parsed.path(), "" | "/") && parsed.query().is_none() && parsed.fragment().is_none();
    if !bare || !parsed.username().is_empty() || parsed.password().is_some() {
        return Err("it has a host and a port and nothing more".into());
    }
    Ok(text.into())
}

/// Checks a proxy, `http://host:port`.
pub(crate) fn proxy(text: &str) -> Result<Text, String> {
    let parsed = url::Url::parse(text).map_err(|why| why.to_string())?;
    let bare = parsed.path() == "/" && parsed.query().is_none() && parsed.fragment().is_none();
    if parsed.scheme() != "http" || parsed.host_str().is_none() || !bare {
        return Err("no proxy".into());
    }
    Ok(text.into())
}

/// Checks a host name or an address, without scheme, port and path.
pub(crate) fn host(text: &str) -> Result<Text, String> {
    if text.contains("://") || text.contains('/') {
        return Err("it is a host name or an address alone".into());
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if bare.parse::<std::net::IpAddr>().is_ok() {
        return Ok(bare.into());
    }
    if text.contains(':') {
        return Err("the port has a key of its own".into());
    }
    let good = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    if text.len() > 253 || !text.chars().all(good) {
        return Err("no host name".into());
    }
    Ok(text.into())
}

/// Reads a SHA-256 fingerprint: 64 hexadecimal digits, colons and capitals allowed.
pub(crate) fn fingerprint(text: &str) -> Result<Text, String> {
    let digits: String = text.chars().filter(|c| *c != ':' && *c != ' ').collect::<String>().to_lowercase();
    if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err("a SHA-256 fingerprint has 64 hexadecimal digits".into());
    }
    Ok(digits.into())
}

/// Reads an ISO 3166 code of two letters.
pub(crate) fn country(text: &str) -> Result<Text, String> {
    if text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic()) {
        Ok(text.to_ascii_uppercase().into())
    } else {
        Err("no country code of two letters".into())
    }
}

/// Lists words: `` `a`, `b` or `c` ``.
pub(crate) fn words(words: &[&str]) -> String {
    let mut quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.pop() {
        None => String::new(),
        Some(last) if quoted.is_empty() => last,
        Some(last) => format!("{} or {last}", quoted.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in
            [("0s", 0), ("90s", 90_000), ("30m", 1_800_000), ("12h", 43_200_000), ("7d", 604_800_000)]
        {
            assert_eq!(duration(text), Ok(ms), "{text}");
        }
        for text in ["", "7", "d", "-1d", "1.5h", "7 d", "7w", "99999999999999999999d", "4000d", "7é"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn grants_of_directories() {
        for text in ["ldaps://dc1.corp.example", "ldap://10.0.0.1:1389", "ldaps://[2001:db8::1]/"] {
            assert!(ldap_grant(text).is_ok(), "{text}");
        }
        for text in
            ["dc1", "https://dc1", "ldaps://*.corp", "ldaps://a@dc1", "ldaps://dc1/dc=x", "ldaps://dc1?x"]
        {
            assert!(ldap_grant(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares() {
        assert_eq!(percent("5%"), Ok(Limit::Percent(5.0)));
        assert_eq!(percent("2.5 %"), Ok(Limit::Percent(2.5)));
        for text in ["5", "%", "-5%", "inf%", "1e9%", "five%"] {
            assert!(percent(text).is_err(), "{text}");
        }
    }

    #[test]
    fn days() {
        assert!(day("2027-05-01").is_ok() && day("2028-02-29").is_ok());
        for text in ["2027-02-29", "2027-13-01", "27-05-01", "2027/05/01", "2027-05-00", "2027-05-é1"] {
            assert!(day(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reserved() {
        let mut into = Reserved::default();
        assert!(reserve("2000", &mut into).is_ok() && reserve("2500 - 2510", &mut into).is_ok());
        assert!(into.contains("2505"));
        for text in ["", "-", "2510-2500", "99-100", "2000-", "x"] {
            assert!(reserve(text, &mut into).is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_networks_and_grants() {
        assert!(host("192.0.2.10").is_ok() && host("pbx.example").is_ok() && host("[fd00::1]").is_ok());
        assert!(host("https://pbx").is_err() && host("pbx:7070").is_err() && host("p bx").is_err());
        assert!(network("10.1.0.0/16").is_ok() && network("fd00::/8").is_ok());
        assert!(network("10.0.0.5").is_ok() && network("fd00::5").is_ok());
        assert!(network("10.1").is_err() && network("dc1.corp").is_err() && network("10.1.0.0/33").is_err());
        assert!(
            http_grant("https://hr.example").is_ok() && http_grant("POST https://hr.example/api").is_ok()
        );
        assert!(http_grant("hr.example").is_err() && http_grant("post https://hr.example").is_err());
        assert!(http_grant("https://*.example").is_err() && http_grant("ftp://hr.example").is_err());
        assert!(proxy("http://proxy:3128").is_ok() && proxy("socks5://proxy").is_err());
        assert!(fingerprint(&"AB:".repeat(32)).is_ok() && fingerprint("ab").is_err());
        assert_eq!(country("gb").as_deref(), Ok("GB"));
    }
}
