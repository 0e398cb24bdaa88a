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

/// Makes a whole text from a guest fit to be shown, line by line; every byte stays where it is.
pub(crate) fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\t' => shown.push(letter),
            letter if letter.is_control() || is_invisible(letter) => {
                shown.extend(std::iter::repeat_n(' ', letter.len_utf8()));
            }
            letter => shown.push(letter),
        }
    }
    shown
}

/// How many digits in a row are a telephone number or an id rather than a count.
const DIGITS_OF_A_PERSON: usize = 5;

/// Leaves out of a line what may name a person: addresses, telephone numbers, ids. Names cannot be told from other
/// words; a connector must not write them.
pub(crate) fn impersonal(line: &str) -> String {
    let personal = |word: &str| {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        let hyphens = word.matches('-').count();
        word.contains('@') || digits >= DIGITS_OF_A_PERSON || (hyphens >= 4 && word.len() >= 32)
    };
    line.split(' ').map(|word| if personal(word) { "(left out)" } else { word }).collect::<Vec<_>>().join(" ")
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
    fn a_line_of_the_log_names_nobody() {
        let check = |line: &str, expect: &str| assert_eq!(impersonal(line), expect);
        check("page 12 of 340, 999 users", "page 12 of 340, 999 users");
        check("skipped anna@contoso.example: no id", "skipped (left out) no id");
        check("+442079460000 and 10a0b1c2-0000-4000-8000-abcdefabcdef", "(left out) and (left out)");
    }

    #[test]
    fn text_of_a_guest_is_tamed() {
        assert_eq!(tame("a\u{1b}[31mb\nc\u{202e}d", 100), "a [31mb c d");
        assert_eq!(tame("äöü", 4), "äö…");
        assert_eq!(harmless("a\u{1b}[31m\n\tb\u{202e}c\r\n"), "a [31m\n\tb   c \n");
    }
}
