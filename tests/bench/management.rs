//! A phone system that takes its time for every call: how near rollcall comes to what the calls alone take.

use rollcall_tests::scene::OFFICE;

use crate::Wanted;
use crate::process::{SYNC, cpu, machine, rollcall};
use crate::serving::{Served, passwords};
use crate::table::Table;

/// How long the phone system takes for every call, in milliseconds.
const LATENCY_MS: usize = 20;

/// How many calls it takes at once.
const AT_ONCE: usize = 8;

pub(crate) fn measure(wanted: &Wanted, table: &mut Table) {
    if !wanted.wants("management") {
        return;
    }
    let changes = wanted.users / 10;
    let mut env = machine();
    passwords(&mut env);
    env.write("office.toml", OFFICE);
    let _ = env.run(&["office", "init", "office.db", "--from", "office.toml"]).success();
    let rows: String = (0..changes).map(|n| format!("{n},Person {n:05},person{n}@corp.example\n")).collect();
    env.write("people.csv", format!("id,name,mail\n{rows}"));
    env.write("templates.toml", "");
    let served = Served::start(&env.path("office.db"), &[&format!("latency={LATENCY_MS}")]);
    let job = format!(
        "name = \"Served\"\n[directory]\nconnector = \"csv\"\n[directory.settings]\npath = \"people.csv\"\n\
         [phone_system]\n{}\nat_once = {AT_ONCE}\n[fields]\nuser_identification = \"id\"\nname = \"name\"\n\
         full_name = \"name\"\nemail = \"mail\"\n[synchronize]\nnew = true\nupdate = true\n",
        served.told().phone_system("5s")
    );
    env.write("job.toml", job);
    let before = cpu("self", false);
    let (used, report) = rollcall(env.command(&SYNC).env_remove("ROLLCALL_NOW"));
    let served_in = cpu("self", false) - before;
    let calls = served.calls();
    let waiting = (calls * LATENCY_MS) as f64 / AT_ONCE as f64 / 1e3;
    let more = format!(
        "{} applied, {calls} calls: {:.2} x what they wait, {AT_ONCE} at once; the simulator's own work takes {:.1} s",
        report["summary"]["applied"],
        used.wall.as_secs_f64() / waiting,
        served_in.as_secs_f64(),
    );
    table.row(&format!("management: {changes} creates, {LATENCY_MS} ms a call"), used, None, &more);
}
