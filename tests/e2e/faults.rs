//! Every HTTP call of a sync fails once in each way, on the directory's side and on the phone system's. However it
//! goes, one more clean run at most ends where a run without a fault would have ended: nobody is lost, nobody is there
//! twice, nothing that is not ours was touched, and no create was sent again after it had an effect.
//!
//! `ROLLCALL_FAULTS=all` plays every call with every fault and prints the table; otherwise each call meets a part of
//! them, by turns, so that every fault and every call is played.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use rollcall_tests::graph::{Config, Simulator, Tenant, guid, people};
use rollcall_tests::harness::{Output, TestEnv};
use rollcall_tests::proxy::{Fault, Proxy};
use rollcall_tests::scene::{CANARY, Job, OFFICE, RULES, users_of};
use serde_json::Value;

use crate::env;
use crate::kills::copy;
use crate::serving::{Served, Told, passwords};

/// How many runs are played at a time; most of a run is waiting.
const WORKERS: usize = 3;
/// Without `ROLLCALL_FAULTS=all`, every so many-th fault of a call is played.
const STRIDE: usize = 4;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How many people there are before the run that is disturbed.
const PEOPLE: usize = 5;

const TEMPLATES: &str = "[[user_template]]\nname = \"Sales\"\nprofile = \"Power User\"\n\
                         [[extension_template]]\nname = \"J179\"\ntype = \"SIP\"\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Directory,
    Office,
}

/// The directory with its proxy. It keeps its address from run to run: another one would be another scope.
struct Source {
    graph: Simulator,
    proxy: Proxy,
}

/// The world before the run that is disturbed, on the disk.
struct Before {
    source: Source,
    kept: tempfile::TempDir,
    now_ms: i64,
    tenant: Tenant,
}

/// The world of one run.
struct Play<'s> {
    env: TestEnv,
    source: &'s Source,
    served: Served,
    office: Proxy,
}

/// Three join, two change, one is due to be deleted.
fn changed(tenant: &mut Tenant) {
    let more = people(PEOPLE + 3);
    for n in PEOPLE..PEOPLE + 3 {
        tenant.put_user(more.users[&guid(1, n)].clone()).unwrap();
    }
    tenant.set(&guid(1, 1), "mail", "changed.one@contoso.example");
    let renamed: [(&str, &str); 3] =
        [("displayName", "Wilhelmina Zed"), ("givenName", "Wilhelmina"), ("surname", "Zed")];
    for (key, value) in renamed {
        tenant.set(&guid(1, 2), key, value);
    }
}

fn job(graph: &str, office: &Told) -> String {
    let fields = "user_identification = \"id\"\nname = \"names::phone_name(user)\"\nfull_name = \"displayName\"\n\
                  email = \"mail\"\nlogin_code = \"employeeId\"\n";
    let job = Job {
        fields: fields.to_owned(),
        phone_system: format!("{}\ntimeout = \"2s\"", office.phone_system("2s")),
        ..Job::default()
    };
    let limits =
        "[directory.limits]\ncall_wall_seconds = 2\n\n[guard]\nmin_directory = \"50%\"\nmax_delete = 1\n";
    job.with(limits).text(graph)
}

impl Source {
    fn start(now_ms: i64) -> Self {
        let config = Config {
            client_secret: CANARY.to_owned(),
            now_ms: Some(now_ms),
            page_rows: 3,
            ..Config::default()
        };
        let graph = Simulator::start(config, people(PEOPLE)).unwrap();
        let proxy = Proxy::start(graph.address(), false).unwrap();
        Self { graph, proxy }
    }
}

impl<'s> Play<'s> {
    /// Sets up a world whose folder holds an office.
    fn over(mut env: TestEnv, source: &'s Source) -> Self {
        let served = Served::start(&env.path("office.db"), &[]);
        let office = Proxy::start(served.address(), true).unwrap();
        env.set("CLIENT_SECRET", CANARY);
        passwords(&mut env);
        env.write("templates.toml", TEMPLATES);
        env.write("provisioning.rhai", RULES);
        let told = Told::at(office.address(), office.certificate_sha256().unwrap());
        env.write("job.toml", job(&format!("http://{}", source.proxy.address()), &told));
        Self { env, source, served, office }
    }

    fn sync(&self) -> Output {
        self.env.run(&["sync", "job.toml", "--yes", "--json"])
    }

    fn arm(&self, side: Side, fault: Option<(usize, Fault)>) {
        let of = |own: Side| fault.filter(|_| side == own);
        self.source.proxy.arm(of(Side::Directory));
        self.office.arm(of(Side::Office));
    }

    /// What stands, codes and groups included.
    fn users(&self) -> Vec<Value> {
        comparable(users_of(&self.env, "office.db"))
    }

    /// The same as the job reaches it, which is how it knows whose they are.
    fn owned(&self) -> Vec<Value> {
        comparable(users_of(&self.env, "job.toml"))
    }
}

/// Users without what differs from one office to the next.
fn comparable(mut users: Vec<Value>) -> Vec<Value> {
    for user in &mut users {
        user.as_object_mut().unwrap().remove("guid");
    }
    users.sort_by_key(|user| user["name"].as_str().unwrap_or_default().to_owned());
    users
}

impl Before {
    fn make() -> Self {
        let first = env();
        let source = Source::start(first.now_ms());
        first.write("office.toml", OFFICE);
        let _ = first.run(&["office", "init", "office.db", "--from", "office.toml"]).success();
        let mut play = Play::over(first, &source);
        assert_eq!(play.sync().success().figure("applied"), PEOPLE as u64);
        let mut tenant = people(PEOPLE);
        tenant.remove_user(&guid(1, 0));
        source.graph.world().tenant = tenant.clone();
        assert_eq!(play.sync().success().figure("pending_delete"), 1);
        play.env.advance(8 * DAY);
        changed(&mut tenant);
        let Play { env, served, .. } = play;
        drop(served);
        let kept = tempfile::tempdir().unwrap();
        copy(&env.state(), &kept.path().join("state"));
        copy(&env.path(""), &kept.path().join("work"));
        Self { source, kept, now_ms: env.now_ms(), tenant }
    }

    /// Gives the world once more, as it was.
    fn again(&self) -> Play<'_> {
        let mut env = env();
        env.shift(self.now_ms - env.now_ms());
        copy(&self.kept.path().join("state"), &env.state());
        copy(&self.kept.path().join("work"), &env.path(""));
        self.source.graph.world().tenant = self.tenant.clone();
        Play::over(env, &self.source)
    }
}

/// How one run ended.
#[derive(Clone, Debug)]
struct Ended {
    side: Side,
    call: usize,
    what: String,
    fault: Fault,
    exit: Option<i32>,
    /// What is wrong, if anything is.
    wrong: Vec<String>,
}

/// What a run without a fault comes to.
struct Expected {
    calls: BTreeMap<Side, Vec<String>>,
    users: Vec<Value>,
    owned: Vec<Value>,
    others: Vec<Value>,
    creates: usize,
}

fn expected(before: &Before) -> Expected {
    let play = before.again();
    let others = others(&play.users());
    play.arm(Side::Office, None);
    let run = play.sync().success();
    assert_eq!(
        (run.figure("create"), run.figure("update"), run.figure("delete")),
        (3, 2, 1),
        "{}",
        run.stdout
    );
    let told =
        |proxy: &Proxy| proxy.calls().iter().map(|call| format!("{} {}", call.method, call.path)).collect();
    let calls = [(Side::Directory, told(&play.source.proxy)), (Side::Office, told(&play.office))].into();
    let creates = play.served.count("POST", "/user");
    let (users, owned) = (play.users(), play.owned());
    assert_eq!(owned.iter().filter(|user| user["links"].is_null()).count(), others.len());
    assert_eq!(play.sync().success().figure("applied"), 0);
    Expected { calls, users, owned, others, creates }
}

/// The users that no job owns: somebody made them by hand.
fn others(users: &[Value]) -> Vec<Value> {
    let others: Vec<Value> =
        users.iter().filter(|user| user["full_name"] == "Made by hand").cloned().collect();
    assert_eq!(others.len(), 1);
    others
}

fn disturbed(before: &Before, expected: &Expected, side: Side, call: usize, fault: Fault) -> Ended {
    let play = before.again();
    play.arm(side, Some((call, fault)));
    let run = play.sync();
    let struck = match side {
        Side::Directory => play.source.proxy.calls(),
        Side::Office => play.office.calls(),
    };
    let mut wrong = Vec::new();
    // An answer that is none of the Management API is said to be damaged (1).
    let damaged = run.code == Some(1) && run.codes().contains(&"E0606".to_owned());
    if !matches!(run.code, Some(0 | 3 | 4 | 13 | 14)) && !damaged {
        wrong.push(format!("the run ended with {:?}: {}", run.code, run.stderr));
    }
    if fault != Fault::Refused && struck.len() <= call {
        wrong.push(format!("only {} calls were made", struck.len()));
    }
    let meanwhile = play.users();
    if !expected.others.iter().all(|user| meanwhile.contains(user)) {
        wrong.push("a user that nobody owns was touched".into());
    }
    play.arm(side, None);
    let again = play.sync();
    if again.code != Some(0) {
        wrong.push(format!("the clean run ended with {:?}: {} {}", again.code, again.stderr, again.stdout));
    }
    wrong.extend(difference(&expected.users, &play.users()));
    wrong.extend(difference(&expected.owned, &play.owned()));
    let creates = play.served.count("POST", "/user");
    if creates != expected.creates {
        wrong.push(format!("{creates} creates reached the phone system instead of {}", expected.creates));
    }
    Ended { side, call, what: expected.calls[&side][call].clone(), fault, exit: run.code, wrong }
}

fn difference(expected: &[Value], came: &[Value]) -> Option<String> {
    let lines = |from: &[Value], other: &[Value], sign: &str| -> String {
        from.iter().filter(|user| !other.contains(user)).map(|user| format!("{sign} {user}\n")).collect()
    };
    let text = lines(expected, came, "-") + &lines(came, expected, "+");
    (!text.is_empty()).then(|| format!("the office differs:\n{text}"))
}

#[test]
fn every_call_may_fail_once_in_each_way() {
    let all = std::env::var("ROLLCALL_FAULTS").is_ok_and(|value| value == "all");
    let expected = expected(&Before::make());
    let mut open = VecDeque::new();
    for (side, calls) in &expected.calls {
        for call in 0..calls.len() {
            let faults = Fault::ALL.iter().enumerate();
            open.extend(
                faults
                    .filter(|(n, _)| all || (n + call).is_multiple_of(STRIDE))
                    .map(|(_, fault)| (*side, call, *fault)),
            );
        }
    }
    let (open, ended) = (Mutex::new(open), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                let before = Before::make();
                loop {
                    let next = open.lock().unwrap().pop_front();
                    let Some((side, call, fault)) = next else { return };
                    let one = disturbed(&before, &expected, side, call, fault);
                    ended.lock().unwrap().push(one);
                }
            });
        }
    });
    let ended = ended.into_inner().unwrap();
    println!("{}", table(&expected, &ended));
    let wrong: Vec<String> = ended
        .iter()
        .filter(|one| !one.wrong.is_empty())
        .map(|one| {
            format!(
                "{:?} call {} ({}), {:?}: {}",
                one.side,
                one.call,
                one.what,
                one.fault,
                one.wrong.join("; ")
            )
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} runs went wrong\n{}", wrong.len(), ended.len(), wrong.join("\n"));
}

/// Prints calls x faults with the exit code of each disturbed run; `!` stands where something is wrong.
fn table(expected: &Expected, ended: &[Ended]) -> String {
    let mut text = String::new();
    for (side, calls) in &expected.calls {
        text.push_str(&format!(
            "\n{side:?}: {} calls; the exit code of the disturbed run\n\n| call |",
            calls.len()
        ));
        text.extend(Fault::ALL.iter().map(|fault| format!(" {fault:?} |")));
        text.push_str(&format!("\n|---|{}\n", "---|".repeat(Fault::ALL.len())));
        for (number, call) in calls.iter().enumerate() {
            text.push_str(&format!("| {number} `{call}` |"));
            for fault in Fault::ALL {
                let found =
                    ended.iter().find(|one| (one.side, one.call, one.fault) == (*side, number, fault));
                text.push_str(&match found {
                    None => " |".to_owned(),
                    Some(one) => {
                        let exit = one.exit.map_or("killed".to_owned(), |code| code.to_string());
                        format!(" {exit}{} |", if one.wrong.is_empty() { "" } else { "!" })
                    }
                });
            }
            text.push('\n');
        }
    }
    let wrong = ended.iter().filter(|one| !one.wrong.is_empty()).count();
    text + &format!("\n{} runs, {wrong} of them lost, doubled or touched somebody\n", ended.len())
}
