//! Links that a server gives: where they lead, and which of them is the next page.

/// Gives scheme, host and port of a URL in one form; none where it has a user part or is no http(s) URL.
pub fn origin(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let authority = rest.split(['/', '?', '#', '\\']).next()?.to_ascii_lowercase();
    let default = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let host = authority.strip_suffix(default).unwrap_or(&authority);
    let plain = !host.is_empty() && host.bytes().all(|b| b.is_ascii_graphic() && b != b'@');
    plain.then(|| format!("{scheme}://{host}"))
}

/// Tells whether a URL leads to the same scheme, host and port as another.
///
/// A link carries the login's right to everything, so that it must not lead anywhere else.
pub fn stays_with(url: &str, root: &str) -> bool {
    origin(url).is_some() && origin(url) == origin(root)
}

/// Gives a URL's path, without what stands before it and behind it; empty where it has none.
pub fn path(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = &rest[rest.find('/').unwrap_or(rest.len())..];
    path.split(['?', '#']).next().unwrap_or_default()
}

/// Finds the link of a relation in `Link` headers (RFC 8288). Several headers and several links in one are alike.
pub fn with_relation<'a>(headers: &'a [(String, String)], relation: &str) -> Option<&'a str> {
    let values = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("link")).map(|(_, value)| value);
    values.flat_map(|value| links(value)).find(|(_, relations)| has(relations, relation)).map(|(url, _)| url)
}

/// A `rel` may name several relations, in any case.
fn has(relations: &str, relation: &str) -> bool {
    relations.split_ascii_whitespace().any(|known| known.eq_ignore_ascii_case(relation))
}

/// Gives each link of a header with the relations that it names. What is malformed ends the list.
fn links(header: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = header;
    while let Some((url, after)) =
        rest.trim_start_matches([' ', '\t', ',']).strip_prefix('<').and_then(|r| r.split_once('>'))
    {
        let end = unquoted_comma(after);
        let relations = after[..end].split(';').find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim().eq_ignore_ascii_case("rel").then(|| value.trim().trim_matches('"'))
        });
        found.push((url, relations.unwrap_or_default()));
        rest = &after[end..];
    }
    found
}

/// Gives where the next link begins: behind a comma that stands in no quotes.
fn unquoted_comma(text: &str) -> usize {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::{path, stays_with, with_relation};

    #[test]
    fn links_are_found_however_they_are_sent() {
        let check = |headers: &[&str], expect: Option<&str>| {
            let headers: Vec<_> =
                headers.iter().map(|value| ("link".to_owned(), (*value).to_owned())).collect();
            assert_eq!(with_relation(&headers, "next"), expect, "{headers:?}");
        };
        let own = "<https://a.test/users?limit=2>; rel=\"self\"";
        let next = "<https://a.test/users?after=x,y;z&limit=2>; rel=\"next\"";
        let url = Some("https://a.test/users?after=x,y;z&limit=2");
        check(&[own, next], url);
        check(&[&format!("{own}, {next}")], url);
        check(&[&format!("{next},{own}")], url);
        check(&["<https://a.test/2>; title=\"a, b; rel=next\"; rel=next"], Some("https://a.test/2"));
        check(&["<https://a.test/2>; REL=\"last NEXT\""], Some("https://a.test/2"));
        check(&[own], None);
        check(&["https://a.test/2; rel=next", "<https://a.test"], None);
        check(&[], None);
    }

    #[test]
    fn a_path_stands_between_server_and_query() {
        let check = |url: &str, expect: &str| assert_eq!(path(url), expect, "{url}");
        check("https://a.test/api/users?limit=2#x", "/api/users");
        check("https://a.test/api?next=https://b.test/x", "/api");
        check("https://a.test", "");
        check("/api/users", "/api/users");
    }

    #[test]
    fn a_link_stays_where_it_was_granted() {
        let root = "https://a.test/api";
        for good in ["https://a.test/x", "HTTPS://A.test:443/x"] {
            assert!(stays_with(good, root), "{good}");
        }
        for evil in ["http://a.test/x", "https://a.test.evil/x", "https://a.test@evil/x", "//a.test/x", "/x"]
        {
            assert!(!stays_with(evil, root), "{evil}");
        }
    }
}
