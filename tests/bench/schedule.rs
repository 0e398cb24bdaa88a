//! Many small jobs in one `serve`, each with a phone system of its own, on a clock that runs sixty times as fast.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use rollcall_tests::harness::TestEnv;

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
    let mut service = Service::start(&env);
    // The first run of each makes its users, the second makes sure; from the third on there is nothing new.
    service.wait_for(2 * jobs);
    let before = service.used();
    service.wait_for(3 * jobs);
    let after = service.used();
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

struct Service {
    child: Child,
    address: String,
    begun: std::time::Instant,
}

impl Service {
    fn start(env: &TestEnv) -> Self {
        let begun = std::time::Instant::now();
        let mut child = env
            .command(&["serve", "--json", "--listen", "127.0.0.1:0", "."])
            .env("ROLLCALL_NOW", "2026-12-01T07:59:30Z+60x")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        let told: serde_json::Value = serde_json::from_str(&first).expect("serve did not begin");
        let address = told["address"].as_str().unwrap().to_owned();
        // A line for each run is printed, and somebody has to take it.
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        Self { child, address, begun }
    }

    /// Counts the runs that ended well.
    fn runs(&self) -> usize {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let counts = answer.lines().filter(|line| line.starts_with("rollcall_runs_total"));
        counts.filter_map(|line| line.split(' ').next_back()?.parse::<usize>().ok()).sum()
    }

    fn wait_for(&mut self, runs: usize) {
        while self.runs() < runs {
            assert!(self.child.try_wait().unwrap().is_none(), "serve has ended");
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Gives what the process has used so far.
    fn used(&self) -> Used {
        let process = self.child.id().to_string();
        Used { wall: self.begun.elapsed(), cpu: cpu(&process, false), memory: peak(&process).unwrap() }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
