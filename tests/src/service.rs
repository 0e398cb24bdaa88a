//! `serve` as a process: its clock, what it answers over HTTP, what it prints, and signals.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::TestEnv;

/// How long something may take that takes a second or two on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A `serve` that runs; it is stopped when this is dropped.
#[derive(Debug)]
pub struct Service {
    child: Child,
    address: String,
    /// Takes what it prints behind its first line, so that it never waits for somebody to.
    printed: Option<JoinHandle<String>>,
    log: std::path::PathBuf,
}

impl Service {
    /// Starts it on a clock that begins at `now` and runs at a speed.
    pub fn start(env: &TestEnv, now: &str, arguments: &[&str]) -> Self {
        let log = env.path("serve.log");
        let all = [&["serve", "--json", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut child = env
            .command(&all)
            .env("ROLLCALL_NOW", now)
            .stdout(Stdio::piped())
            .stderr(std::fs::File::options().create(true).append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        let json: Value = serde_json::from_str(&first)
            .unwrap_or_else(|error| panic!("{error}: {first} {}", std::fs::read_to_string(&log).unwrap()));
        let address = json["address"].as_str().unwrap().to_owned();
        let printed = std::thread::spawn(move || {
            let mut rest = String::new();
            stdout.read_to_string(&mut rest).unwrap();
            rest
        });
        Self { child, address, printed: Some(printed), log }
    }

    /// Gives the number of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks for a path and gives status and body.
    pub fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// Gives a figure of the metrics; 0 where it is not there yet.
    pub fn figure(&self, line: &str) -> f64 {
        let (status, body) = self.get("/metrics");
        assert_eq!(status, 200);
        let value = body.lines().find_map(|known| known.strip_prefix(line)?.trim().parse().ok());
        value.unwrap_or(0.0)
    }

    /// Gives how many runs of a job have ended with a code.
    pub fn runs(&self, job: &str, exit: u8) -> u32 {
        self.figure(&format!("rollcall_runs_total{{job=\"{job}\",exit=\"{exit}\"}}")) as u32
    }

    /// Gives what it has said on standard error.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until something holds.
    pub fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < PATIENCE, "{what}: never\n{}\n{}", self.log(), self.get("/metrics").1);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Ends it with a signal; gives the exit code and the rest of its output.
    pub fn end(mut self, name: &str) -> (Option<i32>, String) {
        self.signal(name);
        let rest = self.printed.take().unwrap().join().unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
