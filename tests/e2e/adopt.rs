//! Users that stand already: adoption with all its refusals, and what follows it.

use std::time::Duration;

use rollcall_tests::staff::{Staff, stands};
use serde_json::{Value, json};

use crate::env;
use crate::history::is_shown_as_reported;

const ADOPT: &str = "[adopt]\n";

/// An office of so many users as another synchronization left them, and the staff list of the same people.
fn office(users: usize) -> (String, Vec<String>) {
    let standing = (0..users)
        .map(|n| stands(&format!("Old {n:02}"), &format!("2{n:03}"), &format!("p{n}@Firm.example")));
    let rows = (0..users)
        .map(|n| format!("{n},login{n},Person {n:02},Person Number {n},p{n}@firm.example,3{n:03},Sales"));
    (standing.collect(), rows.collect())
}

fn people(staff: &Staff, rows: &[String]) {
    staff.people(&rows.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn fifty_users_of_an_office_are_taken_over_and_stay_what_they_are() {
    let (standing, mut rows) = office(50);
    let staff = Staff::new(env(), &standing);
    people(&staff, &rows);
    staff.job(ADOPT);
    let before = staff.users();
    let preview = staff.preview().success();
    assert_eq!(preview.stdout, staff.preview().success().stdout);
    assert_eq!((preview.figure("adopt"), preview.figure("create"), preview.figure("skipped")), (50, 0, 0));
    assert_eq!(staff.users(), before, "a preview changes nothing");
    let adopt = &preview.changes("adopt")[0];
    assert_eq!(
        (&adopt["matched_by"], &adopt["name"], &adopt["extension"]),
        (&json!("email"), &json!("Old 00"), &json!("2000"))
    );
    assert_eq!(adopt["fields"]["full_name"]["to"], "Person Number 0");
    assert_eq!(adopt["fields"]["group_membership"]["to"], json!(["Sales"]));
    assert!(adopt["fields"]["name"].is_null() && adopt["fields"]["extension"].is_null());

    let run = staff.sync().success();
    assert_eq!((run.figure("adopt"), run.figure("applied"), run.figure("failed")), (50, 50, 0));
    let after = staff.users();
    assert_eq!(after.len(), 50);
    for (was, is) in before.iter().zip(&after) {
        for kept in ["guid", "name", "extension", "login_code", "voicemail_code", "system", "profile"] {
            assert_eq!(was[kept], is[kept], "{kept}");
        }
        assert_eq!(is["groups"], json!(["Sales"]));
    }
    assert_eq!(staff.owner("Old 07"), "login7");

    let again = staff.sync().success();
    assert_eq!((again.figure("unchanged"), again.figure("applied"), again.figure("adopt")), (50, 0, 0));

    // A later e-mail address is written; the kept name is not, until the directory's own changes.
    rows[3] = "3,login3,Person 03,Person Number 3,new@firm.example,3003,Sales".into();
    rows[4] = "4,login4,Person Four,Person Number 4,p4@firm.example,3004,Sales".into();
    rows[5] = "5,login5,Person 05,Person Number 5,p5@firm.example,3999,Sales".into();
    people(&staff, &rows);
    let changed = staff.sync().success();
    assert_eq!((changed.figure("update"), changed.figure("applied")), (3, 3));
    assert_eq!(staff.user("Old 03")["email"], "new@firm.example");
    assert_eq!(staff.owner("Person Four"), "login4");
    assert_eq!(staff.user("Old 05")["extension"], "3999");
    assert_eq!(staff.sync().success().figure("applied"), 0);

    // The history says who was taken over and by what.
    let id = run.json()["run"].as_str().unwrap().to_owned();
    let shown = staff.env.run(&["show", &id, "--json"]).success();
    assert_eq!(shown.changes("adopt").len(), 50);
    assert!(shown.changes("adopt").iter().all(|change| change["matched_by"] == "email"));
    is_shown_as_reported(&staff.env, &run);
    let _ = staff
        .env
        .run(&["explain", "job.toml", "login7"])
        .success()
        .says("adopted by email")
        .says("adopt the user");
}

/// What stands, who is read, and what becomes of each: `key: action` with the codes of the reasons.
fn check(
    what: &str,
    standing: &[(&str, &str, &str)],
    rows: &[&str],
    sections: &str,
    code: i32,
    expect: &[&str],
) -> Staff {
    let users: String =
        standing.iter().map(|(name, extension, email)| stands(name, extension, email)).collect();
    let staff = Staff::new(env(), &users);
    staff.people(rows);
    staff.job(sections);
    let before = staff.users();
    let preview = staff.preview().exits(code);
    let json = preview.json();
    let mut lines = Vec::new();
    for change in json["changes"].as_array().unwrap() {
        let key = &change["user_identification"];
        let mut codes: Vec<&str> = json["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|found| found["user_identification"] == *key)
            .filter_map(|found| found["code"].as_str())
            .collect();
        codes.sort_unstable();
        codes.dedup();
        let by = change["matched_by"].as_str().map(|by| format!(" by {by}")).unwrap_or_default();
        lines.push(format!(
            "{}: {}{by} [{}]",
            key.as_str().unwrap(),
            change["action"].as_str().unwrap(),
            codes.join(" ")
        ));
    }
    assert_eq!(lines, expect, "{what}");
    let run = staff.sync().exits(code);
    assert_eq!(run.figure("failed"), 0, "{what}");
    for was in &before {
        let is = staff.users().into_iter().find(|user| user["guid"] == was["guid"]).unwrap();
        if is["links"].is_null() {
            assert_eq!(is, *was, "{what}: nothing unowned is touched");
        }
    }
    staff
}

#[test]
fn every_way_of_matching_and_every_refusal() {
    let _ = check(
        "by e-mail, extension and name, in this order",
        &[("Anna", "2001", "anna@x.example"), ("Bert", "2002", ""), ("Cleo", "", "")],
        &[
            "1,a,Anna B,Anna,anna@x.example,2009,",
            "2,b,Bertram,Bert,bert@x.example,2002,",
            "3,c,Cleo,Cleo,c@x.example,2003,",
        ],
        ADOPT,
        0,
        &["a: adopt by email []", "b: adopt by extension []", "c: adopt by name []"],
    );
    let _ = check(
        "two e-mail addresses that differ",
        &[("Anna", "2001", "anna.ek@x.example")],
        &["1,a,Anna,Anna,anna.berg@x.example,2001,"],
        ADOPT,
        3,
        &["a: skip [E0404 E0405 E0431]"],
    );
    let staff = check(
        "several phone users",
        &[("Anna", "2001", "a@x.example"), ("Anna 2", "2002", "a@x.example")],
        &["1,a,Anna,Anna,a@x.example,2001,"],
        ADOPT,
        3,
        &["a: skip [E0430]"],
    );
    let told = staff.env.run(&["preview", "job.toml"]).exits(3).says("`Anna` (2001)").says("`Anna 2` (2002)");
    drop(told);
    let _ = check(
        "several directory users",
        &[("Team", "2001", "team@x.example")],
        &["1,a,Anna,Anna,team@x.example,2003,", "2,b,Bert,Bert,team@x.example,2004,"],
        ADOPT,
        3,
        &["a: skip [E0430]", "b: skip [E0430]"],
    );
    let _ = check(
        "the order of `by`",
        &[("Anna", "2001", ""), ("Bert", "2002", "")],
        &["1,a,Bert,Anna,,2001,"],
        "[adopt]\nby = [\"name\", \"extension\"]\nkeep = []\n",
        3,
        &["a: skip [E0405]"],
    );
}

#[test]
fn users_of_the_system_and_of_other_jobs_never_match() {
    let staff = Staff::new(env(), &stands("Anna", "2001", "a@x.example"));
    staff.people(&["1,a,Anna,Anna,a@x.example,2001,"]);
    staff.named("other.toml", "Other", ADOPT);
    let _ = staff.env.run(&["sync", "other.toml", "--yes"]).success();
    assert_eq!(staff.user("Anna")["links"]["job"], "Other");
    // The same person of the same directory: left to the other job by choice.
    staff.job(ADOPT);
    let run = staff.sync().success();
    assert_eq!((run.figure("skipped"), run.figure("adopt")), (1, 0));
    // That a job does nothing at all is told all the same.
    assert_eq!(run.codes(), ["E0418", "E0525"]);
    // Somebody else with the same values is refused with the job's name.
    staff.people(&["9,z,Anna,Anna,a@x.example,2001,", "8,r,Remote,Remote,,,", "7,n,NoUser,No,,,"]);
    let run = staff.env.run(&["sync", "job.toml", "--yes", "--json"]).exits(3);
    let skipped = run.changes("skip");
    let about = |key: &str| {
        let change = skipped.iter().find(|change| change["user_identification"] == key).unwrap();
        change["reason"].as_str().unwrap().to_owned()
    };
    assert!(about("z").contains("the job `Other`"), "{}", about("z"));
    assert!(about("n").contains("NoUser"), "{}", about("n"));
    assert_eq!(staff.user("Anna")["links"]["job"], "Other");
}

#[test]
fn without_the_table_a_clash_is_skipped_with_the_hint() {
    let staff = check(
        "no `[adopt]`",
        &[("Anna", "2001", "a@x.example")],
        &["1,a,Anna,Anna,a@x.example,2005,", "2,b,Bert,Bert,,2001,"],
        "",
        3,
        &["a: skip [E0441]", "b: skip [E0405]"],
    );
    let json = staff.preview().exits(3).json();
    for found in json["diagnostics"].as_array().unwrap() {
        assert!(found["hint"].as_str().unwrap().contains("`[adopt]`"), "{found}");
    }
    // With the table the very same people fit.
    staff.job(ADOPT);
    let run = staff.sync().exits(3);
    assert_eq!((run.figure("adopt"), run.figure("skipped")), (1, 1));
}

#[test]
fn the_ticks_decide_what_an_adoption_does() {
    let staff = Staff::new(env(), &stands("Anna", "2001", "a@x.example"));
    staff.people(&["1,a,Anna,Anna Berg,a@x.example,2001,Sales"]);
    let ticks = |new: bool, update: bool| format!("[synchronize]\nnew = {new}\nupdate = {update}\n[adopt]\n");
    staff.job(&ticks(false, true));
    let run = staff.sync().success();
    assert_eq!((run.figure("adopt"), run.codes()), (0, vec!["E0508".to_owned()]));
    staff.job(&ticks(true, false));
    assert_eq!(staff.sync().success().figure("adopt"), 1);
    assert_eq!((staff.owner("Anna"), staff.user("Anna")["full_name"].clone()), (json!("a"), Value::Null));
    staff.job(&ticks(false, true));
    assert_eq!(staff.sync().success().figure("update"), 1);
    assert_eq!(staff.user("Anna")["full_name"], "Anna Berg");
}

#[test]
fn an_adopted_leaver_goes_and_its_extension_record_stays() {
    let extension = "[[extension]]\nextension = \"2001\"\nsystem = \"Main\"\ntype = \"SIP\"\n";
    let mut staff = Staff::new(env(), &(stands("Anna", "2001", "a@x.example") + extension));
    staff.people(&["1,a,Anna,Anna,a@x.example,2001,", "2,b,Bert,Bert,b@x.example,2002,"]);
    staff.job("[adopt]\n[guard]\nmax_delete = 5\nmin_directory = 1\n");
    assert_eq!(staff.sync().success().figure("adopt"), 1);
    staff.people(&["2,b,Bert,Bert,b@x.example,2002,"]);
    assert_eq!(staff.sync().success().figure("pending_delete"), 1);
    staff.env.advance(Duration::from_secs(8 * 24 * 3600));
    assert_eq!(staff.sync().success().figure("delete"), 1);
    assert!(
        staff.env.run(&["office", "export", "office.db"]).success().stdout.contains("\"2001\""),
        "the record stays"
    );
}

#[test]
fn a_guard_counts_what_adoptions_change() {
    let (standing, rows) = office(10);
    let staff = Staff::new(env(), &standing);
    people(&staff, &rows);
    staff.job("[adopt]\n[guard]\nmax_update = 9\n");
    let refused = staff.sync().exits(5).says("max_update=10");
    assert_eq!(refused.figure("applied"), 0);
    assert!(staff.users().iter().all(|user| user["links"].is_null()));
    let passed =
        staff.env.run(&["sync", "job.toml", "--yes", "--json", "--accept", "max_update=10"]).success();
    assert_eq!(passed.figure("applied"), 10);
}

#[test]
fn explain_says_how_a_user_was_matched_and_what_was_refused() {
    let staff = Staff::new(
        env(),
        &[stands("Anna", "2001", "a@x.example"), stands("Bert", "2002", "bert.other@x.example")].concat(),
    );
    staff.people(&["1,a,Anna,Anna,a@x.example,2001,", "2,b,Bert,Bert,b@x.example,2005,"]);
    staff.job(ADOPT);
    let _ = staff.env.run(&["explain", "job.toml", "a"]).success().says("matched by email").says("`Anna`");
    let refused = staff.env.run(&["explain", "job.toml", "b"]).success();
    let _ = refused
        .says("`Bert` (2002)")
        .says("the e-mail addresses differ: `b@x.example` and `bert.other@x.example`");
    let json = staff.env.run(&["explain", "job.toml", "a", "--json"]).success().json();
    assert_eq!((&json["action"], &json["matched_by"]), (&json!("adopt"), &json!("email")));
    let _ = staff.sync().exits(3);
    let json = staff.env.run(&["explain", "job.toml", "a", "--json"]).success().json();
    assert_eq!((&json["action"], &json["matched_by"]), (&json!("none"), &json!("email")));
}

#[test]
fn mistakes_of_the_table_are_told() {
    let staff = Staff::new(env(), &stands("Anna", "2001", "a@x.example"));
    staff.people(&["1,a,Anna,Anna,a@x.example,2001,"]);
    staff.job("[adopt]\nby = [\"mail\"]\n");
    let _ = staff.env.run(&["check", "job.toml"]).exits(12).says("did you mean `email`?");
    staff.job("[adopt]\nkeep = [\"login_code\"]\n");
    let _ = staff.env.run(&["check", "job.toml"]).exits(12).says("`adopt.keep` cannot name `login_code`");
}
