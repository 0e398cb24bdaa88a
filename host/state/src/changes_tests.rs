//! Whatever a plan may hold comes back as it was, and no code stands in the text.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use proptest::option::of;
use proptest::prelude::*;
use rollcall_core::Secret;

use super::*;
use crate::seal::Seal;

fn seal() -> (tempfile::TempDir, Seal) {
    let folder = tempfile::tempdir().unwrap();
    let seal = Seal::open(&folder.path().join("key"), &folder.path().join("state.db")).unwrap();
    (folder, seal)
}

fn text() -> impl Strategy<Value = Text> {
    // Foreign text of every kind: quotes, escapes, line breaks, other scripts.
    "[a-zA-Z\"\\\\\n\u{e4}\u{202e}{} ]{0,12}".prop_map(Text::from)
}

fn code() -> impl Strategy<Value = Secret> {
    "[0-9]{10,15}".prop_map(Secret::new)
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(Value::Text),
        proptest::collection::vec(text(), 1..4).prop_map(|list| Value::List(list.into())),
        code().prop_map(Value::Secret),
    ]
}

fn field_change() -> impl Strategy<Value = FieldChange> {
    (proptest::sample::select(Field::ALL.to_vec()), of(value()), of(value()), any::<bool>())
        .prop_map(|(field, from, to, drift)| FieldChange { field, from, to, drift })
}

fn birth() -> impl Strategy<Value = Birth> {
    let kind = prop_oneof![text().prop_map(ExtensionKind::Template), text().prop_map(ExtensionKind::Type)];
    let written =
        proptest::collection::btree_map(proptest::sample::select(Field::ALL.to_vec()), value(), 0..4);
    (of(text()), any::<bool>(), of(text()), of(kind), of(written)).prop_map(
        |(rule, number_by_rule, user_template, extension, written)| Birth {
            rule,
            number_by_rule,
            user_template,
            extension,
            written,
        },
    )
}

fn adoption() -> impl Strategy<Value = Adoption> {
    let plain =
        || prop_oneof![text().prop_map(Value::Text), text().prop_map(|one| Value::List([one].into()))];
    let field = || proptest::sample::select(Field::ALL.to_vec());
    let fields = || proptest::collection::btree_map(field(), plain(), 0..3);
    let seen = proptest::collection::vec((field(), of(plain())), 0..3);
    let by = proptest::sample::select(MatchedBy::ALL.to_vec());
    (by, seen, fields(), fields()).prop_map(|(by, seen, written, kept)| Adoption { by, seen, written, kept })
}

fn diagnostic() -> impl Strategy<Value = Diagnostic> {
    let codes: Vec<Code> = codes::ALL.iter().map(|(code, _)| *code).collect();
    let severity = prop_oneof![Just(Severity::Error), Just(Severity::Warning), Just(Severity::Note)];
    (proptest::sample::select(codes), severity, text(), of(text()), of(text())).prop_map(
        |(code, severity, message, hint, user)| Diagnostic {
            severity,
            hint: hint.map(|hint| hint.to_string()),
            user,
            ..Diagnostic::note(code, message.to_string())
        },
    )
}

fn change() -> impl Strategy<Value = Change> {
    let actions = [Action::Create, Action::Adopt, Action::Update, Action::Delete, Action::Skip];
    let who = (text(), text(), text());
    let place = (of(text()), of(text()), of(text()), of(text()), of(text()));
    let tie = (of(adoption()), any::<bool>());
    let what = (proptest::collection::vec(field_change(), 0..5), of(birth()), of(text()), tie);
    let why = proptest::collection::vec(diagnostic(), 0..3);
    (proptest::sample::select(actions.to_vec()), who, place, text(), what, of(any::<[u8; 16]>()), why)
        .prop_map(|(action, who, place, reason, (fields, birth, record, tie), seen, why)| Change {
            action,
            id: RecordId { directory: who.0, native: who.1 },
            key: who.2,
            guid: place.0,
            name: place.1,
            extension: place.2,
            system: place.3,
            rule: place.4,
            reason: reason.to_string(),
            fields,
            birth,
            adoption: tie.0,
            unlinks: tie.1,
            record,
            seen,
            why,
        })
}

proptest! {
    #[test]
    fn any_change_comes_back_from_its_row_and_from_no_other(change in change()) {
        let (_folder, seal) = seal();
        let shaper = Shaper { seal: &seal, row: "change|1|7" };
        let text = shaper.change(&change).unwrap();
        prop_assert!(!text.contains('\n'), "a change is one line");
        for secret in secrets(&change) {
            prop_assert!(!text.contains(secret.expose()));
        }
        prop_assert_eq!(shaper.change_back(&text).unwrap(), change.clone());
        let other = Shaper { seal: &seal, row: "change|1|8" }.change_back(&text);
        prop_assert_eq!(other.is_err(), !secrets(&change).is_empty());
    }

    #[test]
    fn any_change_comes_back_with_codes_that_are_kept_elsewhere(change in change()) {
        let mut kept: Vec<Secret> = Vec::new();
        let text = write_change(&change, &mut |code| {
            kept.push(code.clone());
            Ok(Held::Kept(u32::try_from(kept.len()).unwrap() - 1))
        }).unwrap();
        prop_assert_eq!(&kept, &secrets(&change));
        for secret in &kept {
            prop_assert!(!text.contains(secret.expose()));
        }
        let back = read_change(&text, &mut |held| match held {
            Held::Kept(place) => Ok(kept[*place as usize].clone()),
            _ => panic!("a code stands in the text"),
        });
        prop_assert_eq!(back.unwrap(), change);
    }

    #[test]
    fn any_diagnostics_come_back(found in proptest::collection::vec(diagnostic(), 0..4)) {
        prop_assert_eq!(read_diagnostics(&write_diagnostics(&found).unwrap()).unwrap(), found);
    }
}

fn secrets(change: &Change) -> Vec<Secret> {
    let values = change.fields.iter().flat_map(|field| [&field.from, &field.to]).flatten();
    let made = change.birth.iter().flat_map(|birth| birth.written.iter().flatten()).map(|(_, value)| value);
    values
        .chain(made)
        .filter_map(|value| if let Value::Secret(code) = value { Some(code.clone()) } else { None })
        .collect()
}

#[test]
fn an_order_comes_back_and_names_only_changes_that_are_there() {
    let order = vec![
        Move::Park { change: 1, field: Field::Name, value: "moving 1".into() },
        Move::Do(0),
        Move::Do(1),
    ];
    let text = write_order(&order).unwrap();
    assert_eq!(text, r#"[{"park":{"change":1,"field":"name","value":"moving 1"}},{"do":0},{"do":1}]"#);
    assert_eq!(read_order(&text, 2).unwrap(), order);
    assert!(read_order(&text, 1).is_err());
}

#[test]
fn what_is_no_change_is_refused_with_its_reason() {
    let cases = [
        ("{}", "missing field"),
        (r#"{"action":"paint","directory":"d","native":"1","key":"k"}"#, "`paint` is no action"),
        (
            r#"{"action":"skip","directory":"d","native":"1","key":"k","seen":"+00000000000000000000000000000ff"}"#,
            "fingerprint",
        ),
        (
            r#"{"action":"skip","directory":"d","native":"1","key":"k","fields":[{"field":"shoe"}]}"#,
            "`shoe` is no field",
        ),
        (
            r#"{"action":"skip","directory":"d","native":"1","key":"k","why":[{"code":"E9999","severity":"note","message":"m"}]}"#,
            "`E9999` is no code",
        ),
    ];
    let (_folder, seal) = seal();
    for (text, expected) in cases {
        let error = Shaper { seal: &seal, row: "r" }.change_back(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let least = r#"{"action":"delete","directory":"d","native":"1","key":"k","later":true}"#;
    let change = Shaper { seal: &seal, row: "r" }.change_back(least).unwrap();
    assert_eq!((change.action, change.fields.len(), change.seen), (Action::Delete, 0, None));
}
