//! Readings of what has changed only, of the real server.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rollcall_tests::harness::TestEnv;
use rollcall_tests::ldap::packages::say;
use rollcall_tests::ldap::people::{self, SUFFIX, company};
use rollcall_tests::ldap::slapd::{Setup, Slapd};
use rollcall_tests::ldap::windows::{self, Account, Held, Windows};

use crate::env;
use crate::ldap::{Job, ldaps, machine};

const DAY: Duration = Duration::from_secs(86_400);

/// Gives every entry a time of its own, twenty minutes behind the one before.
fn aged(ldif: &str) -> String {
    let aged = |(at, entry): (usize, &str)| {
        let (day, hour, minute) = (at / 72, at % 72 / 3, at % 3 * 20);
        format!(
            "{entry}\nmodifyTimestamp: 2025{:02}{:02}{hour:02}{minute:02}00Z\n\n",
            1 + day / 28,
            1 + day % 28
        )
    };
    ldif.split_terminator("\n\n").enumerate().map(aged).collect()
}

fn following(server: &Slapd, more: &str) -> Job {
    Job::new(&format!("{}changes_only = true\n{more}", ldaps(server)))
}

/// Changes one attribute of a person; none takes it away.
fn change(n: usize, attribute: &str, value: Option<&str>) -> String {
    let head = format!("dn: uid=u{n},ou=people,{SUFFIX}\nchangetype: modify\n");
    match value {
        Some(value) => format!("{head}replace: {attribute}\n{attribute}: {value}\n\n"),
        None => format!("{head}delete: {attribute}\n\n"),
    }
}

fn added(ldif: &str) -> String {
    ldif.replacen("\nobjectClass", "\nchangetype: add\nobjectClass", 1)
}

/// Synchronizes and gives who was made, changed, and waits for the delete, and how many searches it took.
fn sync(env: &TestEnv, server: &Slapd) -> ([u64; 3], usize) {
    let before = server.searches();
    let run = env.run(&["sync", "job.toml", "--yes", "--json"]).success();
    let figures = ["create", "update", "pending_delete"].map(|name| run.figure(name));
    (figures, server.searches() - before)
}

#[test]
fn changes_of_a_directory_are_followed() {
    let Some(server) = Slapd::start(&Setup::new(aged(&company(40, 4)))) else { return };
    let mut env = machine(&server);
    following(&server, "filter = \"(employeeNumber=*)\"\npage_size = 10\n").write(&env);
    let _ = env
        .run(&["test-connection", "job.toml"])
        .success()
        .says("a deleted user is noticed at the next full one");
    let (made, full) = sync(&env, &server);
    assert_eq!(made, [40, 0, 0]);
    let (nothing, searches) = sync(&env, &server);
    assert_eq!(nothing, [0, 0, 0]);
    say(&format!("{full} searches for everybody, {searches} for nobody"));
    assert!(searches + 3 <= full, "{searches} searches instead of {full}");

    // One changes, one is renamed, one loses an attribute, one no longer meets the filter, one comes, one is deleted.
    server.modify(
        &[
            change(1, "mail", Some("first@example.test")),
            format!(
                "dn: uid=u2,ou=people,{SUFFIX}\nchangetype: modrdn\nnewrdn: uid=second\ndeleteoldrdn: 1\n\n"
            ),
            change(3, "mail", None),
            change(4, "employeeNumber", None),
            added(&people::person(41)),
            format!("dn: uid=u5,ou=people,{SUFFIX}\nchangetype: delete\n\n"),
        ]
        .concat(),
    );
    assert_eq!(sync(&env, &server).0, [1, 2, 1]);
    // Who is deleted counts as there until everything is read again, and the preview says so.
    env.advance(Duration::from_secs(3_600));
    let preview = env.run(&["preview", "job.toml"]).success().says("40 unchanged, 1 pending delete");
    let _ = preview.says("only what changed was read").says("a deletion in LDAP");
    env.advance(DAY);
    let whole = env.run(&["preview", "job.toml", "--json"]).success();
    assert!(!whole.stdout.contains("E0311"), "{}", whole.stdout);
    assert_eq!(sync(&env, &server).0, [0, 0, 2]);
    // Back in scope, and nobody is made anew.
    server.modify(&change(4, "employeeNumber", Some("E1")));
    assert_eq!(sync(&env, &server).0, [0, 0, 1]);
}

#[test]
fn a_group_that_changes_wants_everybody_read_in_the_same_run() {
    let Some(server) = Slapd::start(&Setup::new(aged(&company(40, 4)))) else { return };
    let env = machine(&server);
    following(&server, &format!("group_dn = \"cn=g1,ou=groups,{SUFFIX}\"\n")).write(&env);
    assert_eq!(sync(&env, &server).0, [10, 0, 0]);
    assert_eq!(sync(&env, &server).0, [0, 0, 0]);
    // One joins, one leaves: neither is changed by it.
    server.modify(&format!(
        "dn: cn=g1,ou=groups,{SUFFIX}\nchangetype: modify\nadd: member\nmember: uid=u2,ou=people,{SUFFIX}\n-\n\
         delete: member\nmember: uid=u5,ou=people,{SUFFIX}\n\n"
    ));
    assert_eq!(sync(&env, &server).0, [1, 0, 1]);
    // A member that changes is followed alone.
    server.modify(&change(1, "mail", Some("first@example.test")));
    assert_eq!(sync(&env, &server).0, [0, 1, 1]);
}

#[test]
fn only_the_same_controller_goes_on_counting() {
    let account = |n: u64| Account { name: format!("User {n}"), member_of: Vec::new(), changed: n };
    let server = Windows::start((1..=30).map(account).collect());
    let env = env();
    let mut job = Job::new(&format!(
        "url = \"ldap://127.0.0.1:{}\"\npage_size = 10\nchanges_only = true\n",
        server.port
    ));
    (job.bind_dn, job.base_dn) = (None, windows::BASE.to_owned());
    job.write(&env);
    // Gives how many were changed and how many searches it took.
    let sync = || {
        let before = server.searches.load(Ordering::SeqCst);
        let run = env.run(&["sync", "job.toml", "--yes", "--json"]).success();
        assert_eq!(run.figure("directory_users"), 30);
        (run.figure("update"), server.searches.load(Ordering::SeqCst) - before)
    };
    /// Gives the accounts so many further names, each with a number of its own.
    fn rename(held: &mut Held, count: usize, name: &str) {
        for at in 0..count {
            held.last += 1;
            held.accounts[at].changed = held.last;
            held.accounts[at].name = format!("{name} {at}");
        }
    }
    let (_, everything) = sync();
    let (_, nothing) = sync();
    assert!(nothing < everything, "{nothing} searches instead of {everything}");
    rename(&mut server.held(), 3, "Anybody");
    assert_eq!(sync().0, 3);

    // A change that the other controller numbers lower.
    server.held().controller = "CN=NTDS Settings,CN=DC2".to_owned();
    server.held().accounts[29].name = "Somebody Else".to_owned();
    assert_eq!(sync().0, 1);
    assert_eq!(sync().1, nothing);
    // The database of last week, in which one was called otherwise.
    server.held().last = 20;
    server.held().accounts[28].name = "Somebody Before".to_owned();
    assert_eq!(sync().0, 1);

    // Cut short in the middle of who changed: nothing is told, and the next run goes on from where the last one ended.
    rename(&mut server.held(), 25, "Everybody");
    server.held().cut = true;
    let _ = env.run(&["sync", "job.toml", "--yes"]).exits(13).says("cut the search");
    server.held().cut = false;
    let (changed, searches) = sync();
    assert_eq!(changed, 25);
    // Two searches in three pages each, and the schema's absence costs none.
    assert!(searches < everything + nothing, "{searches} searches");
    assert_eq!(sync(), (0, nothing));
}

#[test]
fn five_thousand_people_and_their_changes() {
    let Some(server) = Slapd::start(&Setup::new(aged(&company(5_000, 20)))) else { return };
    let env = machine(&server);
    following(&server, "").write(&env);
    let read = |what: &str| {
        let (before, began) = (server.searches(), Instant::now());
        let preview = env.run(&["preview", "job.toml", "--json"]).success();
        assert_eq!(preview.figure("directory_users"), 5_000, "{what}");
        let searches = server.searches() - before;
        say(&format!("5000 people, {what}: {searches} searches, {} ms", began.elapsed().as_millis()));
        searches
    };
    let everything = read("everything");
    assert!(read("what changed, nothing") * 2 < everything);
    server.modify(&(1..=20).map(|n| change(n, "mail", Some("new@example.test"))).collect::<String>());
    assert!(read("what changed, 20 of them") * 2 < everything);
}
