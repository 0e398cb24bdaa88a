//! Users from a CSV file, connector in the sandbox: ten fields, four of them transforms, and provisioning rules.

use std::fmt::Write as _;

use rollcall_tests::harness::TestEnv;
use rollcall_tests::scene::OFFICE;

use crate::Wanted;
use crate::floor::floor;
use crate::process::{SYNC, Used, machine, rollcall};
use crate::table::Table;

const JOB: &str = r#"
name = "File"
[directory]
connector = "csv"
[directory.settings]
path = "people.csv"
[phone_system]
kind = "embedded"
path = "office.db"
[fields]
user_identification = "id"
name = "names::phone_name(user)"
full_name = "displayName"
email = "mail"
extension = "numbers::extension(phone)"
mobile_twinning_number = "numbers::e164(mobile, country)"
login_code = "code"
voicemail_code = "code"
group_membership = "[department]"
system = "site"
[rules]
files = ["provisioning.rhai"]
[synchronize]
new = true
update = true
delete = true
"#;

const RULES: &str = r#"
rule("Sales", #{ when: |user| user.department == "Sales", user_template: "Sales", extension_type: "SIP" });
rule("Marketing", #{ when: |user| user.department == "Marketing", extension_type: "SIP" });
rule("Others", #{ extension_type: "SIP" });
"#;

/// Writes so many people; `changed` of them have another name than usual.
pub(crate) fn people(env: &TestEnv, users: usize, changed: usize) {
    let mut text =
        "id,displayName,givenName,surname,mail,phone,mobile,country,department,site,code\n".to_owned();
    for n in 0..users {
        let given = if n < changed { "Other" } else { ["Ann", "Bob", "Cleo", "Dag", "Eva"][n % 5] };
        let department = ["Sales", "Marketing", "Engineering", "Legal"][n % 4];
        let site = ["London", "Leeds"][n % 2];
        let _ = writeln!(
            text,
            "u{n},{given} {n:07},{given},{n:07},u{n}@contoso.example,+44 20 7946 0000 x{number},020 7946 {last:04},GB,{department},{site},{code:05}",
            number = 2_000_000 + n,
            last = n % 10_000,
            code = 13_579 + n % 80_000,
        );
    }
    env.write("people.csv", text);
}

/// Makes a machine with so many people and an empty office.
fn company(users: usize) -> TestEnv {
    let env = machine();
    env.write("office.toml", OFFICE);
    let _ = env.run(&["office", "init", "office.db", "--from", "office.toml"]).success();
    env.write("job.toml", JOB);
    env.write("provisioning.rhai", RULES);
    people(&env, users, 0);
    env
}

/// Syncs by the machine's own clock, so that the steps of the run are timed.
fn sync(env: &TestEnv) -> (Used, serde_json::Value) {
    rollcall(env.command(&SYNC).env_remove("ROLLCALL_NOW"))
}

pub(crate) fn measure(wanted: &Wanted, table: &mut Table) {
    if wanted.wants("check") {
        let env = company(10);
        let cold = tempfile::tempdir().unwrap();
        let mut check = env.command(&["check", "job.toml", "--json"]);
        let (used, _) = rollcall(check.env("XDG_CACHE_HOME", cold.path()));
        table.row("check, its connector not compiled yet", used, None, "");
        table.row("check", rollcall(&mut check).0, None, "");
    }
    if !wanted.wants("csv") {
        return;
    }
    let env = company(wanted.users);
    let rows = floor(&["rows", env.path("floor.db").to_str().unwrap(), &wanted.users.to_string()]);
    let read = floor(&["map", env.path("people.csv").to_str().unwrap()]);
    let applied = |report: &serde_json::Value| format!("{} applied", report["summary"]["applied"]);
    let (used, report) = sync(&env);
    table.row("csv: first sync, everybody is made", used, Some(rows), &(applied(&report) + &steps(&report)));
    let (used, report) = sync(&env);
    table.row("csv: no change, everybody mapped and planned", used, Some(read), &steps(&report));
    let (used, report) = sync(&env);
    table.row("csv: no change, known from the run before", used, Some(read), &steps(&report));
    let whole = used;
    people(&env, wanted.users, 50);
    let (used, report) = sync(&env);
    table.row("csv: 50 changes", used, Some(read), &(applied(&report) + &steps(&report)));
    let few = wanted.users / 10;
    let env = company(few);
    let _ = (sync(&env), sync(&env));
    let (used, _) = sync(&env);
    let grows = whole.cpu.as_secs_f64() / used.cpu.as_secs_f64().max(0.01);
    let name = format!("csv: no change, known from the run before, {few} users");
    table.row(&name, used, None, &format!("ten times as many take {grows:.1} x as long"));
}

/// Says how long the steps of a run took.
fn steps(report: &serde_json::Value) -> String {
    let step = |name: &str| report["durations_ms"][name].as_u64().unwrap_or_default();
    let (pull, map, read, plan, apply) =
        (step("pull"), step("map"), step("read"), step("plan"), step("apply"));
    format!(" (ms: pull {pull}, map {map}, read {read}, plan {plan}, apply {apply})")
}
