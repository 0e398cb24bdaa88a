//! `undo`: a run is turned round by the binary, and whatever somebody changed since stays.

use std::time::Duration;

use rollcall_tests::harness::{Output, TestEnv};
use rollcall_tests::scene::users_of;
use serde_json::{Value, json};

use crate::env;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const OFFICE: &str = r#"
[[system]]
name = "London"
primary = true
lan1 = "192.0.2.10"
[[system]]
name = "Leeds"
lan1 = "192.0.2.20"
[[user]]
name = "Reception"
extension = "2000"
system = "London"
[[group]]
name = "Sales"
extension = "6001"
system = "London"
[[group]]
name = "Support"
extension = "6002"
system = "London"
[[user_template]]
name = "Desk"
profile = "Power User"
[[extension_template]]
name = "J179"
type = "SIP"
"#;

const RULES: &str = r#"
rule("Desks", #{
    when: |user| user.desk == "yes",
    system: "Leeds", user_template: "Desk", extension_template: "J179",
    start_extension: 3000, end_extension: 3099,
});
"#;

/// A job between a CSV file and a phone system, with the limits that a test wants.
fn job(phone_system: &str, guard: &str, groups: bool) -> String {
    let groups = if groups { "group_membership = 'text::split(groups, \"|\")'\n" } else { "" };
    format!(
        "name = \"People\"\n[directory]\nconnector = \"csv\"\n[directory.settings]\npath = \"people.csv\"\n\
         id_column = \"id\"\n[phone_system]\n{phone_system}\n[fields]\nuser_identification = \"id\"\n\
         name = \"name\"\nfull_name = \"full\"\nemail = \"mail\"\nextension = \"number\"\n{groups}\
         login_code = \"pin\"\nvoicemail_code = \"box\"\n[rules]\nfiles = [\"provisioning.rhai\"]\n\
         number_precedence = \"directory\"\n[synchronize]\nnew = true\nupdate = true\ndelete = true\n[leavers]\ngrace = \"1d\"\n\
         [guard]\n{guard}\n"
    )
}

const OPEN: &str = "max_delete = \"100%\"\nmax_clear = \"100%\"\nmin_directory = \"0%\"";

/// Writes the directory: id, name, full name, number, groups.
fn people(env: &TestEnv, rows: &[(&str, &str, &str, &str, &str)]) {
    let mut text = "id,name,full,mail,number,groups,pin,box,desk\n".to_owned();
    for (id, name, full, number, groups) in rows {
        let desk = if number.is_empty() { "yes" } else { "" };
        text +=
            &format!("{id},{name},{full},{id}@corp.example,{number},{groups},47110{id},0815{id},{desk}\n");
    }
    env.write("people.csv", text);
}

fn office() -> TestEnv {
    let env = env();
    env.write("office.toml", OFFICE);
    env.write("provisioning.rhai", RULES);
    let _ = env.run(&["office", "init", "office.db", "--from", "office.toml"]).success();
    env.write("job.toml", job("kind = \"embedded\"\npath = \"office.db\"", OPEN, true));
    env
}

fn sync(env: &TestEnv) -> Output {
    env.run(&["sync", "job.toml", "--yes", "--json"])
}

fn run_of(output: &Output) -> String {
    output.json()["run"].as_str().unwrap().to_owned()
}

fn undo(env: &TestEnv, run: &str, more: &[&str]) -> Output {
    env.run(&[&["undo", run, "--json"], more].concat())
}

/// What stands, without what a user that was made again has anew.
fn stands(env: &TestEnv) -> Vec<Value> {
    let mut users = users_of(env, "office.db");
    for user in &mut users {
        user.as_object_mut().unwrap().remove("guid");
    }
    users.sort_by_key(|user| user["name"].as_str().unwrap_or_default().to_owned());
    users
}

fn user(env: &TestEnv, name: &str) -> Value {
    stands(env).into_iter().find(|user| user["name"] == name).unwrap_or_else(|| panic!("no user `{name}`"))
}

/// Changes users by hand: a second rollcall with a copy of the state is a stranger to the first one.
fn by_hand(env: &mut TestEnv, rows: &[(&str, &str, &str, &str, &str)]) {
    let (own, copy) = (env.state(), env.root().join("hand"));
    let _ = std::fs::remove_dir_all(&copy);
    for folder in ["", "mirrors", "locks"] {
        std::fs::create_dir_all(copy.join(folder)).unwrap();
        let Ok(entries) = std::fs::read_dir(own.join(folder)) else { continue };
        for entry in entries.map(Result::unwrap).filter(|entry| entry.path().is_file()) {
            std::fs::copy(entry.path(), copy.join(folder).join(entry.file_name())).unwrap();
        }
    }
    let before = env.read("people.csv");
    people(env, rows);
    env.set("ROLLCALL_STATE", copy.to_str().unwrap());
    let _ = sync(env).success();
    env.set("ROLLCALL_STATE", own.to_str().unwrap());
    env.write("people.csv", before);
}

fn told(output: &Output, code: &str) -> String {
    let json = output.json();
    let all = json["diagnostics"].as_array().unwrap().iter().filter(|one| one["code"] == code);
    let told: Vec<&str> = all.filter_map(|one| one["message"].as_str()).collect();
    assert!(!told.is_empty(), "no {code} in {}", output.stdout);
    told.join("; ")
}

/// A run with creates, updates, a rename, a swap of numbers and a delete, after one that made everybody.
fn lively(env: &mut TestEnv) -> (Vec<Value>, String) {
    people(
        env,
        &[
            ("1", "Anna", "Anna Berg", "2001", "Sales"),
            ("2", "Bob", "Bob Carr", "2002", "Support"),
            ("3", "Cleo", "Cleo Dane", "", "Sales|Support"),
            ("4", "Dora", "Dora Eck", "2004", ""),
        ],
    );
    assert_eq!(sync(env).success().figure("applied"), 4);
    let without_cleo = [
        ("1", "Anna", "Anna Berg", "2001", "Sales"),
        ("2", "Bob", "Bob Carr", "2002", "Support"),
        ("4", "Dora", "Dora Eck", "2004", ""),
    ];
    people(env, &without_cleo);
    assert_eq!(sync(env).success().figure("pending_delete"), 1);
    env.advance(2 * DAY);
    let before = stands(env);
    people(
        env,
        &[
            ("1", "Anna", "Anna Berg", "2002", "Support"),
            ("2", "Bob", "Robert Carr", "2001", ""),
            ("4", "Thea", "Dora Eck", "2004", ""),
            ("5", "Emil", "Emil Fox", "2005", "Sales"),
        ],
    );
    let run = sync(env).success();
    assert_eq!((run.figure("create"), run.figure("update"), run.figure("delete")), (1, 3, 1));
    (before, run_of(&run))
}

#[test]
fn a_run_is_undone_to_the_office_from_before() {
    let mut env = office();
    let (before, run) = lively(&mut env);
    let after = stands(&env);
    let back = undo(&env, &run, &["--yes"]).success();
    assert_eq!((back.figure("create"), back.figure("update"), back.figure("delete")), (1, 3, 1));
    assert_eq!(back.figure("applied"), 5);
    assert_eq!(back.json()["undoes"], json!(run));
    // Cleo is back with number, extension record, codes, groups, template, system and link.
    assert_eq!(stands(&env), before);
    let cleo = user(&env, "Cleo");
    assert_eq!(
        (
            &cleo["extension"],
            &cleo["system"],
            &cleo["user_template"],
            &cleo["extension_template"],
            &cleo["login_code"]
        ),
        (&json!("3000"), &json!("Leeds"), &json!("Desk"), &json!("J179"), &json!("471103"))
    );
    assert_eq!(cleo["groups"], json!(["Sales", "Support"]));
    assert_eq!(cleo["links"]["user_identification"], "3");
    // The codes are nowhere in what was said.
    let _ = back.hides("471103").hides("08153");

    // The undo is a run, and can be undone.
    let listed = env.run(&["runs", "--json"]).success().json();
    assert_eq!(listed["runs"][0]["kind"], "undo");
    let again = undo(&env, listed["runs"][0]["run"].as_str().unwrap(), &["--yes"]).success();
    assert_eq!(again.figure("applied"), 5);
    assert_eq!(stands(&env), after);
}

#[test]
fn nothing_is_undone_twice() {
    let mut env = office();
    let (before, run) = lively(&mut env);
    let first = run_of(&undo(&env, &run, &["--yes"]).success());
    let twice = undo(&env, &run, &["--yes"]).exits(5);
    assert!(told(&twice, "E0720").contains(&first), "{}", twice.stdout);
    assert_eq!(stands(&env), before);
    // By a beginning of the id, and what is no run.
    let _ = undo(&env, "zzzz", &["--yes"]).exits(1);
    // Nobody has to be asked about nothing; there is something to ask where the undo itself is to be undone.
    let _ = env.run(&["undo", &run]).exits(5);
    let _ = env.run(&["undo", &first]).exits(64).says("--yes");
}

#[test]
fn a_manual_edit_in_between_is_kept_and_reported() {
    let mut env = office();
    let (_, run) = lively(&mut env);
    by_hand(
        &mut env,
        &[
            ("1", "Anna", "Anna by hand", "2002", "Support"),
            ("2", "Bob", "Robert Carr", "2001", ""),
            ("4", "Thea", "Dora Eck", "2004", ""),
            ("5", "Emil", "Emil by hand", "2005", "Sales"),
        ],
    );
    let back = undo(&env, &run, &["--yes"]).exits(3);
    // The user that somebody changed since is not taken back, and says which field it is.
    let skipped = back.changes("skip");
    assert_eq!(skipped.len(), 1, "{}", back.stdout);
    assert_eq!(skipped[0]["user_identification"], "5");
    assert!(skipped[0]["reason"].as_str().unwrap().contains("full_name"), "{}", skipped[0]["reason"]);
    assert_eq!(user(&env, "Emil")["full_name"], "Emil by hand");
    // Anna's number and group went back, her full name is nobody's but the hand's.
    let anna = user(&env, "Anna");
    assert_eq!((&anna["full_name"], &anna["extension"]), (&json!("Anna by hand"), &json!("2001")));
    assert_eq!(anna["groups"], json!(["Sales"]));
    // Once more there is nothing to do, whatever stayed: that is refused like any second undo.
    let again = undo(&env, &run, &["--yes"]).exits(5);
    assert!(told(&again, "E0720").contains("is left to undo") && told(&again, "E0722").contains("full_name"));
}

#[test]
fn a_field_that_moved_since_is_named_and_the_others_go_back() {
    let mut env = office();
    let (_, run) = lively(&mut env);
    by_hand(
        &mut env,
        &[
            ("1", "Anna", "Anna Berg", "2002", "Support"),
            ("2", "Bob", "Bobby by hand", "2001", ""),
            ("4", "Thea", "Dora Eck", "2004", ""),
            ("5", "Emil", "Emil Fox", "2005", "Sales"),
        ],
    );
    let back = undo(&env, &run, &["--yes"]).success();
    assert!(told(&back, "E0722").contains("`full_name` was changed since"), "{}", back.stdout);
    let bob = user(&env, "Bob");
    assert_eq!((&bob["full_name"], &bob["extension"]), (&json!("Bobby by hand"), &json!("2002")));
}

#[test]
fn later_runs_are_undone_first() {
    let mut env = office();
    people(&env, &[("1", "Anna", "Anna Berg", "2001", "")]);
    let first = run_of(&sync(&env).success());
    people(&env, &[("1", "Anna", "Anna Carr", "2001", "")]);
    let second = run_of(&sync(&env).success());
    env.advance(DAY);
    let early = undo(&env, &first, &["--yes"]).exits(3);
    assert!(early.changes("skip")[0]["reason"].as_str().unwrap().contains(&second));
    let _ = undo(&env, &second, &["--yes"]).success();
    let late = undo(&env, &first, &["--yes"]).success();
    assert_eq!(late.figure("delete"), 1);
    assert_eq!(stands(&env).len(), 1);
}

#[test]
fn the_guard_refuses_an_undo_that_deletes_too_many() {
    let env = office();
    env.write("job.toml", job("kind = \"embedded\"\npath = \"office.db\"", "", true));
    let names: Vec<String> = (1..=5).map(|n| format!("User {n}")).collect();
    let numbers: Vec<String> = (1..=5).map(|n| format!("200{n}")).collect();
    let ids: Vec<String> = (1..=5).map(|n| n.to_string()).collect();
    let rows: Vec<_> = (0..5).map(|n| (&*ids[n], &*names[n], "Full Name", &*numbers[n], "")).collect();
    people(&env, &rows);
    let run = run_of(&sync(&env).success());
    let refused = undo(&env, &run, &["--yes"]).exits(5);
    assert!(told(&refused, "E0500").contains("max_delete"), "{}", refused.stdout);
    assert_eq!(stands(&env).len(), 6);
    // A refused undo holds nothing.
    assert!(!env.run(&["preview", "job.toml", "--json"]).success().codes().contains(&"E0725".to_owned()));
    let done = undo(&env, &run, &["--yes", "--accept", "max_delete=5"]).success();
    assert_eq!(done.figure("applied"), 5);
    assert_eq!(stands(&env).len(), 1);
}

#[test]
fn the_job_is_held_until_a_sync_by_hand() {
    let env = office();
    people(&env, &[("1", "Anna", "Anna Berg", "2001", "")]);
    let run = run_of(&sync(&env).success());
    let _ = undo(&env, &run, &["--yes"]).success();
    let preview = env.run(&["preview", "job.toml", "--json"]).success();
    let said = told(&preview, "E0725");
    assert!(said.contains(&run) && said.contains("again: 1"), "{said}");
    // The former number comes back to its person, and the schedule may go on.
    assert_eq!(sync(&env).success().figure("create"), 1);
    assert_eq!(user(&env, "Anna")["extension"], "2001");
    assert!(!env.run(&["preview", "job.toml", "--json"]).success().codes().contains(&"E0725".to_owned()));
}

#[test]
fn another_job_or_phone_system_is_refused() {
    let env = office();
    people(&env, &[("1", "Anna", "Anna Berg", "2001", "")]);
    let run = run_of(&sync(&env).success());
    let other =
        job("kind = \"embedded\"\npath = \"office.db\"", OPEN, true).replace("\"People\"", "\"Others\"");
    env.write("other.toml", other);
    let refused = undo(&env, &run, &["--yes", "--job", "other.toml"]).exits(5);
    assert!(told(&refused, "E0724").contains("`People`"), "{}", refused.stdout);
    let _ = env.run(&["office", "init", "second.db", "--from", "office.toml"]).success();
    env.write("job.toml", job("kind = \"embedded\"\npath = \"second.db\"", OPEN, true));
    let refused = undo(&env, &run, &["--yes"]).exits(5);
    assert!(told(&refused, "E0724").contains("phone system"), "{}", refused.stdout);
}

#[test]
fn a_kept_undo_is_applied_as_it_was_shown() {
    let mut env = office();
    let (before, run) = lively(&mut env);
    let after = stands(&env);
    let shown = undo(&env, &run, &["--out", "back.plan"]).success();
    assert_eq!((shown.figure("create"), shown.figure("delete"), shown.figure("applied")), (1, 1, 0));
    assert_eq!(stands(&env), after);
    // No code leaves the machine, and nothing is held before the plan is applied.
    assert!(!env.read("back.plan").contains("471103"));
    assert!(!env.run(&["preview", "job.toml", "--json"]).success().codes().contains(&"E0725".to_owned()));
    let done = env.run(&["sync", "--plan", "back.plan", "--json"]).success();
    assert_eq!((done.figure("applied"), &done.json()["undoes"]), (5, &json!(run)));
    assert_eq!(stands(&env), before);
    assert_eq!(env.run(&["runs", "--json"]).success().json()["runs"][0]["kind"], "undo");
    let held = env.run(&["preview", "job.toml", "--json"]).success();
    assert!(held.codes().contains(&"E0725".to_owned()), "{}", held.stdout);
    let _ = env.run(&["sync", "--plan", "back.plan", "--json"]).exits(6);
}

#[test]
fn a_kept_undo_is_stale_once_somebody_has_changed_a_user() {
    let mut env = office();
    let (_, run) = lively(&mut env);
    let _ = undo(&env, &run, &["--out", "back.plan"]).success();
    by_hand(
        &mut env,
        &[
            ("1", "Anna", "Anna by hand", "2002", "Support"),
            ("2", "Bob", "Robert Carr", "2001", ""),
            ("4", "Thea", "Dora Eck", "2004", ""),
            ("5", "Emil", "Emil Fox", "2005", "Sales"),
        ],
    );
    let after = stands(&env);
    let _ = env.run(&["sync", "--plan", "back.plan", "--json"]).exits(6);
    assert_eq!(stands(&env), after);
}

#[test]
fn a_user_is_moved_by_name_and_the_move_undone() {
    let env = office();
    people(&env, &[("1", "Anna", "Anna Berg", "2001", "Sales"), ("2", "Bob", "Bob Carr", "2002", "")]);
    let _ = sync(&env).success();
    let before = stands(&env);
    let none = env.run(&["reprovision", "job.toml", "Anna", "--yes", "--json"]).success();
    assert_eq!((none.figure("create"), none.figure("delete")), (0, 0));
    assert!(none.codes().contains(&"E0727".to_owned()));
    // Anna gets a desk: another system, a template, a telephone and the rule's number.
    people(&env, &[("1", "Anna", "Anna Berg", "", "Sales"), ("2", "Bob", "Bob Carr", "2002", "")]);
    let look = env.run(&["reprovision", "job.toml", "Anna", "--out", "move.plan", "--json"]).success();
    assert_eq!((look.figure("create"), look.figure("delete"), look.figure("applied")), (1, 1, 0));
    assert!(told(&look, "E0726").contains("voicemail messages"));
    assert_eq!(stands(&env), before);
    let _ = env.run(&["reprovision", "job.toml", "Anna"]).exits(64);
    let _ = env.run(&["reprovision", "job.toml", "Nobody", "--yes", "--json"]).exits(1);
    let _ = env.run(&["reprovision", "job.toml", "Reception", "--yes", "--json"]).exits(1);
    let done = env.run(&["reprovision", "job.toml", "1@corp.example", "--yes", "--json"]).success();
    assert_eq!(done.figure("applied"), 2);
    let anna = user(&env, "Anna");
    assert_eq!(
        (&anna["system"], &anna["user_template"], &anna["extension"], &anna["login_code"], &anna["groups"]),
        (&json!("Leeds"), &json!("Desk"), &json!("3000"), &json!("471101"), &json!(["Sales"]))
    );
    assert_eq!(stands(&env).len(), 3);
    assert_eq!(sync(&env).success().figure("applied"), 0);
    // The plan from before the move no longer holds.
    let _ = env.run(&["sync", "--plan", "move.plan", "--json"]).exits(6);
    let run = run_of(&done);
    let back = undo(&env, &run, &["--yes"]).success();
    assert_eq!(back.figure("applied"), 2);
    assert_eq!(stands(&env), before);
}

#[test]
fn a_kept_move_is_applied() {
    let env = office();
    people(&env, &[("1", "Anna", "Anna Berg", "2001", "Sales")]);
    let _ = sync(&env).success();
    people(&env, &[("1", "Anna", "Anna Berg", "", "Sales")]);
    let _ = env.run(&["reprovision", "job.toml", "1", "--out", "move.plan"]).success();
    let done = env.run(&["sync", "--plan", "move.plan", "--json"]).success();
    assert_eq!(done.figure("applied"), 2);
    assert_eq!(user(&env, "Anna")["extension"], "3000");
}

#[test]
fn a_deleted_user_comes_back_through_the_management_api() {
    let mut env = office();
    let (_running, phone_system) = crate::management::serve(&mut env, "office.db", &[]);
    env.write("templates.toml", "[[user_template]]\nname = \"Desk\"\nprofile = \"Power User\"\n[[extension_template]]\nname = \"J179\"\ntype = \"SIP\"\n");
    env.write("job.toml", job(&phone_system, OPEN, false));
    people(&env, &[("1", "Anna", "Anna Berg", "2001", ""), ("3", "Cleo", "Cleo Dane", "", "")]);
    assert_eq!(sync(&env).success().figure("applied"), 2);
    people(&env, &[("1", "Anna", "Anna Berg", "2001", "")]);
    let _ = sync(&env).success();
    env.advance(2 * DAY);
    let before = stands(&env);
    people(&env, &[("1", "Anne", "Anne Berg", "2005", ""), ("5", "Emil", "Emil Fox", "2001", "")]);
    let run = sync(&env).success();
    assert_eq!((run.figure("create"), run.figure("update"), run.figure("delete")), (1, 1, 1));
    let back = undo(&env, &run_of(&run), &["--yes"]).success();
    assert_eq!(back.figure("applied"), 3, "{}", back.stdout);
    // The codes, which that interface never tells, are those that were written; the profile is the template's.
    assert_eq!(stands(&env), before);
    let cleo = user(&env, "Cleo");
    assert_eq!((&cleo["login_code"], &cleo["profile"]), (&json!("471103"), &json!("Power User")));
    assert!(
        env.files_with("471103").iter().all(|path| path.ends_with("office.db")
            || path.ends_with("people.csv")
            || path.to_string_lossy().contains("office.db")),
        "{:?}",
        env.files_with("471103")
    );
}
