//! What a registry asks of whoever comes without a token: `WWW-Authenticate` (RFC 9110, 11.6.1), of which the schemes
//! `Basic` and `Bearer` (the token flow of the distribution project) are understood.

/// A challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A user's name and password.
    Basic,
    /// A token, and where it is to be had.
    Bearer {
        /// The token service.
        realm: String,
        /// What it calls the registry.
        service: Option<String>,
        /// What the token must be good for.
        scope: Option<String>,
    },
}

impl Challenge {
    /// Reads the header; gives nothing where it asks for anything else.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service, mut scope) = (None, None, None);
        for (name, value) in parameters(rest)? {
            match name.to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value),
                "service" => service = Some(value),
                "scope" => scope = Some(value),
                _ => {}
            }
        }
        Some(Self::Bearer { realm: realm?, service, scope })
    }
}

/// Reads `name="value", name=value`; gives nothing where it is none of that.
fn parameters(text: &str) -> Option<Vec<(String, String)>> {
    let (mut rest, mut found) = (text.trim_start(), Vec::new());
    while !rest.is_empty() {
        let (name, behind) = rest.split_once('=')?;
        let (value, behind) = match behind.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = behind.find([',', ' ']).unwrap_or(behind.len());
                (behind[..end].to_owned(), &behind[end..])
            }
        };
        found.push((name.trim().to_owned(), value));
        rest = behind.trim_start().trim_start_matches(',').trim_start();
    }
    Some(found)
}

/// Reads a quoted text to its end, and gives what follows it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut letters) = (String::new(), text.char_indices());
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => value.push(letters.next()?.1),
            _ => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        };
        let docker = "Bearer realm=\"https://auth.example/token\",service=\"r.example\",scope=\"repository:p/hr:pull,push\"";
        let expect =
            bearer("https://auth.example/token", Some("r.example"), Some("repository:p/hr:pull,push"));
        assert_eq!(Challenge::parse(docker), Some(expect));
        assert_eq!(
            Challenge::parse("bearer  error=invalid , realm=\"https://a/\\\"t\""),
            Some(bearer("https://a/\"t", None, None))
        );
        assert_eq!(Challenge::parse("Basic realm=\"r\""), Some(Challenge::Basic));
        for odd in ["", "Negotiate", "Bearer", "Bearer service=\"x\"", "Bearer realm=\"open", "Bearer realm"]
        {
            assert_eq!(Challenge::parse(odd), None, "{odd}");
        }
    }
}
