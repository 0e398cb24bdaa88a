//! Who is who: the same person under another identification, and another person under a known one.

use std::time::Duration;

use rollcall_tests::staff::Staff;
use serde_json::json;

use crate::env;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const GUARD: &str = "[guard]\nmax_delete = 10\nmin_directory = 1\nmax_clear = 10\n";

fn staff(rows: &[&str]) -> Staff {
    let staff = Staff::new(env(), "");
    staff.people(rows);
    staff.job(GUARD);
    let _ = staff.sync().success();
    staff
}

#[test]
fn every_value_of_the_same_id_may_change() {
    let staff =
        staff(&["1,anna@x.example,Anna Berg,Anna Berg,anna@x.example,2001,", "2,bert,Bert,Bert,,2002,"]);
    let guid = staff.user("Anna Berg")["guid"].clone();
    // Identification, name and e-mail at once: an update, no delete and no create.
    staff.people(&["1,anna.ek@x.example,Anna Ek,Anna Ek,anna.ek@x.example,2009,", "2,bert,Bert,Bert,,2002,"]);
    let run = staff.sync().success();
    assert_eq!((run.figure("update"), run.figure("create"), run.figure("pending_delete")), (1, 0, 0));
    assert!(run.codes().contains(&"E0412".to_owned()));
    let user = staff.user("Anna Ek");
    assert_eq!((&user["guid"], &user["links"]["user_identification"]), (&guid, &json!("anna.ek@x.example")));
    assert_eq!((&user["email"], &user["extension"]), (&json!("anna.ek@x.example"), &json!("2009")));
    let again = staff.sync().success();
    assert_eq!((again.figure("unchanged"), again.codes()), (2, Vec::new()));
}

#[test]
fn only_the_case_of_an_identification_changes() {
    let staff = staff(&["1,Anna@x.example,Anna,Anna,,2001,"]);
    staff.people(&["1,anna@X.example,Anna,Anna,,2001,"]);
    let run = staff.sync().success();
    assert_eq!((run.figure("unchanged"), run.figure("create"), run.figure("applied")), (1, 0, 0));
    assert_eq!(staff.owner("Anna"), "anna@X.example");
    assert_eq!(staff.users().len(), 1);
}

#[test]
fn a_leavers_identification_given_to_a_new_person_takes_nothing_over() {
    let mut staff =
        staff(&["1,anna@x.example,Anna,Anna Berg,anna@x.example,2001,Sales", "2,bert,Bert,Bert,,2002,"]);
    let before = staff.user("Anna");
    staff.people(&["9,anna@x.example,Anna New,Anna Newman,anna@x.example,2009,", "2,bert,Bert,Bert,,2002,"]);
    let run = staff.sync().success();
    assert_eq!((run.figure("create"), run.figure("update"), run.figure("pending_delete")), (1, 0, 1));
    assert!(run.codes().contains(&"E0411".to_owned()), "it is reported: {:?}", run.codes());
    assert_eq!(staff.user("Anna"), before, "fields, codes and number of the old user are unchanged");
    assert_eq!(staff.owner("Anna New"), "anna@x.example");
    assert_ne!(staff.user("Anna New")["guid"], before["guid"]);
    // Later on, too: the old user goes with its own clock, the new one stays.
    staff.env.advance(8 * DAY);
    let later = staff.sync().success();
    assert_eq!((later.figure("delete"), later.figure("create")), (1, 0));
    assert_eq!(staff.users().len(), 2);
    assert_eq!(staff.owner("Anna New"), "anna@x.example");
}

#[test]
fn a_leavers_name_is_not_given_to_a_joiner_the_next_day() {
    let mut staff = staff(&["1,anna,Anna,Anna Berg,,2001,", "2,bert,Bert,Bert,,2002,"]);
    let before = staff.user("Anna");
    staff.env.advance(DAY);
    staff.people(&["3,anna2,Anna,Anna Ek,,2003,", "2,bert,Bert,Bert,,2002,"]);
    let run = staff.sync().exits(3);
    assert_eq!(run.figure("create"), 0);
    assert_eq!(staff.user("Anna"), before);
    // Deleted after its grace, the name is in quarantine for everybody else.
    staff.env.advance(8 * DAY);
    let deleted = staff.sync().exits(3);
    assert_eq!((deleted.figure("delete"), deleted.figure("create")), (1, 0));
    staff.env.advance(DAY);
    let _ = staff.sync().exits(3).says("quarantine");
    staff.env.advance(90 * DAY);
    assert_eq!(staff.sync().success().figure("create"), 1);
    assert_eq!(staff.owner("Anna"), "anna2");
}

#[test]
fn two_people_swap_their_identifications_in_one_run() {
    let staff = staff(&["1,anna,Anna,Anna,,2001,", "2,bert,Bert,Bert,,2002,"]);
    let (anna, bert) = (staff.user("Anna"), staff.user("Bert"));
    staff.people(&["1,bert,Anna,Anna,,2001,", "2,anna,Bert,Bert,,2002,"]);
    let run = staff.sync().success();
    assert_eq!((run.figure("unchanged"), run.figure("create"), run.figure("applied")), (2, 0, 0));
    assert_eq!((staff.owner("Anna"), staff.owner("Bert")), (json!("bert"), json!("anna")));
    assert_eq!((&staff.user("Anna")["guid"], &staff.user("Bert")["guid"]), (&anna["guid"], &bert["guid"]));
}

#[test]
fn old_and_new_record_of_one_identification_are_both_there() {
    let staff = staff(&["1,anna,Anna,Anna,,2001,", "2,bert,Bert,Bert,,2002,"]);
    let before = staff.users();
    // The account was made anew and the old one is still listed: nobody guesses which of the two is meant.
    staff.people(&["1,anna,Anna,Anna,,2001,", "9,ANNA,Anna,Anna,,2001,", "2,bert,Bert,Bert,,2002,"]);
    let run = staff.sync().exits(3);
    assert_eq!((run.figure("skipped"), run.figure("create"), run.figure("pending_delete")), (2, 0, 0));
    assert_eq!(run.codes(), ["E0403"]);
    let mut after = staff.users();
    for (was, is) in before.iter().zip(&mut after) {
        is["links"] = was["links"].clone();
        assert_eq!(is, was);
    }
    // Once the old one is gone, the new one is another person: its name and number are not free yet.
    staff.people(&["9,anna,Anna,Anna,,2001,", "2,bert,Bert,Bert,,2002,"]);
    let run = staff.sync().exits(3);
    assert_eq!((run.figure("skipped"), run.figure("pending_delete")), (1, 1));
    assert!(run.codes().contains(&"E0411".to_owned()), "{:?}", run.codes());
}
