//! The bad days of a telephone system's administrator: a write that arrives after everybody has given up on it, a run
//! that was stopped and wakes up, two runs that want the same numbers, a full disk, a state that is not what it was.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rollcall_core::field::{Field, Value as Field_Value};
use rollcall_core::ops::Write;
use rollcall_edges::office::Office as _;
use rollcall_office::Embedded;
use rollcall_tests::harness::{Output, TestEnv};
use rollcall_tests::scene::users_of;
use serde_json::Value;

use crate::env;
use crate::serving::{Served, Told, passwords};
use crate::state_files::in_file;

const RULES: &str =
    "rule(\"All\", #{ start_extension: 2000, end_extension: 2099, extension_type: \"SIP\" });\n";
const OFFICE: &str = "[[system]]\nname = \"Primary\"\nprimary = true\n\n[[user]]\nname = \"Reception\"\n\
                      full_name = \"Made by hand\"\nextension = \"2000\"\nsystem = \"Primary\"\n";
const EMBEDDED: &str = "kind = \"embedded\"\npath = \"office.db\"";
const SYNC: [&str; 4] = ["sync", "job.toml", "--yes", "--json"];
/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

fn job(name: &str, people: &str, phone_system: &str) -> String {
    format!(
        "name = \"{name}\"\n[directory]\nconnector = \"csv\"\n[directory.settings]\npath = \"{people}\"\n\
         [phone_system]\n{phone_system}\n[fields]\nuser_identification = \"id\"\nname = \"name\"\n\
         full_name = \"name\"\nemail = \"mail\"\n[rules]\nfiles = [\"provisioning.rhai\"]\n\
         [synchronize]\nnew = true\nupdate = true\ndelete = true\n"
    )
}

fn people(numbers: std::ops::Range<usize>) -> String {
    let row = |n| format!("{},Person {n:02},person.{n}@corp.example\n", 1000 + n);
    format!("id,name,mail\n{}", numbers.map(row).collect::<String>())
}

/// A machine with an office, a job over `count` people, and nothing synced yet.
fn scene(count: usize) -> TestEnv {
    let mut env = env();
    env.write("office.toml", OFFICE);
    env.write("provisioning.rhai", RULES);
    env.write("people.csv", people(0..count));
    env.write("templates.toml", "");
    let _ = env.run(&["office", "init", "office.db", "--from", "office.toml"]).success();
    passwords(&mut env);
    env.write("job.toml", job("Staff", "people.csv", EMBEDDED));
    env
}

/// The same with the office served.
fn served(count: usize, modes: &[&str], settle: &str) -> (TestEnv, Served) {
    let env = scene(count);
    let served = Served::start(&env.path("office.db"), modes);
    env.write("job.toml", job("Staff", "people.csv", &served.told().phone_system(settle)));
    (env, served)
}

/// A user as the job reaches the phone system, which is how it knows whose it is.
fn user(env: &TestEnv, name: &str) -> Option<Value> {
    users_of(env, "job.toml").into_iter().find(|user| user["name"] == name)
}

/// Demands that no name, number or address is there twice.
fn nobody_twice(env: &TestEnv) {
    let users = users_of(env, "office.db");
    for key in ["name", "extension", "email"] {
        let mut seen = std::collections::BTreeSet::new();
        for value in users.iter().filter_map(|user| user[key].as_str()) {
            assert!(seen.insert(value.to_lowercase()), "{key} `{value}` is there twice");
        }
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what} never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Makes a user by hand at the phone system.
fn by_hand(office: &Path, name: &str, extension: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let office = Embedded::open(office).unwrap();
        let fields = [
            (Field::Name, Field_Value::from(name)),
            (Field::FullName, Field_Value::from("Somebody else")),
            (Field::Extension, Field_Value::from(extension)),
        ];
        let write = Write::CreateUser { fields: fields.into(), system: "Primary".into(), template: None };
        office.write(&write).await.unwrap();
    });
}

#[test]
fn a_create_that_arrives_late_is_one_user_linked_and_one_post() {
    let (env, served) = served(3, &["lose-while=5000@2"], "20s");
    let run = env.run(&SYNC).success();
    assert_eq!((run.figure("applied"), run.figure("failed")), (3, 0), "{}", run.stdout);
    assert_eq!(served.count("POST", "/user"), 3);
    for n in 0..3 {
        let user = user(&env, &format!("Person {n:02}")).unwrap();
        assert_eq!(user["links"]["user_identification"], format!("{}", 1000 + n));
    }
    assert_eq!(users_of(&env, "office.db").len(), 4);
    assert_eq!(env.run(&SYNC).success().figure("applied"), 0);
}

#[test]
fn a_humans_user_of_that_name_is_unknown_and_untouched() {
    // The answer of the second create of a user is lost, and before it takes effect somebody makes one of that name.
    let (env, served) = served(3, &["lose-while=3000@4"], "8s");
    let office = env.path("office.db");
    let (run, human) = std::thread::scope(|scope| {
        let running = scope.spawn(|| env.run(&SYNC));
        until("the second create", || served.count("POST", "/user") == 2);
        by_hand(&office, "Person 01", "2077");
        (running.join().unwrap(), user(&env, "Person 01").unwrap())
    });
    let run = run.exits(3);
    let unknown = run.changes("create").into_iter().find(|change| change["name"] == "Person 01").unwrap();
    assert_eq!(unknown["status"], "unknown", "{}", run.stdout);
    assert!(run.codes().contains(&"E0604".to_owned()), "{:?}", run.codes());
    for _ in 0..2 {
        assert_eq!(user(&env, "Person 01").unwrap(), human);
        assert_eq!((&human["links"], &human["full_name"]), (&Value::Null, &Value::from("Somebody else")));
        // The next run says that somebody has the name, and makes nobody.
        let again = env.run(&SYNC).exits(3);
        assert_eq!((again.figure("create"), again.figure("applied")), (0, 0), "{}", again.stdout);
    }
    assert_eq!(served.count("POST", "/user"), 3);
    nobody_twice(&env);
}

/// Sends a signal by the machine's own `kill`.
fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success(), "SIG{name} was not sent");
}

#[test]
fn a_run_that_slept_through_a_second_one_makes_at_most_the_call_in_flight() {
    let (env, served) = served(12, &["latency=30"], "2s");
    let mut first = env.command(&SYNC).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until("the third create", || served.count("POST", "/user") >= 3);
    signal(&first, "STOP");
    // Somebody believes it dead and removes the locks.
    let mut removed = 0;
    for entry in std::fs::read_dir(env.state().join("locks")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
        removed += 1;
    }
    assert_eq!(removed, 2, "the lock of the job and the one of the phone system");
    std::thread::sleep(Duration::from_millis(200));
    let second = env.run(&["sync", "job.toml", "--yes", "--json", "--wait", "30s"]);
    let writes = served.writes();
    signal(&first, "CONT");
    let status = first.wait().unwrap();
    assert!(!status.success(), "the run that was overtaken says so: {status}");
    assert!(served.writes() <= writes + 1, "{} writes after it woke up", served.writes() - writes);
    assert!(matches!(second.code, Some(0 | 3)), "{second:?}");
    let _ = env.run(&SYNC).success();
    assert_eq!(users_of(&env, "office.db").len(), 13);
    nobody_twice(&env);
    assert_eq!(env.run(&SYNC).success().figure("applied"), 0);
}

#[test]
fn two_jobs_at_once_never_give_a_number_twice() {
    let env = scene(1);
    env.write("others.csv", people(30..31));
    env.write("other.toml", job("Others", "others.csv", EMBEDDED));
    let other = ["sync", "other.toml", "--yes", "--json"];
    let _ = env.run(&SYNC).success();
    let _ = env.run(&other).success();
    env.write("people.csv", people(0..20));
    env.write("others.csv", people(30..50));
    let (one, two): (Output, Output) = std::thread::scope(|scope| {
        let one = scope.spawn(|| env.run(&SYNC));
        let two = scope.spawn(|| env.run(&other));
        (one.join().unwrap(), two.join().unwrap())
    });
    assert_eq!((one.success().figure("applied"), two.success().figure("applied")), (19, 19));
    assert_eq!(users_of(&env, "office.db").len(), 41);
    nobody_twice(&env);
}

#[test]
fn a_second_run_waits_and_then_says_who_holds_it() {
    let (env, served) = served(6, &["latency=150"], "2s");
    let mut first = env.command(&SYNC).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("the first write", || served.writes() >= 1);
    let begun = Instant::now();
    let second = env.run(&["sync", "job.toml", "--yes", "--json", "--wait", "1s"]).exits(11);
    assert!(begun.elapsed() >= Duration::from_secs(1), "it did not wait");
    let _ = second.says("E0701").says(&first.id().to_string());
    assert!(first.wait().unwrap().success());
    let _ = env.run(&SYNC).success();
    nobody_twice(&env);
}

#[test]
fn an_interrupted_run_finishes_the_call_in_flight_and_is_gone_on_with() {
    for (name, code) in [("INT", 130), ("TERM", 143)] {
        let (env, served) = served(10, &["latency=40"], "2s");
        let mut first = env.command(&SYNC).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        until("the third create", || served.count("POST", "/user") >= 3);
        signal(&first, name);
        assert_eq!(first.wait().unwrap().code(), Some(code));
        let posts = served.count("POST", "/user");
        assert!(posts < 10, "it went on to the end");
        let stands = users_of(&env, "job.toml");
        assert!(
            stands.iter().filter(|user| user["name"] != "Reception").all(|user| !user["links"].is_null())
        );
        let _ = env.run(&SYNC).success();
        assert_eq!(served.count("POST", "/user"), 10);
        assert_eq!(users_of(&env, "office.db").len(), 11);
    }
}

/// Runs the program under a limit on the size of a file, which is what a full disk looks like to it.
fn with_small_disk(env: &TestEnv, kilobytes: u64) -> (Option<i32>, String) {
    let command = env.command(&SYNC);
    let program = command.get_program().to_owned();
    // Without the trap the signal would end the program; with it, writing fails as on a full disk.
    let script = format!("trap '' XFSZ; ulimit -f {kilobytes}; exec \"$0\" \"$@\"");
    let mut shell = Command::new("bash");
    shell.args(["-c", &script]).arg(program).args(command.get_args());
    shell.env_clear().envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    shell.current_dir(env.path("")).stdin(Stdio::null());
    let output = shell.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_disk_that_fills_up_loses_nothing() {
    let env = scene(40);
    // A first run that reads and makes nobody, so that the connector is compiled and the tables are there.
    env.write("people.csv", people(0..1));
    let _ = env.run(&SYNC).success();
    env.write("people.csv", people(0..40));
    let mut failed = 0;
    for kilobytes in [200, 260, 340, 440, 600, 900] {
        let (code, told) = with_small_disk(&env, kilobytes);
        nobody_twice(&env);
        if code != Some(0) {
            failed += 1;
            assert!(matches!(code, Some(1 | 3 | 14)), "{kilobytes}: {code:?} {told}");
            assert!(told.contains("disk"), "{kilobytes}: {code:?} {told}");
        }
    }
    assert!(failed > 0, "no limit was small enough");
    let _ = env.run(&SYNC).success();
    assert_eq!(users_of(&env, "office.db").len(), 41);
    nobody_twice(&env);
    assert_eq!(env.run(&SYNC).success().figure("applied"), 0);
}

/// Everything beneath a folder with this mode, folders with what they need besides.
fn modes(folder: &Path, file: u32, folders: u32) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => modes(&path, file, folders),
            false => std::fs::set_permissions(&path, std::fs::Permissions::from_mode(file)).unwrap(),
        }
    }
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(folders)).unwrap();
}

#[test]
fn a_state_that_cannot_be_written_is_said_so_and_nothing_is_applied() {
    let env = scene(3);
    let _ = env.run(&SYNC).success();
    env.write("people.csv", people(0..5));
    let before = users_of(&env, "office.db");
    modes(&env.state(), 0o444, 0o555);
    let mut command = env.command(&SYNC);
    // The superuser may write anything, so that it steps down; the rest stays reachable for whoever it becomes.
    let root =
        std::fs::metadata("/proc/self").map(|meta| std::os::unix::fs::MetadataExt::uid(&meta)).unwrap() == 0;
    if root {
        modes(env.root(), 0o666, 0o777);
        modes(&env.state(), 0o444, 0o555);
        command.uid(65_534).gid(65_534);
    }
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if root => panic!("the program must be reachable for others than root: {error}"),
        Err(error) => panic!("{error}"),
    };
    modes(&env.state(), 0o600, 0o700);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("E0700") && (told.contains("writable") || told.contains("permissions")), "{told}");
    assert_eq!(users_of(&env, "office.db"), before);
    let _ = env.run(&SYNC).success();
    assert_eq!(users_of(&env, "office.db").len(), 6);
}

/// A word that is told, and what happens to the file before.
type Damage<'a> = (&'a str, &'a dyn Fn(&mut Vec<u8>));

#[test]
fn a_damaged_or_newer_state_is_said_so_and_nothing_is_applied() {
    let env = scene(3);
    let _ = env.run(&SYNC).success();
    env.write("people.csv", people(0..5));
    let before = users_of(&env, "office.db");
    let file = env.state().join("state.db");
    // Everything stands in the file itself, none of it in the log beside it.
    in_file(&file, "PRAGMA wal_checkpoint(TRUNCATE)");
    let whole = std::fs::read(&file).unwrap();
    let damages: [Damage<'_>; 4] = [
        // SQLite keeps the format's number of whoever uses the file at this place.
        ("newer", &|bytes| bytes[60..64].copy_from_slice(&999_u32.to_be_bytes())),
        ("E0700", &|bytes| bytes[..16].fill(b'x')),
        ("E0700", &|bytes| bytes[4096..8192].fill(0xa5)),
        ("E0700", &|bytes| bytes.truncate(5000)),
    ];
    for (word, damage) in damages {
        let mut bytes = whole.clone();
        damage(&mut bytes);
        std::fs::write(&file, &bytes).unwrap();
        for command in [&SYNC[..], &["preview", "job.toml", "--json"]] {
            let run = env.run(command);
            assert_eq!(run.code, Some(1), "{word}: {run:?}");
            let _ = run.says("E0700").says(word);
        }
        std::fs::write(&file, &whole).unwrap();
        assert_eq!(users_of(&env, "office.db"), before, "{word}");
    }
    assert_eq!(env.run(&SYNC).success().figure("applied"), 2);
    assert_eq!(users_of(&env, "office.db").len(), 6);
}

/// A phone system that goes away in the middle and comes back at the same place loses and doubles nobody.
#[test]
fn a_phone_system_that_goes_away_and_comes_back_is_gone_on_with() {
    let env = scene(8);
    let served = Served::start(&env.path("office.db"), &[]);
    let proxy = rollcall_tests::proxy::Proxy::start(served.address(), true).unwrap();
    let told = Told::at(proxy.address(), proxy.certificate_sha256().unwrap());
    env.write("job.toml", job("Staff", "people.csv", &told.phone_system("2s")));
    proxy.arm(Some((14, rollcall_tests::proxy::Fault::Refused)));
    let run = env.run(&SYNC);
    assert_eq!(run.code, Some(14), "{run:?}");
    let made = users_of(&env, "office.db").len();
    assert!((2..9).contains(&made), "{made} users");
    proxy.arm(None);
    let _ = env.run(&SYNC).success();
    assert_eq!((users_of(&env, "office.db").len(), served.count("POST", "/user")), (9, 8));
    nobody_twice(&env);
}
