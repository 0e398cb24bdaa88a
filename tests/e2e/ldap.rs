//! OpenLDAP: the real server, over LDAPS and StartTLS, with the limits, certificates and refusals that it really has.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rollcall_tests::harness::TestEnv;
use rollcall_tests::ldap::packages::say;
use rollcall_tests::ldap::people::{self, READER, SUFFIX, company};
use rollcall_tests::ldap::pki::Kind;
use rollcall_tests::ldap::slapd::{Setup, Slapd};

use crate::env;

/// A job, part by part.
pub(crate) struct Job {
    pub(crate) settings: String,
    pub(crate) fields: String,
    pub(crate) directory: String,
    pub(crate) bind_dn: Option<String>,
    pub(crate) base_dn: String,
    pub(crate) rest: String,
}

impl Job {
    pub(crate) fn new(settings: &str) -> Self {
        Self {
            settings: settings.to_owned(),
            fields: String::new(),
            directory: String::new(),
            bind_dn: Some(format!("cn=reader,{SUFFIX}")),
            base_dn: format!("ou=people,{SUFFIX}"),
            rest: String::new(),
        }
    }

    /// Writes it as `job.toml`.
    pub(crate) fn write(&self, env: &TestEnv) {
        let (bind, credential) = match &self.bind_dn {
            None => (String::new(), ""),
            Some(name) => {
                (format!("bind_dn = \"{name}\"\n"), "bind_password = { env = \"BIND_PASSWORD\" }\n")
            }
        };
        let (directory, base, settings, fields, rest) =
            (&self.directory, &self.base_dn, &self.settings, &self.fields, &self.rest);
        let job = format!(
            "name = \"Directory\"\n\n[directory]\nconnector = \"ldap\"\n{directory}\n\n[directory.settings]\n\
             base_dn = \"{base}\"\n{bind}{settings}\n\n[directory.credentials]\n{credential}\n\
             [phone_system]\nkind = \"embedded\"\npath = \"office.db\"\n\n[fields]\nuser_identification = \"id\"\n\
             name = \"names::phone_name(user)\"\nfull_name = \"displayName\"\nemail = \"mail\"\n\
             extension = \"numbers::extension(telephoneNumber)\"\n{fields}\n\n\
             [synchronize]\nnew = true\nupdate = true\ndelete = true\n\n{rest}"
        );
        env.write("job.toml", job);
    }
}

/// Gives a machine that knows the password and the authority of a server.
pub(crate) fn machine(server: &Slapd) -> TestEnv {
    let mut env = env();
    env.set("BIND_PASSWORD", READER);
    env.write("ca.pem", std::fs::read(&server.certificate.authority).unwrap());
    env
}

pub(crate) fn ldaps(server: &Slapd) -> String {
    format!("url = \"{}\"\nca_file = \"ca.pem\"\n", server.ldaps())
}

#[test]
fn five_thousand_people_by_both_ways() {
    let Some(server) = Slapd::start(&Setup::new(company(5_000, 20))) else { return };
    let env = machine(&server);
    let measure = |what: &str, settings: &str, fields: &str| {
        let mut job = Job::new(settings);
        fields.clone_into(&mut job.fields);
        job.write(&env);
        let (before, began) = (server.searches(), Instant::now());
        let preview = env.run(&["preview", "job.toml", "--json"]).success();
        assert_eq!(preview.figure("directory_users"), 5_000, "{what}");
        let searches = server.searches() - before;
        say(&format!("5000 people {what}: {searches} searches, {} ms", began.elapsed().as_millis()));
        (searches, preview)
    };
    let (plain, by_ldaps) = measure("over LDAPS", &ldaps(&server), "");
    let start_tls = format!("url = \"{}\"\nstart_tls = true\nca_file = \"ca.pem\"\n", server.ldap());
    let (_, by_start_tls) = measure("over StartTLS", &start_tls, "");
    assert_eq!(by_ldaps.changes("create"), by_start_tls.changes("create"));
    let (grouped, _) = measure("with their groups", &ldaps(&server), "group_membership = \"groups\"");
    assert!(grouped <= 2 * plain, "{grouped} searches with groups, {plain} without");
    let by_group = format!("{}group_dn = \"cn=g3,ou=groups,{SUFFIX}\"\n", ldaps(&server));
    Job::new(&by_group).write(&env);
    let before = server.searches();
    assert_eq!(env.run(&["preview", "job.toml", "--json"]).success().figure("create"), 250);
    assert!(server.searches() - before <= 2 * plain);
}

#[test]
fn a_directory_is_followed() {
    let Some(server) = Slapd::start(&Setup::new(company(40, 4))) else { return };
    let mut env = machine(&server);
    Job::new(&ldaps(&server)).write(&env);
    let _ = env.run(&["check", "job.toml"]).success();
    let _ = env.run(&["test-connection", "job.toml"]).success().says("40 in scope").hides(READER);
    let run = env.run(&["sync", "job.toml", "--yes", "--json"]).success();
    assert_eq!((run.figure("create"), run.figure("applied")), (40, 40));
    let again = env.run(&["sync", "job.toml", "--yes", "--json"]).success();
    assert_eq!((again.figure("unchanged"), again.figure("applied")), (40, 0));
    // One changes, one is renamed, one leaves, one comes.
    server.modify(&format!(
        "dn: uid=u1,ou=people,{SUFFIX}\nchangetype: modify\nreplace: mail\nmail: first@example.test\n\n\
         dn: uid=u2,ou=people,{SUFFIX}\nchangetype: modrdn\nnewrdn: uid=second\ndeleteoldrdn: 1\n\n\
         dn: uid=u3,ou=people,{SUFFIX}\nchangetype: delete\n\n"
    ));
    server.modify(&people::person(41).replacen("\nobjectClass", "\nchangetype: add\nobjectClass", 1));
    let run = env.run(&["sync", "job.toml", "--yes", "--json"]).success();
    assert_eq!(
        (run.figure("create"), run.figure("update"), run.figure("unchanged"), run.figure("pending_delete")),
        (1, 1, 38, 1)
    );
    env.advance(Duration::from_secs(8 * 86_400));
    let run = env.run(&["sync", "job.toml", "--yes", "--json"]).success();
    assert_eq!((run.figure("delete"), run.figure("unchanged")), (1, 40));
    assert_eq!(env.files_with(READER), Vec::<std::path::PathBuf>::new());
    let _ = env.run(&["fields", "job.toml", "--json"]).success().says("employeeNumber");
    // What the schema does not have is a mistake with a hint.
    let mut job = Job::new(&ldaps(&server));
    job.fields = "voicemail_code = \"emploeyNumber\"".to_owned();
    job.write(&env);
    let _ = env.run(&["preview", "job.toml"]).exits(12).says("employeeNumber");
}

#[test]
fn smaller_pages_are_taken_and_a_cut_is_none() {
    let access = "access to attrs=userPassword by anonymous auth by * none\naccess to * by users read\n";
    let reader = format!("limits dn.exact=\"cn=reader,{SUFFIX}\" size.soft=10 size.hard=10 size.pr=5");
    let setup = Setup::new(company(30, 2)).database(&format!("{access}{reader} size.prtotal=unlimited\n"));
    let Some(server) = Slapd::start(&setup) else { return };
    let env = machine(&server);
    Job::new(&ldaps(&server)).write(&env);
    let run = env.run(&["sync", "job.toml", "--yes", "--json"]).success();
    assert_eq!(run.figure("create"), 30);
    drop(server);

    let setup = Setup::new(company(30, 2)).database(&format!("{access}{reader} size.prtotal=12\n"));
    let Some(server) = Slapd::start(&setup) else { return };
    env.write("ca.pem", std::fs::read(&server.certificate.authority).unwrap());
    Job::new(&ldaps(&server)).write(&env);
    let cut = env.run(&["sync", "job.toml", "--yes"]).exits(13).says("cut the search");
    let _ = cut.says("size.prtotal=unlimited");
}

#[test]
fn certificates_are_believed_for_a_reason() {
    let (mut wrong, mut right) = (Vec::new(), Vec::new());
    for (kind, expect) in [
        (Kind::Authority, ""),
        (Kind::Nameless, "names no host"),
        (Kind::SelfSigned, "an authority's certificate and not a server's"),
    ] {
        let Some(server) = Slapd::start(&Setup::new(company(3, 1)).certificate(kind)) else { return };
        let env = machine(&server);
        let look = |settings: &str| {
            Job::new(settings).write(&env);
            env.run(&["preview", "job.toml"])
        };
        let start_tls = format!("url = \"{}\"\nstart_tls = true\n", server.ldap());
        for bare in [format!("url = \"{}\"\n", server.ldaps()), start_tls] {
            let fingerprint = &server.certificate.fingerprint;
            // Nobody vouches for it: refused, and the way out is told.
            wrong.push(look(&bare).exits(13).says("is not trusted").says(fingerprint).says("ca_file"));
            let with_file = format!("{bare}ca_file = \"ca.pem\"\n");
            if kind == Kind::Authority {
                right.push(look(&with_file).success());
            } else {
                wrong.push(look(&with_file).exits(13).says(expect).says("certificate_sha256 = "));
            }
            right.push(look(&format!("{bare}certificate_sha256 = \"{fingerprint}\"\n")).success());
            let other = "ab".repeat(32);
            wrong.push(
                look(&format!("{bare}certificate_sha256 = \"{other}\"\n"))
                    .exits(13)
                    .says("another certificate"),
            );
        }
    }
    assert!(wrong.iter().all(|output| !output.stderr.contains(READER)));
    assert_eq!((wrong.len(), right.len()), (16, 8));
}

#[test]
fn refusals_are_told_apart() {
    let usual = Setup::new(company(5, 1));
    let hiding = format!("access to attrs=entryUUID by * none\n{}", usual.database);
    let setup = usual.database(&hiding);
    let Some(mut server) = Slapd::start(&setup) else { return };
    let mut env = machine(&server);
    let sync = |env: &TestEnv| env.run(&["sync", "job.toml", "--yes"]);
    Job::new(&ldaps(&server)).write(&env);
    let _ = sync(&env).exits(4).says("read entryUUID");
    // Who is not signed in sees nothing at all.
    let mut nobody = Job::new(&ldaps(&server));
    nobody.bind_dn = None;
    nobody.write(&env);
    let _ = sync(&env).exits(12).says("there is no entry `ou=people,dc=example,dc=test`");
    let mut elsewhere = Job::new(&ldaps(&server));
    elsewhere.base_dn = format!("ou=peopel,{SUFFIX}");
    elsewhere.write(&env);
    let _ = sync(&env).exits(12).says("there is no entry `ou=peopel,dc=example,dc=test`");

    Job::new(&ldaps(&server)).write(&env);
    env.set("BIND_PASSWORD", "Wrong~Secret.99");
    let _ = sync(&env).exits(4).says("the name or the password is wrong").hides("Wrong~Secret.99");
    env.set("BIND_PASSWORD", READER);

    // A password in the clear is refused offline, also on this machine and with `allow_insecure`.
    let before = server.searches();
    for more in ["", "allow_insecure = true\n"] {
        Job::new(&format!("url = \"{}\"\n{more}", server.ldap())).write(&env);
        let _ = env
            .run(&["check", "job.toml"])
            .exits(12)
            .says("the bind password would go to")
            .says("start_tls = true");
        let _ = sync(&env).exits(12);
    }
    assert_eq!(server.searches(), before);

    Job::new(&ldaps(&server)).write(&env);
    server.stop();
    let _ = sync(&env).exits(13).says("cannot be reached");
}

#[test]
fn a_recording_needs_neither_server_nor_password() {
    let Some(mut server) = Slapd::start(&Setup::new(company(25, 3))) else { return };
    let env = machine(&server);
    let mut job = Job::new(&format!("{}page_size = 10\n", ldaps(&server)));
    job.fields = "group_membership = \"groups\"".to_owned();
    job.write(&env);
    let live = env.run(&["preview", "job.toml", "--record", "d.recording", "--json"]).success();
    server.stop();
    let text = env.read("d.recording");
    assert!(!text.contains(READER), "{text}");
    job.directory = "recording = \"d.recording\"".to_owned();
    job.write(&env);
    std::fs::remove_file(env.path("ca.pem")).unwrap();
    let mut env = env;
    env.set("BIND_PASSWORD", "");
    let replayed = env.run(&["preview", "job.toml", "--json"]).success();
    assert_eq!(live.changes("create"), replayed.changes("create"));
    // A recording that breaks off is no reading.
    let shorter: Vec<&str> = text.lines().filter(|line| !line.contains("\"page\":3")).collect();
    assert!(shorter.len() < text.lines().count());
    env.write("d.recording", shorter.join("\n"));
    let broken = env.run(&["preview", "job.toml"]);
    assert_ne!(broken.code, Some(0), "{}", broken.stderr);
}

/// A way to a server that hangs up after so many bytes of an answer; `usize::MAX` for never.
fn fragile(target: u16) -> (u16, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (most, passed) = (Arc::new(AtomicUsize::new(usize::MAX)), Arc::new(AtomicUsize::new(0)));
    let (limit, counted) = (most.clone(), passed.clone());
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(mut client) = client else { return };
            let Ok(mut server) = TcpStream::connect(("127.0.0.1", target)) else { return };
            let (mut up, mut down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut up, &mut server));
            let (limit, counted) = (limit.load(Ordering::SeqCst), counted.clone());
            std::thread::spawn(move || {
                let mut left = limit;
                let mut piece = [0; 4096];
                while let Ok(count @ 1..) = down.read(&mut piece) {
                    let count = count.min(left);
                    counted.fetch_add(count, Ordering::SeqCst);
                    left -= count;
                    if client.write_all(&piece[..count]).is_err() || left == 0 {
                        break;
                    }
                }
                let _ = (client.shutdown(Shutdown::Both), down.shutdown(Shutdown::Both));
            });
        }
    });
    (port, most, passed)
}

#[test]
fn a_connection_that_breaks_anywhere_deletes_nobody() {
    let Some(server) = Slapd::start(&Setup::new(company(60, 3))) else { return };
    let mut env = machine(&server);
    let (port, most, passed) = fragile(server.secure);
    let mut job =
        Job::new(&format!("url = \"ldaps://127.0.0.1:{port}\"\nca_file = \"ca.pem\"\npage_size = 7\n"));
    job.fields = "group_membership = \"groups\"".to_owned();
    job.write(&env);
    let _ = env.run(&["sync", "job.toml", "--yes"]).success();
    for leaver in ["u5", "u6"] {
        server.modify(&format!("dn: uid={leaver},ou=people,{SUFFIX}\nchangetype: delete\n\n"));
    }
    passed.store(0, Ordering::SeqCst);
    let _ = env.run(&["sync", "job.toml", "--yes"]).success();
    let whole = passed.load(Ordering::SeqCst);
    // The grace is over: a reading that lacked anybody would delete.
    env.advance(Duration::from_secs(8 * 86_400));
    let mut broken = 0;
    for part in 1..10 {
        most.store(whole * part / 10, Ordering::SeqCst);
        let run = env.run(&["preview", "job.toml", "--json"]);
        if run.code == Some(13) {
            broken += 1;
            assert_eq!(run.changes("delete").len(), 0);
        } else {
            // It broke between two searches, and the next one opened a connection anew.
            assert_eq!(run.success().changes("delete").len(), 2);
        }
    }
    assert!(broken >= 5, "{broken} of 9 were broken");
    most.store(usize::MAX, Ordering::SeqCst);
    let run = env.run(&["sync", "job.toml", "--yes", "--json"]).success();
    assert_eq!((run.figure("delete"), run.figure("unchanged")), (2, 58));
}
