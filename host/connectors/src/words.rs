//! Small helpers for what is said to people: guesses at what was meant, and text from a guest made harmless.

/// Says which of the known names was probably meant, or else what there is.
pub(crate) fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let close = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(given, name), *name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min();
    match close {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None if known.is_empty() => "there are none".to_owned(),
        None => format!("there are {}", listed(&known)),
    }
}

/// Joins names as `a`, `b` and `c`.
pub(crate) fn listed(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// Makes text from a guest fit to be shown: no control characters, no characters that turn the direction of
/// writing, at most `limit` bytes.
pub(crate) fn tame(text: &str, limit: usize) -> String {
    let mut tamed = String::with_capacity(text.len().min(limit));
    for letter in text.chars() {
        let letter = if letter.is_control() || is_invisible(letter) { ' ' } else { letter };
        if tamed.len() + letter.len_utf8() > limit {
            tamed.push('…');
            break;
        }
        tamed.push(letter);
    }
    tamed
}

fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses() {
        assert_eq!(did_you_mean("tenantid", ["client_id", "tenant_id"]), "did you mean `tenant_id`?");
        assert_eq!(did_you_mean("colour", ["path", "delimiter"]), "there are `path` and `delimiter`");
        assert_eq!(did_you_mean("x", []), "there are none");
    }

    #[test]
    fn text_of_a_guest_is_tamed() {
        assert_eq!(tame("a\u{1b}[31mb\nc\u{202e}d", 100), "a [31mb c d");
        assert_eq!(tame("äöü", 4), "äö…");
    }
}
