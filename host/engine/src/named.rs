//! Who is meant by what somebody typed: where several users fit, each is told so that it can be named alone.

use rollcall_core::{Diagnostic, RecordId, codes};

/// Says that several users fit. `users`: the user identification and the record of each. Where identifications are not
/// enough to tell them apart, the directories' names and ids are given too.
pub fn several(wanted: &str, users: &[(&str, &RecordId)]) -> Diagnostic {
    let shared = |key: &str| users.iter().filter(|(other, _)| *other == key).count() > 1;
    let list: Vec<String> = users
        .iter()
        .map(|(key, id)| if shared(key) { format!("`{key}` (`{id}`)") } else { format!("`{key}`") })
        .collect();
    let message = format!("several users fit `{wanted}`: {}", list.join(", "));
    let hint = match users.iter().find(|(key, _)| shared(key)) {
        Some((_, id)) => format!("give the directory's name and id, such as `{id}`"),
        None => "give the user identification".to_owned(),
    };
    Diagnostic::error(codes::USER_NOT_FOUND, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_can_be_named_alone() {
        let id =
            |directory: &str, native: &str| RecordId { directory: directory.into(), native: native.into() };
        let (one, two, three) = (id("staff", "1"), id("guests", "9"), id("staff", "3"));
        let check = |users: &[(&str, &RecordId)], message: &str, hint: &str| {
            let told = several("ann", users);
            assert_eq!((told.message.as_str(), told.hint.as_deref()), (message, Some(hint)));
        };
        check(
            &[("a1", &one), ("a3", &three)],
            "several users fit `ann`: `a1`, `a3`",
            "give the user identification",
        );
        check(
            &[("a1", &one), ("a1", &two), ("a3", &three)],
            "several users fit `ann`: `a1` (`staff:1`), `a1` (`guests:9`), `a3`",
            "give the directory's name and id, such as `staff:1`",
        );
    }
}
