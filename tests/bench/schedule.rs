//! Many small jobs in one `serve`, each with a phone system of its own, on a clock that runs sixty times as fast.

use std::time::{Duration, Instant};

use rollcall_tests::harness::TestEnv;
use rollcall_tests::service::Service;

use crate::Wanted;
use crate::process::{Used, cpu, machine, peak};
use crate::table::Table;

/// How many people a job has.
const PEOPLE: usize = 200;

pub(crate) fn measure(wanted: &Wanted, table: &mut Table) {
    if !wanted.wants("serve") {
        return;
    }
    let jobs = (wanted.users / 100).max(1);
    let env = machine();
    (0..jobs).for_each(|n| job(&env, n));
    let begun = Instant::now();
    let service = Service::start(&env, "2026-12-01T07:59:30Z+60x", &["."]);
    // The first run of each makes its users, the second makes sure; from the third on there is nothing new.
    wait_for(&service, 2 * jobs);
    let before = used(&service, begun);
    wait_for(&service, 3 * jobs);
    let after = used(&service, begun);
    let cpu = after.cpu.saturating_sub(before.cpu);
    let used = Used { wall: after.wall.saturating_sub(before.wall), cpu, memory: after.memory };
    let share = cpu.as_secs_f64() / 3_600.0 * 100.0;
    let more = format!("{share:.2} % of a core where each runs once an hour");
    table.row(&format!("serve: {jobs} jobs of {PEOPLE} users, no change"), used, None, &more);
}

/// Writes a job whose minute of the hour is its own.
fn job(env: &TestEnv, n: usize) {
    let rows: String =
        (0..PEOPLE).map(|at| format!("P{at},Person {at:03} {n},person{at}@x.example\n")).collect();
    env.write(&format!("{n}.csv"), format!("id,name,email\n{rows}"));
    let text = format!(
        "name = \"Job{n}\"\n[directory]\nconnector = \"csv\"\n[directory.settings]\npath = \"{n}.csv\"\n\
         [phone_system]\nkind = \"embedded\"\npath = \"{n}.db\"\n[fields]\nuser_identification = \"id\"\n\
         name = \"name\"\nemail = \"email\"\n[synchronize]\nnew = true\nupdate = true\n\
         [schedule]\ncron = \"{} * * * *\"\n",
        n % 60
    );
    env.write(&format!("{n}.toml"), text);
}

/// Waits until so many runs have ended.
fn wait_for(service: &Service, runs: usize) {
    let ended = || -> usize {
        let (_, metrics) = service.get("/metrics");
        let counts = metrics.lines().filter(|line| line.starts_with("rollcall_runs_total"));
        counts.filter_map(|line| line.split(' ').next_back()?.parse::<usize>().ok()).sum()
    };
    while ended() < runs {
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Gives what the service has used since it began.
fn used(service: &Service, begun: Instant) -> Used {
    let process = service.id().to_string();
    Used { wall: begun.elapsed(), cpu: cpu(&process, false), memory: peak(&process).unwrap() }
}
