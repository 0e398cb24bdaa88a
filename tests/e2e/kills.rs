//! A sync that is killed at any instant, into an embedded office and through the Management API: one more run ends
//! where a run that nobody killed would have ended.
//!
//! `ROLLCALL_KILLS=200` kills so often into each of the two, and then the sync has 500 changes instead of 60.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rollcall_tests::harness::TestEnv;
use rollcall_tests::scene::users_of;
use serde_json::Value;

use crate::env;
use crate::serving::{Served, passwords};

/// How often each of the two is killed in every run of the suite.
const KILLS: usize = 8;
/// How many times as often at most, until a third of them falls between the changes.
const MOST_ROUNDS: usize = 6;
/// The changes of the sync that is killed then; in the full version.
const CHANGES: usize = 60;
const CHANGES_FULL: usize = 500;
/// Where the instants are drawn from.
const SEED: u64 = 0x5eed_2026;
/// How many calls are under way together, where they go over the network.
const AT_ONCE: usize = 8;

const RULES: &str =
    "rule(\"All\", #{ start_extension: 20000, end_extension: 59999, extension_type: \"SIP\" });\n";
const OFFICE: &str = "[[system]]\nname = \"Primary\"\nprimary = true\n\n[[user]]\nname = \"Reception\"\n\
                      full_name = \"Made by hand\"\nextension = \"20003\"\nsystem = \"Primary\"\n\n[[group]]\n\
                      name = \"Sales\"\nextension = \"60001\"\nsystem = \"Primary\"\n\n[[group]]\nname = \"Support\"\n\
                      extension = \"60002\"\nsystem = \"Primary\"\n";

/// Where the sync writes to.
#[derive(Clone, Copy, PartialEq)]
enum Into {
    Embedded,
    Served,
}

/// People by number; those from `first` on, `changed` ones with another address and group.
fn people(numbers: std::ops::Range<usize>, changed: std::ops::Range<usize>) -> String {
    let mut text = "id,name,mail,team\n".to_owned();
    for n in numbers {
        let (mail, team) = if changed.contains(&n) { ("new", "Support") } else { ("old", "Sales") };
        text.push_str(&format!("{},Person {n:04},{mail}.{n}@corp.example,{team}\n", 10_000 + n));
    }
    text
}

/// A world before the sync that is killed: two thirds of `changes` stand there; half of them change, a fifth leave.
struct Before {
    kept: tempfile::TempDir,
    now_ms: i64,
    into: Into,
    changes: usize,
}

impl Before {
    /// Makes it.
    fn make(into: Into, changes: usize) -> Self {
        let (joiners, updates, leavers) = (changes * 2 / 5, changes * 2 / 5, changes / 5);
        let standing = updates + leavers;
        let mut env = env();
        env.write("office.toml", OFFICE);
        env.write("provisioning.rhai", RULES);
        let _ = env.run(&["office", "init", "office.db", "--from", "office.toml"]).success();
        // The leavers are the first ones, so that the rest keeps its numbers.
        for (from, days) in [(0, 0), (leavers, 0), (leavers, 8)] {
            env.shift(i64::from(days) * 86_400_000);
            env.write("people.csv", people(from..standing, 0..0));
            let stage = Stage::set(&mut env, into);
            if days == 0 {
                let _ = env.run(&["sync", "job.toml", "--yes", "--json"]).success();
            }
            drop(stage);
        }
        env.write("people.csv", people(leavers..standing + joiners, leavers..standing));
        let kept = tempfile::tempdir().unwrap();
        copy(&env.state(), &kept.path().join("state"));
        copy(&env.path(""), &kept.path().join("work"));
        Self { kept, now_ms: env.now_ms(), into, changes }
    }

    /// Gives the world once more, as it was.
    fn again(&self) -> (TestEnv, Stage) {
        let mut env = env();
        env.shift(self.now_ms - env.now_ms());
        copy(&self.kept.path().join("state"), &env.state());
        copy(&self.kept.path().join("work"), &env.path(""));
        let stage = Stage::set(&mut env, self.into);
        (env, stage)
    }
}

/// The job file, and the server where there is one.
struct Stage {
    served: Option<Served>,
}

impl Stage {
    fn set(env: &mut TestEnv, into: Into) -> Self {
        let served = (into == Into::Served).then(|| Served::start(&env.path("office.db"), &[]));
        passwords(env);
        env.write("templates.toml", "");
        let (phone_system, groups) = match &served {
            None => {
                ("kind = \"embedded\"\npath = \"office.db\"".to_owned(), "group_membership = \"[team]\"\n")
            }
            // Joiners and leavers are under way together, so that a kill finds several calls open.
            Some(served) => (served.told().phone_system("5s") + &format!("\nat_once = {AT_ONCE}"), ""),
        };
        env.write(
            "job.toml",
            format!(
                "name = \"Kills\"\n[directory]\nconnector = \"csv\"\n[directory.settings]\npath = \"people.csv\"\n\
                 [phone_system]\n{phone_system}\n[fields]\nuser_identification = \"id\"\nname = \"name\"\n\
                 full_name = \"name\"\nemail = \"mail\"\n{groups}[rules]\nfiles = [\"provisioning.rhai\"]\n\
                 [synchronize]\nnew = true\nupdate = true\ndelete = true\n[guard]\nmax_delete = \"100%\"\n\
                 max_clear = \"100%\"\nmin_directory = \"10%\"\n"
            ),
        );
        Self { served }
    }
}

/// Copies a folder with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).unwrap();
        match path.is_dir() {
            true => copy(&path, &to),
            // SQLite takes a log away when its last process ends, which may be while this looks.
            false => match std::fs::copy(&path, to) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound && !path.exists() => {}
                copied => drop(copied.unwrap()),
            },
        }
    }
}

/// Users without what differs from one office to the next.
fn comparable(env: &TestEnv) -> Vec<Value> {
    let mut users = users_of(env, "office.db");
    for user in &mut users {
        user.as_object_mut().unwrap().remove("guid");
    }
    users.sort_by_key(|user| user["name"].as_str().unwrap_or_default().to_owned());
    users
}

/// Draws numbers from a seed (xorshift), so that a run can be repeated.
struct Draws(u64);

impl Draws {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most.max(1)
    }
}

/// The arguments of a sync.
const SYNC: [&str; 4] = ["sync", "job.toml", "--yes", "--json"];

fn killed_anywhere(into: Into) {
    let asked = std::env::var("ROLLCALL_KILLS").ok().map(|text| text.parse::<usize>().unwrap());
    let changes = if asked.is_some() { CHANGES_FULL } else { CHANGES };
    let before = Before::make(into, changes);
    let (env, stage) = before.again();
    let begun = Instant::now();
    let run = env.run(&SYNC).success();
    let whole = begun.elapsed();
    assert_eq!(run.figure("applied"), before.changes as u64, "{}", run.stdout);
    let expected = comparable(&env);
    let writes = stage.served.as_ref().map(|served| (served.count("POST", "/users"), served.writes()));
    let mut draws = Draws(SEED);
    let (mut early, mut midway, mut late) = (0, 0, 0);
    let kills = asked.unwrap_or(KILLS);
    let mut number = 0;
    // A sync takes longer on a busy machine than the one that was timed: more kills fall before its first change then.
    while number < kills || (midway * 3 < kills && number < kills * MOST_ROUNDS) {
        number += 1;
        let (env, stage) = before.again();
        let mut command = env.command(&SYNC);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let wait = Duration::from_micros(draws.below(u64::try_from(whole.as_micros()).unwrap()));
        std::thread::sleep(wait);
        let ended = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        let _ = child.wait().unwrap();
        // What was on its way to the server arrives.
        std::thread::sleep(Duration::from_millis(if into == Into::Served { 200 } else { 0 }));
        let stands = comparable(&env);
        match (ended, stands == expected) {
            (true, _) | (_, true) => late += 1,
            _ if stands
                .iter()
                .any(|user| user["email"].as_str().is_some_and(|mail| mail.starts_with("new."))) =>
            {
                midway += 1;
            }
            _ => early += 1,
        }
        let again = env.run(&SYNC);
        let told = format!("kill {number} after {wait:?} of {whole:?}: {}\n{}", again.stderr, again.stdout);
        assert_eq!(again.code, Some(0), "{told}");
        let came = comparable(&env);
        let lines = |from: &[Value], other: &[Value], sign: &str| -> String {
            from.iter().filter(|user| !other.contains(user)).map(|user| format!("{sign} {user}\n")).collect()
        };
        let differs = lines(&expected, &came, "-") + &lines(&came, &expected, "+");
        assert!(differs.is_empty(), "{differs}{told}");
        if let (Some(served), Some((posts, writes))) = (&stage.served, writes) {
            // No create of a user is sent twice. An extension record whose user was not made is taken away and made anew.
            assert_eq!(served.count("POST", "/users"), posts, "{told}");
            assert!(
                served.writes() <= writes + 2 * AT_ONCE,
                "{} writes instead of {writes}; {told}",
                served.writes()
            );
        }
    }
    println!(
        "{changes} changes in {whole:?}; killed {early} times before the first, {midway} between, {late} after the last"
    );
    assert!(midway * 3 >= kills, "too few kills fell between the changes");
}

#[test]
fn killed_at_any_instant_into_an_embedded_office() {
    killed_anywhere(Into::Embedded);
}

#[test]
fn killed_at_any_instant_through_the_management_api() {
    killed_anywhere(Into::Served);
}
