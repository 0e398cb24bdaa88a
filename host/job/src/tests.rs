//! Whole job files and what is said of them: `line:col code message`, one mistake a line.

use std::io;
use std::path::Path;

use expect_test::{Expect, expect};
use rollcall_core::diag::line_and_column;
use rollcall_core::memory::MatchedBy;
use rollcall_core::policy::{Adopt, Limit, OnUpdate, WhenEmpty};
use rollcall_core::{Diagnostic, Field, Place, codes};

use crate::job::{CredentialSource, Job, PhoneSystem};
use crate::load::read_with;

const GOOD: &str = r#"
name = "TeamsUsers"
[directory]
connector = "entra"
[directory.settings]
tenant_id = "t"
client_id = "c"
[directory.credentials]
client_secret = { env = "SECRET", expires = 2027-05-01 }
[phone_system]
kind = "embedded"
path = "office.db"
[fields]
user_identification = "id"
name = "names::phone_name(user)"
"#;

fn job_of(files: &[(&str, &str)]) -> (Option<Job>, Vec<Diagnostic>) {
    let (first, _) = files[0];
    read_with(Path::new(first), &|path| {
        let found = files.iter().find(|(name, _)| Path::new(name) == path);
        found.map(|(_, text)| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into())
    })
}

fn rendered(problems: &[Diagnostic]) -> String {
    let mut out = String::new();
    for problem in problems {
        let place = match &problem.place {
            Place::Span { file, source, bytes } => {
                let (line, column) = line_and_column(source, bytes.start);
                let file = if &**file == "jobs/job.toml" { String::new() } else { format!("{file}:") };
                format!("{file}{line}:{column} ")
            }
            Place::Path(_) | Place::Nowhere => String::new(),
        };
        let hint = problem.hint.as_deref().unwrap_or("NO HINT");
        out.push_str(&format!("{place}{} {}\n    {hint}\n", problem.code.0, problem.message));
    }
    out
}

fn check(toml: &str, expect: Expect) {
    expect.assert_eq(&rendered(&job_of(&[("jobs/job.toml", toml)]).1));
}

/// What is wrong with a good job that has some lines more.
fn check_more(lines: &str, expect: Expect) {
    check(&format!("{}{lines}", GOOD.trim_start()), expect);
}

fn good(more: &str) -> Job {
    let (job, problems) = job_of(&[("jobs/job.toml", &format!("{GOOD}{more}"))]);
    assert_eq!(rendered(&problems), "");
    job.unwrap()
}

#[test]
fn a_good_job() {
    let job = good(
        r#"
extension = { value = "numbers::last_digits(businessPhones, 4)", on_update = "once" }
email = "mail"
login_code = '"1234"'
[rules]
files = ["provisioning.rhai"]
when_no_rule = "skip"
[numbers]
reserved = ["2000", "2500-2510"]
twinning_countries = ["gb"]
[synchronize]
new = true
[leavers]
grace = "0s"
protect = 'phone.name.starts_with("Ops")'
disabled = "leaver"
[guard]
max_delete = "5%"
max_create = 500
"#,
    );
    assert_eq!(
        (&*job.name, &*job.directories[0].name, &*job.directories[0].connector),
        ("TeamsUsers", "entra", "entra")
    );
    assert_eq!(job.rule_files, [Path::new("jobs/provisioning.rhai")]);
    assert!(
        matches!(&job.phone_system, PhoneSystem::Embedded { path } if path == Path::new("jobs/office.db"))
    );
    let secret = &job.directories[0].credentials["client_secret"];
    assert_eq!(secret.source, CredentialSource::Env("SECRET".into()));
    assert_eq!(secret.expires.as_deref(), Some("2027-05-01"));
    assert_eq!(job.policy.fields[&Field::Extension].on_update, OnUpdate::Once);
    assert_eq!(job.policy.fields[&Field::Extension].when_empty, WhenEmpty::Keep);
    assert_eq!(job.policy.limits.max_delete, Limit::Percent(5.0));
    assert_eq!(job.policy.limits.max_create, Some(Limit::Count(500)));
    assert_eq!((job.policy.new, job.policy.update, job.policy.delete), (true, false, false));
    assert_eq!((job.leavers.grace_ms, job.leavers.quarantine_ms), (0, 7_776_000_000));
    assert!(job.policy.reserved.contains("2505"));
    assert_eq!(&*job.twinning_countries[0], "GB");
    let keys: Vec<&str> = job.directories[0].settings.keys().map(String::as_str).collect();
    assert_eq!(keys, ["tenant_id", "client_id"], "settings stay in the order of the file");
}

#[test]
fn a_real_ip_office() {
    let colons = vec!["AB"; 32].join(":");
    let job = format!(
        r#"
name = "T"
directory.connector = "./hr.wasm"
[phone_system]
kind = "ip-office"
address = "192.0.2.10"
username = "rollcall"
certificate_sha256 = "{colons}"
credentials.password = {{ command = ["./pass", "office"] }}
templates = ["J179.xml"]
[fields]
user_identification = "id"
name = "x"
"#
    );
    let (job, problems) = job_of(&[("jobs/job.toml", &job)]);
    assert_eq!(rendered(&problems), "");
    let job = job.unwrap();
    let PhoneSystem::IpOffice(office) = &job.phone_system else { panic!("{job:?}") };
    assert_eq!((office.port, office.settle_ms, office.timeout_ms, office.at_once), (7070, 120_000, None, 1));
    assert_eq!(office.certificate_sha256.as_deref(), Some("ab".repeat(32).as_str()));
    assert_eq!(
        office.password.source,
        CredentialSource::Command(vec!["jobs/./pass".into(), "office".into()])
    );
    assert_eq!((&*job.directories[0].name, &*job.directories[0].connector), ("hr", "jobs/./hr.wasm"));
}

#[test]
fn six_mistakes_are_six() {
    check(
        r#"nam = "TeamsUsers"
[directory]
connector = "entra"
[phone_system]
kind = "embeded"
[fields]
user_identification = "id"
name = 7
login_code = { value = "x", on_update = "always" }
[leavers]
grace = "soon"
"#,
        expect![[r#"
            1:1 E0102 unknown key `nam`
                did you mean `name`?
            1:1 E0103 `name` is missing
                write `name = "TeamsUsers"` at the top; the name identifies the job
            5:8 E0104 `phone_system.kind` cannot be `embeded`
                did you mean `embedded`?
            8:8 E0104 `fields.name` takes text, not a whole number
                a value is an expression in quotes, and a number for all is '"1234"'
            9:41 E0108 `login_code` is never updated: it is written for new users only
                take `on_update` out; it is for `name`, `full_name`, `email`, `extension`, `mobile_twinning_number` and `group_membership`
            11:9 E0104 `leavers.grace` is `soon`: no duration
                write a duration such as `7d`, `12h`, `30m` or `90s`
        "#]],
    );
}

#[test]
fn an_empty_job() {
    check(
        "",
        expect![[r#"
        1:1 E0103 `name` is missing
            write `name = "TeamsUsers"` at the top; the name identifies the job
        1:1 E0103 `directory` is missing
            write `[directory]` with `connector = "entra"` or another connector
        1:1 E0103 `phone_system` is missing
            write `[phone_system]` with `kind = "embedded"` and `path = "office.db"`
        1:1 E0103 `fields.user_identification` is missing
            write the attribute that identifies a user: `user_identification = "id"`
        1:1 E0103 `fields.name` is missing
            write `name = "names::phone_name(user)"`
    "#]],
    );
}

#[test]
fn what_is_no_toml() {
    check(
        "name = \"T\nname = 3\n[directory]\nconector = \"x\"\nclient_secret = \"hunter2\n",
        expect![[r#"
            1:10 E0101 this is no TOML: invalid basic string, expected `"`
                TOML writes `key = "text"` under a `[table]`, and each key once
            2:1 E0101 this is no TOML: duplicate key
                TOML writes `key = "text"` under a `[table]`, and each key once
            4:1 E0102 unknown key `conector` in `directory`
                did you mean `connector`?
            5:25 E0101 this is no TOML: invalid basic string, expected `"`
                TOML writes `key = "text"` under a `[table]`, and each key once
        "#]],
    );
}

#[test]
fn adoption() {
    let adopt = |more: &str| good(more).policy.adopt;
    assert_eq!(adopt(""), None);
    let only_names = Adopt { by: vec![MatchedBy::Name], ..Adopt::default() };
    assert_eq!(adopt("[adopt]\n"), Some(only_names), "what is not mapped cannot match");
    assert_eq!(adopt("email = \"mail\"\nextension = \"ext\"\n[adopt]\n"), Some(Adopt::default()));
    let own = adopt(
        "email = \"mail\"\n[adopt]\nby = [\"name\", \"email\"]\nkeep = [\"email\"]\nunattended = true\n",
    );
    let by = vec![MatchedBy::Name, MatchedBy::Email];
    assert_eq!(own, Some(Adopt { by, keep: [Field::Email].into(), unattended: true }));
    let nothing = adopt("[adopt]\nkeep = []\n").unwrap();
    assert!(nothing.keep.is_empty());
    check_more(
        "[adopt]\nby = [\"mail\", \"email\", \"name\", \"name\"]\nkeep = [\"login_code\", \"nme\"]\nunattended = \"no\"\nmatch = 1\n",
        expect![[r#"
            16:7 E0104 `adopt.by` cannot name `mail`
                did you mean `email`?
            16:15 E0104 `adopt.by` names `email`, and `[fields]` does not map it
                map `email` under [fields], or take it out here
            16:32 E0104 `adopt.by` names `name` twice
                name it once
            17:9 E0104 `adopt.keep` cannot name `login_code`
                it takes `name`, `full_name`, `email`, `extension`, `mobile_twinning_number` or `group_membership`
            17:23 E0104 `adopt.keep` cannot name `nme`
                did you mean `name`?
            18:14 E0104 `adopt.unattended` takes true or false, not text
                write `unattended = true` or `unattended = false`
            19:1 E0102 unknown key `match` in `adopt`
                there is `by`, `keep` or `unattended`
        "#]],
    );
    check_more(
        "[adopt]\nby = []\nkeep = \"name\"\n",
        expect![[r#"
        16:6 E0104 `adopt.by` is empty
            name one of `email`, `extension` and `name`, or take the table out
        17:8 E0104 `adopt.keep` takes a list of texts, not text
            write `keep = ["…"]`
    "#]],
    );
}

#[test]
fn values_out_of_their_bounds() {
    check_more(
        r#"email = { value = "", on_update = "sometimes", when = 1 }
extension = { on_update = "once" }
user_provisioning_rule = { value = "x", when_empty = "keep" }
full_name = { random = 4 }
[numbers]
reserved = [2000, "25-2510"]
twinning_countries = ["Britain"]
[synchronize]
new = "yes"
[guard]
max_delete = "five"
max_create = -1
min_directory = "120%"
[directory.grants]
http = ["hr.example", "post https://hr.example"]
addresses = ["10.1.0"]
[directory.limits]
pages = 0
[directory.network]
proxy = "proxy:3128"
"#,
        expect![[r#"
            15:19 E0104 `fields.email` is empty
                write an expression, or leave the field out
            15:35 E0104 `fields.email.on_update` cannot be `sometimes`
                it takes `always`, `once` or `never`
            15:48 E0102 unknown key `when` in `fields.email`
                there is `value`, `on_update`, `when_empty` or `random`
            16:1 E0103 `fields.extension.value` is missing
                write the expression: `value = "…"`
            17:54 E0108 `user_provisioning_rule` is never updated: it is written for new users only
                take `when_empty` out; it is for `name`, `full_name`, `email`, `extension`, `mobile_twinning_number` and `group_membership`
            18:15 E0108 `fields.full_name` cannot be random, only a code can
                write an expression
            20:13 E0104 `numbers.reserved` takes text, not a whole number
                put it in quotes
            20:19 E0104 `25-2510` cannot be reserved: the two ends of a range need equally many digits
                write `"2000"` or `"2500-2510"`
            21:23 E0104 `Britain` is no country code of two letters
                write the ISO 3166 code, such as `"GB"`
            23:7 E0104 `synchronize.new` takes true or false, not text
                write `new = true` or `new = false`
            25:14 E0104 `guard.max_delete` is `five`: no share
                write a number, `42`, or a share, `"5%"`
            26:14 E0104 `guard.max_create` cannot be `-1`
                write a number, `42`, or a share, `"5%"`
            27:17 E0104 `guard.min_directory` is more than the last reading had
                write at most `100%`
            29:9 E0104 `hr.example` is no grant: relative URL without a base
                write `https://host[:port][/path]`, with a method in front where it is not GET or HEAD
            29:23 E0104 `post https://hr.example` is no grant: the method is written in capitals
                write `https://host[:port][/path]`, with a method in front where it is not GET or HEAD
            30:14 E0104 `10.1.0` is no network: no address
                write a network as `10.1.0.0/16`, or an address as `10.0.0.5`
            32:9 E0104 the limit `pages` is out of range
                write a number above 0
            34:9 E0104 `directory.network.proxy` is `proxy:3128`: no proxy
                write `http://host:port`
        "#]],
    );
}

#[test]
fn an_ip_office_without_its_keys() {
    check(
        r#"name = "T"
directory.connector = "csv"
[phone_system]
kind = "ip-office"
path = "office.db"
address = "https://192.0.2.10:7070"
port = 70700
certificate_sha256 = "ab"
at_once = 9
[fields]
user_identification = "id"
name = "x"
"#,
        expect![[r#"
            3:2 E0103 `phone_system.username` is missing
                write the name of the service user
            3:2 E0103 `phone_system.credentials.password` is missing
                write `credentials.password = { env = "IPOFFICE_PASSWORD" }`
            5:1 E0104 `phone_system.path` belongs to `kind = "embedded"`
                take it out
            6:11 E0104 `phone_system.address` is `https://192.0.2.10:7070`: it is a host name or an address alone
                write the host name or address of the primary alone; the port goes under `port`
            7:8 E0104 `phone_system.port` cannot be `70700`
                write a number from 1 to 65535
            8:22 E0104 `phone_system.certificate_sha256` is `ab`: a SHA-256 fingerprint has 64 hexadecimal digits
                write the fingerprint that `rollcall test-connection` prints
            9:11 E0104 `phone_system.at_once` cannot be `9`
                write a number from 1 to 8
        "#]],
    );
}

#[test]
fn credentials_where_they_should_not_be() {
    let toml = r#"name = "T"
[directory]
connector = "entra"
[directory.settings]
client_secret = "hunter2"
url = "https://anna:hunter2@dir.example/x"
token = { env = "TOKEN" }
[directory.settings.private_key]
pem = "hunter2"
[directory.credentials]
client_secret = "hunter2"
other = { env = "A", file = "b", value = "hunter2" }
third = {}
[phone_system]
kind = "ip-office"
address = "pbx"
username = "u"
password = "hunter2"
[fields]
user_identification = "id"
name = "x"
"#;
    check(
        toml,
        expect![[r#"
        5:1 E0106 `directory.settings.client_secret` is a credential, and none stands outside `credentials`
            write it under [directory.credentials]: `client_secret = { env = "CLIENT_SECRET" }`
        6:7 E0106 the URL in `directory.settings.url` carries user information
            leave out what stands in front of the `@`; credentials go under [directory.credentials]
        7:1 E0106 `directory.settings.token` is a credential, and none stands outside `credentials`
            write it under [directory.credentials]: `token = { env = "TOKEN" }`
        8:21 E0106 `directory.settings.private_key` is a credential, and none stands outside `credentials`
            write it under [directory.credentials]: `private_key = { env = "PRIVATE_KEY" }`
        11:1 E0106 `directory.credentials.client_secret` takes a reference, never the credential itself
            write `client_secret = { env = "CLIENT_SECRET" }`, and give this credential up: it was in a file
        12:1 E0104 `directory.credentials.other` names several places: env, file
            write exactly one of `env`, `file`, `command`, `systemd` or `keyring`
        12:34 E0102 unknown key `value` in `directory.credentials.other`
            a reference has one of `env`, `file`, `command`, `systemd` or `keyring`
        13:1 E0104 `directory.credentials.third` does not say where the credential is
            write exactly one of `env`, `file`, `command`, `systemd` or `keyring`
        18:1 E0106 `phone_system.password` is a credential, and none stands outside `credentials`
            write it under [phone_system.credentials]: `password = { env = "PASSWORD" }`
    "#]],
    );
    let (job, problems) = job_of(&[("jobs/job.toml", toml)]);
    let mut job = job.unwrap();
    // What was asked for stays in the settings; the rest of a refused job shows nothing.
    job.directories[0].settings.clear();
    assert!(!format!("{job:?} {problems:?}").contains("hunter2"));
}

#[test]
fn included_files() {
    let main = "include = [\"office/phone.toml\", \"none.toml\"]\nname = \"T\"\ndirectory.connector = \"csv\"\n\
                [fields]\nuser_identification = \"id\"\nname = \"x\"\n";
    let phone = "name = \"U\"\n[phone_system]\npath = \"office.db\"\n[rules]\nfiles = [\"r.rhai\"]\n";
    let (job, problems) = job_of(&[("jobs/job.toml", main), ("jobs/office/phone.toml", phone)]);
    expect![[r#"
        1:33 E0100 `jobs/none.toml` cannot be read: there is no such file
            a path is relative to the file that it stands in
        jobs/office/phone.toml:1:1 E0105 `name` stands in `jobs/job.toml`, line 2 too
            keep one of the two
    "#]]
    .assert_eq(&rendered(&problems));
    let job = job.unwrap();
    assert_eq!(job.rule_files, [Path::new("jobs/office/r.rhai")]);
    assert!(
        matches!(&job.phone_system, PhoneSystem::Embedded { path } if path == Path::new("jobs/office/office.db"))
    );
}

#[test]
fn a_missing_file() {
    let (job, problems) = job_of(&[("jobs/job.toml", "")]);
    assert!(job.is_some() && !problems.is_empty());
    let (job, problems) = read_with(Path::new("jobs/job.toml"), &|_| Err(io::ErrorKind::NotFound.into()));
    assert!(job.is_none());
    expect![[r#"
        E0100 the job file `jobs/job.toml` cannot be read: there is no such file
            name the job file, or make one with `rollcall init`
    "#]]
    .assert_eq(&rendered(&problems));
}

#[test]
fn a_list_of_people_for_a_job() {
    let (job, problems) = job_of(&[("people.CSV", "id,name\n1,Ann\n")]);
    assert!(job.is_none());
    expect![[r#"
        E0100 `people.CSV` is no job file
            give the job that reads it, with `path = "people.CSV"` under [directory.settings]; `rollcall init DIR --from csv` makes one
    "#]]
    .assert_eq(&rendered(&problems));
}

#[test]
fn places_of_keys_and_expressions() {
    let job = good("email = '''\nmail'''\nfull_name = \"a + \\\"b\\\"\"\n");
    let text = |place: Option<Place>| match place {
        Some(Place::Span { source, bytes, .. }) => source[bytes].to_owned(),
        other => format!("{other:?}"),
    };
    assert_eq!(text(job.place(&["directory", "settings", "tenant_id"])), "\"t\"");
    assert_eq!(text(job.place(&["directory", "settings", "group_id"])), "settings");
    assert_eq!(text(job.place(&["nothing"])), "None");
    let found = job.resolve(Diagnostic::error(codes::SETTING_INVALID, "x").path(&["phone_system", "path"]));
    assert_eq!(text(Some(found.place)), "\"office.db\"");
    let shown: Vec<(String, bool)> = job
        .fields
        .iter()
        .map(|map| {
            let origin = map.origin.as_ref().unwrap();
            (origin.source[origin.bytes.clone()].to_owned(), origin.verbatim)
        })
        .collect();
    let expect = [("id", true), ("names::phone_name(user)", true), ("a + \\\"b\\\"", false), ("mail", true)];
    assert_eq!(shown, expect.map(|(text, verbatim)| (text.to_owned(), verbatim)));
}

#[path = "directory_tests.rs"]
mod directories;

#[path = "handover_tests.rs"]
mod handover;
#[path = "schedule_tests.rs"]
mod schedule;
