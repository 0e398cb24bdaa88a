//! A directory that takes its time: how much rollcall adds to the waiting for its pages.

use rollcall_tests::scene::{Job, Scene};

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
    let waited = scene.graph.world().journal.entries.len() as u64 * LATENCY_MS;
    let pull = report["durations_ms"]["pull"].as_u64().unwrap_or_default();
    let ratio = pull as f64 / waited.max(1) as f64;
    let more = format!("pull {pull} ms, of which the answers wait {waited} ms: {ratio:.2} x");
    table.row(&format!("graph: everything read, {LATENCY_MS} ms an answer"), used, None, &more);
}
