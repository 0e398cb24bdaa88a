//! What an update does with every field, for each treatment, whatever the directory, the phone system and the last
//! write say; and how what was changed by hand is told apart.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use common::{World, person, policy};
use rollcall_core::field::{Field, Value};
use rollcall_core::policy::{OnUpdate, Policy, WhenEmpty};
use rollcall_core::{Text, codes};

fn treated(field: Field, treatment: &str) -> Policy {
    let (on_update, when_empty) = treatment.split_once(' ').unwrap();
    let mut policy = policy();
    let treated = policy.fields.get_mut(&field).unwrap();
    treated.on_update = match on_update {
        "always" => OnUpdate::Always,
        "once" => OnUpdate::Once,
        _ => OnUpdate::Never,
    };
    treated.when_empty = if when_empty == "clear" { WhenEmpty::Clear } else { WhenEmpty::Keep };
    policy
}

/// Makes a value of a field: letters are groups for a list, `-` is none.
fn value(field: Field, text: &str) -> Option<Value> {
    let group = |c| Text::from(if c == 'S' { "Sales" } else { "Support" });
    match field {
        _ if text == "-" => None,
        Field::GroupMembership => Value::list_of(text.chars().map(group)),
        _ => Some(Value::from(text)),
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "-".into(),
        Some(Value::List(list)) => {
            list.iter().map(|group| if &**group == "Sales" { 'S' } else { 'P' }).collect()
        }
        Some(value) => value.text().unwrap_or_default().into(),
    }
}

/// Plans for one user and gives what happens to the field: `A>B`, `A>B by hand`, `kept`, or nothing.
fn outcome(field: Field, treatment: &str, written: &str, stands: &str, directory: &str) -> String {
    let mut world = World::new();
    let name = if field == Field::Name { "Z" } else { "Anna" };
    world.sync(&[person("1", &[("name", name)])], &policy());
    let guid = world.user(name).guid.clone();
    let link = world.memory.links.values_mut().next().unwrap();
    let fields = &mut world.standing.users.get_mut(&guid).unwrap().fields;
    for (fields, text) in [(&mut link.written, written), (fields, stands)] {
        match value(field, text) {
            Some(value) => fields.insert(field, value),
            None => fields.remove(&field),
        };
    }
    let groups: Vec<String> =
        value(field, directory).iter().flat_map(|v| v.list().to_vec()).map(|g| g.to_string()).collect();
    let cell = match (field, directory) {
        (_, "-") => String::new(),
        (Field::GroupMembership, _) => groups.join("|"),
        _ => directory.to_owned(),
    };
    let mut attributes = vec![("name", name), (field.key(), cell.as_str())];
    if field == Field::Name {
        attributes.remove(0);
    }
    let plan = world.plan(&[person("1", &attributes)], &treated(field, treatment));
    let kept = plan.diagnostics.iter().any(|note| note.code == codes::DRIFT_KEPT);
    let back = plan.diagnostics.iter().any(|note| note.code == codes::DRIFT_WRITTEN_BACK);
    let change = plan.changes.first().and_then(|change| change.field(field));
    assert_eq!(
        back,
        change.is_some_and(|change| change.drift),
        "a note for what is written back, and for nothing else"
    );
    match change {
        Some(change) => {
            assert!(!kept);
            let by_hand = if change.drift { " by hand" } else { "" };
            format!("{}>{}{by_hand}", shown(change.from.as_ref()), shown(change.to.as_ref()))
        }
        None if kept => "kept".into(),
        None => String::new(),
    }
}

/// The last write, what stands, what the directory gives; then what happens under `always` with `clear` and `keep`,
/// under `once`, under `never`.
type Row = (&'static str, &'static str, &'static str, [&'static str; 4]);

/// `2001` was written by the job, `2002` is by hand, `2003` is new in the directory.
const ONE: &[Row] = &[
    // It stands as it was written.
    ("2001", "2001", "-", ["2001>-", "", "", ""]),
    ("2001", "2001", "2001", ["", "", "", ""]),
    ("2001", "2001", "2003", ["2001>2003", "2001>2003", "", ""]),
    // Somebody changed it by hand.
    ("2001", "2002", "-", ["kept", "kept", "kept", "kept"]),
    ("2001", "2002", "2001", ["2002>2001 by hand", "2002>2001 by hand", "kept", "kept"]),
    ("2001", "2002", "2003", ["2002>2003 by hand", "2002>2003 by hand", "kept", "kept"]),
    ("2001", "2002", "2002", ["", "", "", ""]),
    // Somebody cleared it by hand.
    ("2001", "-", "-", ["", "", "", ""]),
    ("2001", "-", "2001", ["->2001 by hand", "->2001 by hand", "->2001 by hand", "kept"]),
    ("2001", "-", "2003", ["->2003 by hand", "->2003 by hand", "->2003 by hand", "kept"]),
    // The job never wrote it.
    ("-", "-", "-", ["", "", "", ""]),
    ("-", "-", "2003", ["->2003", "->2003", "->2003", ""]),
    ("-", "2002", "-", ["", "", "", ""]),
    ("-", "2002", "2002", ["", "", "", ""]),
    ("-", "2002", "2003", ["2002>2003", "2002>2003", "", ""]),
];

/// `S` and `P` are two groups.
const GROUPS: &[Row] = &[
    ("S", "S", "-", ["S>-", "", "", ""]),
    ("S", "S", "S", ["", "", "", ""]),
    ("S", "S", "P", ["S>P", "S>P", "", ""]),
    ("S", "S", "SP", ["S>SP", "S>SP", "", ""]),
    // Somebody made a member by hand: that stays.
    ("S", "SP", "-", ["SP>P", "", "", ""]),
    ("S", "SP", "S", ["", "", "", ""]),
    ("S", "SP", "P", ["SP>P", "SP>P", "", ""]),
    // Somebody ended a membership by hand.
    ("S", "-", "S", ["->S by hand", "->S by hand", "->S by hand", "kept"]),
    ("S", "-", "P", ["->P", "->P", "->P", ""]),
    ("S", "-", "-", ["", "", "", ""]),
    ("S", "P", "S", ["P>SP by hand", "P>SP by hand", "kept", "kept"]),
    ("S", "P", "SP", ["P>SP by hand", "P>SP by hand", "kept", "kept"]),
    ("S", "P", "P", ["", "", "", ""]),
    // The job never made a member.
    ("-", "-", "S", ["->S", "->S", "->S", ""]),
    ("-", "P", "S", ["P>SP", "P>SP", "", ""]),
    ("-", "P", "-", ["", "", "", ""]),
    ("-", "SP", "S", ["", "", "", ""]),
];

fn check(field: Field, rows: &[Row]) {
    for (written, stands, directory, expect) in rows {
        let [clear, keep, once, never] = expect;
        for (treatment, expect) in [
            ("always clear", clear),
            ("always keep", keep),
            ("once clear", once),
            ("once keep", once),
            ("never clear", never),
            ("never keep", never),
        ] {
            let found = outcome(field, treatment, written, stands, directory);
            let case = format!(
                "{}, {treatment}: {written} written, {stands} stands, {directory} given",
                field.key()
            );
            assert_eq!(found, *expect, "{case}");
        }
    }
}

#[test]
fn single_values_follow_their_treatment() {
    for field in [Field::FullName, Field::Extension, Field::MobileTwinningNumber] {
        check(field, ONE);
    }
}

#[test]
fn names_follow_their_treatment() {
    // A user without a name is skipped, and a phone user always has one.
    let rows: Vec<Row> =
        ONE.iter().filter(|(_, stands, directory, _)| *stands != "-" && *directory != "-").copied().collect();
    assert_eq!(rows.len(), 7);
    check(Field::Name, &rows);
}

#[test]
fn memberships_follow_their_treatment() {
    check(Field::GroupMembership, GROUPS);
}

#[test]
fn a_number_that_a_rule_gave_is_not_written_back() {
    let mut world = World::new();
    let anna = [person("1", &[("name", "Anna"), ("range", "2000-2009"), ("extension", "3000")])];
    world.sync(&anna, &policy());
    let guid = world.user("Anna").guid.clone();
    world.standing.users.get_mut(&guid).unwrap().fields.insert(Field::Extension, Value::from("2005"));
    world.standing.extensions.clear();
    let plan = world.plan(&anna, &policy());
    let note = plan.diagnostics.iter().find(|note| note.code == codes::DRIFT_KEPT).unwrap();
    assert_eq!(
        note.message,
        "changed by hand on the phone system: 1 value stays: `extension` of 1 user (a rule gave the number)"
    );
}

#[test]
fn what_was_changed_by_hand_is_counted_and_told_apart_from_the_directory() {
    let mut world = World::new();
    let row = |n: u8, email: &str, full: &str| {
        person(&n.to_string(), &[("name", &format!("User {n}")), ("email", email), ("full_name", full)])
    };
    world.sync(
        &[row(1, "1@x.example", "One"), row(2, "2@x.example", "Two"), row(3, "3@x.example", "Three")],
        &policy(),
    );
    for user in world.standing.users.values_mut() {
        user.fields.insert(Field::Email, Value::from("hand@x.example"));
    }
    let guid = world.user("User 1").guid.clone();
    world.standing.users.get_mut(&guid).unwrap().fields.insert(Field::FullName, Value::from("By hand"));
    let now = [row(1, "1@x.example", "One"), row(2, "2@x.example", "New"), row(3, "new@x.example", "Three")];
    let plan = world.plan(&now, &policy());
    let reasons: Vec<&str> = plan.changes.iter().map(|change| change.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "changed by hand on the phone system, written back: full_name, email",
            "changed in the directory: full_name; changed by hand on the phone system, written back: email",
            "changed by hand on the phone system and in the directory: email",
        ]
    );
    let note = plan.diagnostics.iter().find(|note| note.code == codes::DRIFT_WRITTEN_BACK).unwrap();
    assert_eq!(
        note.message,
        "changed by hand on the phone system: 4 values are written back: `full_name` of 1 user, `email` of 3 users"
    );
    // Of a field whose expression has changed nobody can say that the directory has.
    let mut job = world.clone();
    job.memory.changed = vec!["fields.email".into(), "fields.full_name".into(), "rules.files".into()];
    let plan = job.plan(&now, &policy());
    assert_eq!(
        plan.changes.iter().map(|change| change.reason.as_str()).collect::<Vec<_>>(),
        [
            "changed by hand on the phone system, written back: full_name, email",
            "made otherwise by the job now: full_name; changed by hand on the phone system, written back: email",
            "changed by hand on the phone system, and made otherwise by the job now: email",
        ]
    );
    let mut once = policy();
    once.fields.get_mut(&Field::Email).unwrap().on_update = OnUpdate::Once;
    let plan = world.plan(&now, &once);
    let note = plan.diagnostics.iter().find(|note| note.code == codes::DRIFT_KEPT).unwrap();
    assert_eq!(
        note.message,
        "changed by hand on the phone system: 3 values stay: `email` of 3 users (`on_update = \"once\"`)"
    );
}
