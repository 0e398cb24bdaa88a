//! What the formats have in common: a user of a file, and how one can be wrong.

use rollcall_connector::{Cell, Error};

/// A user of a file.
#[derive(Debug)]
pub(crate) struct User {
    /// The line on which it begins, from 1.
    pub(crate) line: u64,
    pub(crate) id: String,
    /// A cell for each column that was known when it was read; columns that came later are none.
    pub(crate) cells: Vec<Cell>,
}

/// Why there is no next user.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// This user is wrong; the next one can be read, so that all mistakes are told at once.
    User { line: u64, what: String },
    /// Nothing more can be read.
    File(Error),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::File(error)
    }
}

/// Says what was probably meant by a name, or else what there is.
pub(crate) fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    guessed(given, known, |name| format!("did you mean `{name}`?"))
}

/// As [`did_you_mean`], for the column that identifies a user.
pub(crate) fn another_id<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    guessed(given, known, |name| format!("did you mean `id_column = \"{name}\"`?"))
}

fn guessed<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
    guess: impl Fn(&str) -> String,
) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let plain = |name: &str| name.to_lowercase().replace([' ', '_', '-', '.'], "");
    let wanted = plain(given);
    let close = known
        .iter()
        .map(|name| (distance(&wanted, &plain(name)), *name))
        .filter(|(distance, name)| *distance <= name.chars().count() / 4)
        .min();
    match close {
        Some((_, name)) => guess(name),
        None if known.is_empty() => "there are none".to_owned(),
        None => format!("there are {}", listed(&known)),
    }
}

/// Lists names, the first of many.
pub(crate) fn listed(names: &[&str]) -> String {
    let mut shown: Vec<String> = names.iter().take(20).map(|name| format!("`{name}`")).collect();
    if names.len() > 20 {
        shown.push("…".to_owned());
    }
    shown.join(", ")
}

/// Counts how many letters are to be put in, left out or changed (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut next = vec![at + 1];
        for ((above, pair), compared) in row.iter().skip(1).zip(row.windows(2)).zip(&other) {
            let left = next.last().copied().unwrap_or_default();
            let corner = pair.first().copied().unwrap_or_default() + usize::from(letter != *compared);
            next.push(corner.min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, distance};

    #[test]
    fn a_name_is_guessed_or_all_are_told() {
        let check = |given: &str, expect: &str| {
            assert_eq!(did_you_mean(given, ["Employee ID", "name", "e-mail"]), expect);
        };
        check("employee_id", "did you mean `Employee ID`?");
        check("employeid", "did you mean `Employee ID`?");
        check("email", "did you mean `e-mail`?");
        check("id", "there are `Employee ID`, `name`, `e-mail`");
        assert_eq!(did_you_mean("id", []), "there are none");
        assert_eq!((distance("abc", "abd"), distance("", "ab"), distance("kitten", "sitting")), (1, 2, 3));
    }
}
