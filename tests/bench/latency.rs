//! A directory that takes its time: how much rollcall adds to the waiting for its pages.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rollcall_tests::scene::{Job, Scene};
use rollcall_tests::web::Entry;

use crate::Wanted;
use crate::process::{SYNC, machine, rollcall};
use crate::table::Table;

/// How long the directory takes for every answer, in milliseconds.
const LATENCY_MS: u64 = 150;

pub(crate) fn measure(wanted: &Wanted, table: &mut Table) {
    if !wanted.wants("graph") {
        return;
    }
    let scene = Scene::new(machine(), wanted.users);
    scene.graph.world().config.latency_ms = LATENCY_MS;
    scene.job(&Job::default());
    let command = &mut scene.env.command(&SYNC);
    let (used, report) = rollcall(command.env_remove("ROLLCALL_NOW"));
    let asked: Vec<Entry> = scene.graph.world().journal.entries.clone();
    let waited = Duration::from_millis(asked.len() as u64 * LATENCY_MS);
    let pull = Duration::from_millis(report["durations_ms"]["pull"].as_u64().unwrap_or_default());
    let bare = asked_again(scene.graph.address(), &asked);
    let times = |what: Duration| pull.as_secs_f64() / what.as_secs_f64().max(0.001);
    let more = format!(
        "pull {} ms: {:.2} x what the {} answers wait, {:.2} x the same requests by themselves",
        pull.as_millis(),
        times(waited),
        asked.len(),
        times(bare),
    );
    table.row(&format!("graph: everything read, {LATENCY_MS} ms an answer"), used, None, &more);
}

/// Sends the same requests one after the other, looks at no answer, and tells how long that took.
fn asked_again(simulator: SocketAddr, asked: &[Entry]) -> Duration {
    let begun = Instant::now();
    for Entry { method, path, query, headers, body, .. } in asked {
        let mut stream = TcpStream::connect(simulator).unwrap();
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        let kept = headers.iter().filter(|(name, _)| !matches!(&**name, "connection" | "content-length"));
        let headers: String = kept.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        write!(stream, "{method} {path}{query} HTTP/1.1\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}")
            .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(
            answer.starts_with(b"HTTP/1.1 200"),
            "{}",
            String::from_utf8_lossy(&answer[..answer.len().min(300)])
        );
    }
    begun.elapsed()
}
