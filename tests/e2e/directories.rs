//! Several directories in one job: each is read, guarded and remembered for itself.

use rollcall_tests::harness::{Output, TestEnv};
use rollcall_tests::scene::users_of;

use crate::env;
use crate::history::is_shown_as_reported;

const OFFICE: &str = "[[system]]\nname = \"Main\"\nprimary = true\n";

/// Writes a job over two files; `more` are lines of each `[[directory]]`.
fn job(env: &TestEnv, more: [&str; 2], rest: &str) {
    let one = |name: &str, more: &str| {
        format!(
            "[[directory]]\nname = \"{name}\"\nconnector = \"csv\"\n{more}\n[directory.settings]\npath = \"{name}.csv\"\n\
             id_column = \"id\"\n"
        )
    };
    env.write(
        "job.toml",
        format!(
            "name = \"Both\"\n{}{}[phone_system]\nkind = \"embedded\"\npath = \"office.db\"\n[fields]\n\
             user_identification = \"login\"\nname = \"name\"\nextension = \"number\"\n[synchronize]\nnew = true\n\
             update = true\ndelete = true\n[leavers]\ngrace = \"0s\"\n[guard]\nmax_delete = \"100%\"\n{rest}",
            one("staff", more[0]),
            one("guests", more[1]),
        ),
    );
}

fn people(env: &TestEnv, name: &str, rows: &[&str]) {
    env.write(&format!("{name}.csv"), format!("id,login,name,number\n{}\n", rows.join("\n")));
}

fn sync(env: &TestEnv) -> Output {
    env.run(&["sync", "job.toml", "--yes", "--json"])
}

fn names(env: &TestEnv) -> Vec<String> {
    let mut names: Vec<String> =
        users_of(env, "office.db").iter().map(|user| user["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn two() -> TestEnv {
    let env = env();
    env.write("office.toml", OFFICE);
    let _ = env.run(&["office", "init", "office.db", "--from", "office.toml"]).success();
    job(&env, ["", ""], "");
    people(&env, "staff", &["1,anna,Anna,2001", "2,bert,Bert,2002", "3,cleo,Cleo,2003"]);
    // The same native id as in the other directory is another person.
    people(&env, "guests", &["1,dora,Dora,3001", "2,emil,Emil,3002"]);
    env
}

#[test]
fn each_directory_is_read_guarded_and_remembered_for_itself() {
    let env = two();
    let made = sync(&env).success();
    is_shown_as_reported(&env, &made);
    let made = made.json();
    assert_eq!(
        (made["summary"]["directory_users"].clone(), made["summary"]["create"].clone()),
        (5.into(), 5.into())
    );
    assert_eq!(sync(&env).success().json()["summary"]["unchanged"], 5);
    // A leaver of one of them leaves alone.
    people(
        &env,
        "staff",
        &["1,anna,Anna,2001", "2,bert,Bert,2002", "3,cleo,Cleo,2003", "4,fritz,Fritz,2004"],
    );
    people(&env, "guests", &["1,dora,Dora,3001"]);
    let small = sync(&env).exits(5);
    assert!(small.stderr.contains("the directory `guests` gave 1 user"), "{}", small.stderr);
    assert!(!names(&env).contains(&"Fritz".to_owned()), "a refusal applies nothing");
    // A figure is for the directory that it names.
    let accepted = |guard| env.run(&["sync", "job.toml", "--yes", "--json", "--accept", guard]);
    let _ = accepted("min_directory=1")
        .exits(64)
        .says("`--accept min_directory.staff=N`, `--accept min_directory.guests=N`");
    let _ = accepted("min_directory.gest=1").exits(64);
    let _ = accepted("min_directory.staff=1").exits(5).says("--accept min_directory.guests=1");
    let _ = accepted("min_directory.guests=1").success();
    let gone = sync(&env).success().json();
    assert_eq!(gone["summary"]["delete"], 1, "{gone:#}");
    assert_eq!(names(&env), ["Anna", "Bert", "Cleo", "Dora", "Fritz"]);
    // An empty one never passes, however many the other has.
    people(&env, "guests", &[]);
    let _ = accepted("min_directory.guests=0").exits(64).says("an empty reading never passes");
    let empty = env.run(&["sync", "job.toml", "--yes"]).exits(5);
    assert!(empty.stderr.contains("the directory `guests` gave no users at all"), "{}", empty.stderr);
    // One that cannot be read stops the run: nothing is deleted, and nothing else is written either.
    std::fs::remove_file(env.path("guests.csv")).unwrap();
    people(&env, "staff", &["1,anna,Anna,2001"]);
    assert!(matches!(sync(&env).code, Some(12 | 13)));
    assert_eq!(names(&env).len(), 5);
}

#[test]
fn the_same_identification_skips_both_unless_an_order_decides() {
    let env = two();
    people(&env, "guests", &["1,anna,Anna Guest,3001", "2,emil,Emil,3002"]);
    let both = sync(&env).exits(3);
    is_shown_as_reported(&env, &both);
    assert!(both.stdout.contains("`1` of `staff`, `1` of `guests`"), "{}", both.stdout);
    assert_eq!(names(&env), ["Bert", "Cleo", "Emil"]);
    // Each can be named alone.
    let several = env.run(&["explain", "job.toml", "anna"]).exits(1);
    let _ = several.says("`anna` (`guests:1`), `anna` (`staff:1`)").says("such as `guests:1`");
    let _ = env.run(&["explain", "job.toml", "staff:1"]).success().says("the directory `staff` gives");
    job(&env, ["precedence = 2", "precedence = 1"], "");
    let ordered = sync(&env).success().json();
    assert_eq!(ordered["summary"]["create"], 1);
    let skipped =
        ordered["changes"].as_array().unwrap().iter().find(|change| change["action"] == "skip").unwrap();
    assert!(skipped["reason"].as_str().unwrap().contains("counts before `staff`"), "{skipped:#}");
    assert_eq!(names(&env), ["Anna Guest", "Bert", "Cleo", "Emil"]);
    // Who has been read is no leaver, and whose turn it is does not change by itself.
    assert_eq!(sync(&env).success().json()["summary"]["delete"], 0);
    // Who has a phone user keeps it, whoever comes first now: nobody gets a second one.
    people(&env, "guests", &["1,anna,Anna Guest,3001", "2,emil,Emil,3002", "3,bert,Bert Guest,3003"]);
    assert_eq!(sync(&env).success().json()["summary"]["create"], 0);
    assert_eq!(names(&env), ["Anna Guest", "Bert", "Cleo", "Emil"]);
    // Not even while the record that has it cannot be mapped.
    people(&env, "staff", &["1,anna,Anna,2001", "2,bert,,2002", "3,cleo,Cleo,2003"]);
    assert!(sync(&env).exits(3).stdout.contains("the first has a phone user of this job"));
    assert_eq!(names(&env), ["Anna Guest", "Bert", "Cleo", "Emil"]);
}

#[test]
fn a_directory_that_goes_or_gets_another_name_takes_nobody_along() {
    let env = two();
    let _ = sync(&env).success();
    let before = std::fs::read_to_string(env.path("job.toml")).unwrap();
    env.write("job.toml", before.replace("name = \"guests\"", "name = \"visitors\""));
    let renamed = sync(&env).exits(5);
    assert!(
        renamed.stderr.contains("2 of the job's users come from the directory `guests`"),
        "{}",
        renamed.stderr
    );
    // A further one may come at any time.
    env.write("job.toml", before.clone() + "[[directory]]\nname = \"more\"\nconnector = \"csv\"\n[directory.settings]\npath = \"more.csv\"\nid_column = \"id\"\n");
    people(&env, "more", &["9,gina,Gina,4001"]);
    assert_eq!(sync(&env).success().json()["summary"]["create"], 1);
    assert_eq!(names(&env).len(), 6);
}

#[test]
fn every_command_knows_all_of_them() {
    let env = two();
    let fields = env.run(&["fields", "job.toml", "--json"]).success().json();
    assert_eq!(fields["directory_users"], 5);
    let of = |name: &str| {
        fields["attributes"].as_array().unwrap().iter().filter(|one| one["directory"] == name).count()
    };
    assert_eq!((of("staff"), of("guests")), (4, 4));
    let tested = env.run(&["test-connection", "job.toml"]).success();
    for name in ["staff: ", "guests: "] {
        assert!(tested.stdout.contains(name), "{}", tested.stdout);
    }
    let _ = env.run(&["check", "job.toml"]).success();
    let _ = env.run(&["preview", "job.toml"]).success().says("no provisioning rule (dora of guests)");
    let made = sync(&env).success().json();
    assert_eq!(
        (&made["changes"][0]["user_identification"], &made["changes"][0]["directory"]),
        (&"anna".into(), &"staff".into())
    );
    let explained = env.run(&["explain", "job.toml", "dora"]).success();
    let _ = explained.says("Dora").says("the directory `guests` gives");
    // What goes wrong names the place of its own directory.
    let text = std::fs::read_to_string(env.path("job.toml")).unwrap();
    env.write("job.toml", text.replace("path = \"guests.csv\"", "paht = \"guests.csv\""));
    let wrong = env.run(&["check", "job.toml"]).exits(12);
    let line = text.lines().position(|line| line.contains("guests.csv")).unwrap() + 1;
    assert!(wrong.stderr.contains(&format!("job.toml:{line}:")), "line {line}: {}", wrong.stderr);
}
