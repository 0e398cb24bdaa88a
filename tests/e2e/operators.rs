//! What an operator meets who reads only what the program prints: each is told what is so, and what to do.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rollcall_tests::harness::Output;
use rollcall_tests::staff::{Staff, stands};
use serde_json::{Value, json};

use crate::env;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const ANNA: &str = "1,anna,Anna,Anna Berg,anna@x.example,2101,";
const BERT: &str = "2,bert,Bert,Bert Ek,bert@x.example,2102,";

fn staff() -> Staff {
    let users = [stands("Front desk", "2001", "desk@x.example"), stands("Back desk", "2002", "")];
    let staff = Staff::new(env(), &users.concat());
    staff.people(&[ANNA, BERT]);
    staff.job("");
    staff
}

fn run_of(output: &Output) -> String {
    output.json()["run"].as_str().unwrap().to_owned()
}

fn runs(staff: &Staff) -> Vec<Value> {
    staff.env.run(&["runs", "--json"]).success().json()["runs"].as_array().unwrap().clone()
}

fn hints(output: &Output) -> String {
    let json = output.json();
    let all = json["diagnostics"].as_array().unwrap().iter();
    all.filter_map(|one| one["hint"].as_str()).collect::<Vec<_>>().join("; ")
}

fn messages(output: &Output, code: &str) -> Vec<String> {
    let json = output.json();
    let all = json["diagnostics"].as_array().unwrap().iter().filter(|one| one["code"] == code);
    all.map(|one| one["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_job_whose_people_all_belong_to_another_is_refused_and_told_how_to_mend_it() {
    let staff = staff();
    let _ = staff.sync().success();
    let _ = staff.env.run(&["rename-job", "Staff", "People"]).success();
    // The file still has the old name.
    let refused = staff.sync().exits(5);
    assert_eq!(
        messages(&refused, "E0525"),
        ["this job owns nobody, and 2 of the 2 users that it reads belong to the job `People`"]
    );
    assert!(hints(&refused).contains("`name = \"People\"`"), "{}", hints(&refused));
    let _ = staff.preview().exits(5);
    // With somebody new among them it goes on, and says what it takes.
    staff.people(&[ANNA, BERT, "3,carl,Carl,Carl Holm,carl@x.example,2103,"]);
    let mixed = staff.preview().success();
    assert_eq!((mixed.figure("create"), mixed.figure("skipped")), (1, 2));
    assert_eq!(messages(&mixed, "E0525").len(), 1);
    staff.named("job.toml", "People", "");
    assert_eq!(staff.sync().success().figure("create"), 1);
    assert!(messages(&staff.preview().success(), "E0525").is_empty());
}

#[test]
fn a_name_that_was_tried_before_the_links_were_moved_still_gets_them() {
    let staff = staff();
    let _ = staff.sync().success();
    staff.named("job.toml", "People", "");
    let _ = staff.sync().exits(5).says("`rollcall rename-job Staff NEW`");
    let _ = staff.env.run(&["rename-job", "Staff", "job.toml"]).success().says("2 links moved");
    assert_eq!(staff.sync().success().figure("unchanged"), 2);
    let _ = staff.env.run(&["doctor"]).success().hides("changed the history");
}

#[test]
fn a_night_that_failed_stands_in_the_history_and_counts_for_nothing() {
    let mut staff = staff();
    staff.job("[guard]\nmin_directory = \"0%\"\n");
    let first = run_of(&staff.sync().success());
    staff.people(&[ANNA]);
    let gone = staff.sync().success();
    assert_eq!(gone.figure("pending_delete"), 1);
    let before = staff.preview().success().stdout;

    let csv = staff.env.read("people.csv");
    std::fs::remove_file(staff.env.path("people.csv")).unwrap();
    let _ = staff
        .sync()
        .exits(13)
        .says("there is no file `people.csv`")
        .says(concat!("[ROOT]/wo", "rk/people.csv"));
    staff.env.write("people.csv", "");
    let _ = staff.sync().exits(13).says("the file `people.csv` is empty");
    staff.env.write("people.csv", format!("{csv}9,broken"));
    let _ = staff.sync().exits(13).says("`people.csv` line 3: 2 cells where the header has 7");
    staff.env.write("people.csv", &csv);

    let all = runs(&staff);
    let told: Vec<(&Value, &Value, &Value)> =
        all.iter().map(|run| (&run["kind"], &run["exit"], &run["state"])).collect();
    let (sync, ended) = (json!("sync"), json!("ended"));
    let codes = [13, 13, 13, 0, 0].map(Value::from);
    assert_eq!(told, codes.iter().map(|code| (&sync, code, &ended)).collect::<Vec<_>>());
    let failed = all[0]["run"].as_str().unwrap();
    let _ = staff.env.run(&["show", failed]).success().says("exit 13").says("`people.csv` line 3");
    let _ = staff.env.run(&["runs"]).success().says("13");
    let _ = staff.env.run(&["undo", failed, "--yes"]).exits(1).says("came to no plan");
    let _ = staff.env.run(&["resume", failed, "--yes"]).exits(1).says("came to no plan");
    let _ = staff.env.run(&["doctor"]).success().says("none is unfinished");
    let export = staff.env.run(&["history", "export"]).success();
    assert_eq!(export.stdout.matches(",13,").count(), 3, "{}", export.stdout);

    // Neither a baseline nor a clock moved, and the run before them can still be undone.
    assert_eq!(staff.preview().success().stdout, before);
    staff.env.advance(8 * DAY);
    assert_eq!(
        staff.preview().success().figure("delete"),
        1,
        "one complete read has missed Bert, this is the second"
    );
    let undone = staff.env.run(&["undo", &first, "--yes", "--json"]).exits(5);
    assert!(undone.codes().contains(&"E0500".to_owned()), "{:?}", undone.codes());
}

#[test]
fn a_phone_system_that_cannot_be_reached_is_a_night_that_failed_too() {
    let staff = staff();
    let real = "[phone_system]\nkind = \"ip-office\"\naddress = \"127.0.0.1\"\nport = 1\nusername = \"u\"\n\
                certificate_sha256 = \"00\"\ncredentials.password = { env = \"OFFICE\" }\n";
    let text = staff
        .env
        .read("job.toml")
        .replace("[phone_system]\nkind = \"embedded\"\npath = \"office.db\"\n", real);
    let text = text.replace("\"00\"", &format!("\"{}\"", "0".repeat(64)));
    staff.env.write("job.toml", text);
    // A password that cannot be had is a credential that is refused to us.
    let _ = staff.sync().exits(4).says("`OFFICE` is not set");
    let mut staff = staff;
    staff.env.set("OFFICE", "secret-of-the-office");
    let _ = staff.sync().exits(14);
    let exits: Vec<Value> = runs(&staff).iter().map(|run| run["exit"].clone()).collect();
    assert_eq!(exits, [json!(14), json!(4)]);
    assert!(staff.env.files_with("secret-of-the-office").is_empty());
}

#[test]
fn a_wrong_header_is_a_mistake_of_the_job() {
    let staff = staff();
    staff.env.write("people.csv", "nr,login\n1,anna\n");
    let _ = staff.sync().exits(12).says("line 1: there is no column `id`").says("there are `nr`, `login`");
    staff.env.write("people.csv", "id,login,login\n");
    let _ = staff.sync().exits(12).says("the columns 2 and 3 are both called `login`");
}

#[test]
fn a_file_of_links_is_judged_before_anybody_is_asked() {
    let staff = staff();
    staff.env.write("links.csv", "id,name\n1,Nobody\n");
    let import =
        |more: &[&str]| staff.env.run(&[&["links", "import", "job.toml", "links.csv"], more].concat());
    let _ = import(&[]).exits(12).says("line 2: no phone user has the name, extension or GUID `Nobody`");
    staff.env.write("links.csv", "id,phone\n1,Front desk\n");
    let _ = import(&[]).exits(12).says("unknown columns: phone");
    staff.env.write("links.csv", "id,name\n1,Front desk\n");
    let asked = import(&["--json"]).exits(64).says("E0901");
    assert_eq!((asked.figure("adopt"), asked.figure("applied"), runs(&staff).len()), (1, 0, 0));
    assert_eq!(messages(&asked, "E0434").len(), 1, "the e-mails differ");
    let _ = import(&["--yes"]).success();
    // Nothing is left to do: nobody is asked, and it is no run.
    assert_eq!(import(&["--json"]).success().figure("unchanged"), 1);
    assert_eq!(runs(&staff).len(), 1);
}

#[test]
fn a_link_by_hand_warns_of_two_people_and_says_later_why_it_writes() {
    let staff = staff();
    let odd = staff.env.run(&["link", "job.toml", "anna", "Front desk", "--json"]).success();
    assert_eq!(
        messages(&odd, "E0434"),
        ["`Front desk` has the e-mail `desk@x.example`, and the directory gives `anna@x.example`"]
    );
    let fine = staff.env.run(&["link", "job.toml", "bert", "Back desk", "--yes", "--json"]).success();
    assert!(messages(&fine, "E0434").is_empty());
    let _ = staff.env.run(&["link", "job.toml", "bert", "Back desk"]).success();
    assert_eq!(runs(&staff).len(), 2, "the third had nothing to do");
    let plan = staff.preview().success();
    for change in plan.changes("update") {
        let reason = change["reason"].as_str().unwrap();
        assert!(
            reason.starts_with("linked by hand, and the phone user differs from the directory: "),
            "{reason}"
        );
    }
    assert_eq!(plan.figure("update"), 2);
    let _ = staff.sync().success();
    staff.people(&["1,anna,Anna,Anna Maria Berg,anna@x.example,2101,", BERT]);
    assert_eq!(staff.preview().changes("update")[0]["reason"], "changed in the directory: full_name");
}

#[test]
fn links_that_go_out_after_an_undo_come_in_again() {
    let mut staff = staff();
    staff.job("[leavers]\ngrace = \"0s\"\n[guard]\nmax_delete = \"100%\"\nmin_directory = \"0%\"\n");
    let _ = staff.sync().success();
    staff.people(&[ANNA]);
    let _ = staff.sync().success();
    let deleted = staff.sync().success();
    assert_eq!(deleted.figure("delete"), 1);
    let _ = staff.env.run(&["undo", &run_of(&deleted), "--yes"]).success();
    staff.people(&[ANNA, BERT]);
    let _ = staff.sync().success();
    let _ = staff
        .env
        .run(&["links", "export", "job.toml", "--output", "links.csv"])
        .success()
        .says("2 links written");
    staff.env.set("ROLLCALL_STATE", staff.env.path("another state").to_str().unwrap());
    let back = staff.env.run(&["links", "import", "job.toml", "links.csv", "--yes", "--json"]).success();
    assert_eq!((back.figure("adopt"), back.figure("applied")), (2, 2));
    assert_eq!(staff.sync().success().figure("unchanged"), 2);
}

#[test]
fn links_of_users_who_are_gone_stay_out_of_an_export() {
    let staff = staff();
    let before = ["office.db", "office.db-wal"].map(|name| (name, std::fs::read(staff.env.path(name)).ok()));
    let _ = staff.sync().success();
    for tail in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(staff.env.path(&format!("office.db{tail}")));
    }
    for (name, bytes) in before {
        bytes.map(|bytes| staff.env.write(name, bytes));
    }
    let export = staff
        .env
        .run(&["links", "export", "job.toml"])
        .success()
        .says("2 links left out")
        .says("`anna`, `bert`");
    assert_eq!(export.stdout.lines().count(), 1, "the heading alone: {}", export.stdout);
}

#[test]
fn a_run_is_looked_at_before_anybody_is_asked_about_it() {
    let staff = staff();
    let run = run_of(&staff.sync().success());
    for command in ["undo", "resume"] {
        let _ = staff.env.run(&[command, "nothing"]).exits(1).says("begins with `nothing`");
    }
    let _ = staff.env.run(&["resume", &run]).exits(6).says("has come to its end");
    let later = run_of(&staff.sync().success());
    let _ = staff.env.run(&["resume", &run]).exits(6).says("has come to its end").hides("a later run");
    // There is something to undo, and nobody to ask.
    staff.job("[guard]\nmax_delete = \"100%\"\n");
    let _ = staff.env.run(&["undo", &run]).exits(64).says("E0901");
    assert_eq!(runs(&staff)[0]["run"], later.as_str(), "nothing was begun");
    let _ = staff.env.run(&["undo", &run, "--yes"]).success().says("held");
    // Once more is refused, whether or not somebody says yes.
    for more in [&[][..], &["--yes"], &["--out", "plan"], &["--json"]] {
        let _ = staff.env.run(&[&["undo", run.as_str()], more].concat()).exits(5).says("is left to undo");
    }
}

#[test]
fn a_refused_undo_holds_nothing_and_says_so_by_saying_nothing() {
    let staff = staff();
    let run = run_of(&staff.sync().success());
    let refused = staff.env.run(&["undo", &run, "--yes", "--json"]).exits(5);
    assert!(!refused.codes().contains(&"E0725".to_owned()), "{:?}", refused.codes());
    let _ = staff.env.run(&["doctor"]).success().hides("leaves `Staff` alone");
    let passes = staff.env.run(&["undo", &run, "--yes", "--json", "--accept", "max_delete=2"]).success();
    assert!(passes.codes().contains(&"E0725".to_owned()), "{:?}", passes.codes());
}

#[test]
fn who_comes_back_by_an_undo_is_warned_of_once() {
    let staff = staff();
    staff.job("[leavers]\ngrace = \"0s\"\n[guard]\nmax_delete = \"100%\"\nmin_directory = \"0%\"\n");
    staff.people(&[ANNA, BERT, "3,carl,Carl,Carl Holm,carl@x.example,2103,"]);
    let _ = staff.sync().success();
    staff.people(&[ANNA]);
    let _ = staff.sync().success();
    let run = run_of(&staff.sync().success());
    let undone = staff.env.run(&["undo", &run, "--yes", "--json"]).success();
    let told = messages(&undone, "E0723");
    assert!(told.len() == 1 && told[0].starts_with("2 users come back"), "{told:?}");
}

#[test]
fn a_leaver_is_shown_with_the_day_of_the_delete() {
    let mut staff = staff();
    let schedule =
        "[schedule]\ncron = \"0 * * * *\"\ntimezone = \"Europe/Berlin\"\n[guard]\nmax_delete = \"100%\"\n";
    staff.job(&format!("{schedule}min_directory = \"0%\"\n"));
    let _ = staff.sync().success();
    staff.people(&[ANNA]);
    let why = |output: &Output| messages(output, "E0421").concat();
    let unseen = staff.preview().success();
    assert!(why(&unseen).contains("starts the grace of 7 days"), "{}", unseen.stdout);
    let first = staff.sync().success();
    let until = "deleted from 2026-11-30 10:00 Europe/Berlin on, after one more complete read";
    assert_eq!(why(&first), format!("left the directory, 1 complete read has missed the user; {until}"));
    staff.env.advance(DAY);
    assert!(why(&staff.preview().success()).ends_with(until));
    let second = staff.sync().success();
    assert_eq!(why(&second), format!("left the directory, 2 complete reads have missed the user; {until}"));
    let _ = staff.env.run(&["preview", "job.toml"]).success().says(until);
    staff.env.advance(6 * DAY);
    assert_eq!(staff.sync().success().figure("delete"), 1);
}

#[test]
fn codes_that_wait_are_told_wherever_somebody_looks() {
    let staff = staff();
    let take = staff.env.write("take", "#!/bin/sh\nexit 7\n");
    std::fs::set_permissions(&take, std::fs::Permissions::from_mode(0o700)).unwrap();
    let text = staff.env.read("job.toml").replace("[fields]\n", "[fields]\nlogin_code = { random = 6 }\n");
    staff.env.write("job.toml", format!("{text}[handover]\ncommand = [\"./take\"]\n"));
    let failed = staff.sync().exits(1);
    let run = run_of(&failed);
    assert!(hints(&failed).contains(&format!("`rollcall resume {run}`")), "{}", hints(&failed));
    let waits = format!("the run {run} of `Staff` has the codes of 1 new user to hand over: `Anna`");
    let _ = staff.env.run(&["doctor"]).success().says(&waits);
    let _ = staff.env.run(&["preview", "job.toml"]).says(&waits);
    let shown =
        staff.env.run(&["show", &run]).success().says("its codes wait to be handed over").says("not sent");
    let _ = shown.hides("unsettled");
    let _ = staff.env.run(&["explain", "job.toml", "bert"]).success().says("not sent").hides("unsettled");
    staff.env.write("take", "#!/bin/sh\ncat >> taken\n");
    let _ = staff.env.run(&["resume", &run, "--yes"]).success();
    let taken = staff.env.read("taken");
    let first: Value = serde_json::from_str(taken.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["user_identification"], &first["run"], &first["time"]),
        (&json!("anna"), &json!(run), &json!("2026-11-23T09:00:00Z"))
    );
    assert_eq!(taken.lines().count(), 2);
    let _ = staff.env.run(&["doctor"]).success().hides("hand over");
    let _ = staff.env.run(&["preview", "job.toml"]).success().hides("hand over");
}

#[test]
fn what_can_be_shown_and_where_a_plan_can_be_written() {
    let staff = staff();
    let _ =
        staff.env.run(&["show", "job.toml"]).exits(64).says("`job.toml` is neither a run nor a plan file");
    let _ = staff.env.run(&["show", "."]).exits(64).says("is neither a run nor a plan file");
    let _ = staff.env.run(&["show", "nothing"]).exits(1).says("no run begins with");
    let _ = staff
        .env
        .run(&["preview", "job.toml", "--out", "no/such/plan"])
        .exits(1)
        .says("the folder `no/such` is not there");
    let _ = staff.env.run(&["preview", "job.toml", "--out", "plan"]).success();
    let _ = staff.env.run(&["show", "plan"]).success().says("2 to create");
}

#[test]
fn one_is_not_several() {
    let staff = staff();
    staff.people(&[ANNA]);
    let _ = staff.env.run(&["preview", "job.toml"]).success().says("of 1 directory user.");
    let _ =
        staff.env.run(&["test-connection", "job.toml"]).success().says("1 system, ").says("2 hunt groups");
    let _ = staff.env.run(&["fields", "job.toml"]).success().says("1 user was read.");
    let _ = staff.sync().success();
    let _ = staff.env.run(&["doctor"]).success().says("1 link of 1 job");
}
