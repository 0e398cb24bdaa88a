//! A sync that came to no plan: it is told like any failure, and noted in the history, so that a night that failed is
//! seen there.

use rollcall_edges::clock::Instant;
use rollcall_state::Planless;

use crate::exit;
use crate::failure::Failure;
use crate::view::json;
use crate::wiring::Session;

/// The exit codes that are noted: an end that refused or could not be read to its end, and a job that does not fit it. Not
/// that somebody mistyped a name, interrupted it, or that another run was at work: that one is in the history itself.
const NOTED: [u8; 5] = [exit::DENIED, exit::REFUSED, exit::INVALID, exit::DIRECTORY, exit::OFFICE];

/// Notes a sync that came to no plan.
pub(crate) async fn note(session: &Session, started: Instant, failure: &Failure) {
    if !NOTED.contains(&failure.exit) {
        return;
    }
    let job = &session.job;
    let file = std::path::absolute(&job.file).unwrap_or_else(|_| job.file.clone());
    let run = Planless {
        job: &job.name,
        file: &file.to_string_lossy(),
        kind: "sync",
        started,
        ended: session.clock.now(),
        exit: failure.exit,
        document: &json::nothing(&job.name, &failure.diagnostics),
    };
    if let Ok(store) = session.store().await {
        // Where the state cannot be written either, the failure itself is what counts, and it is told.
        let _ = store.note_planless(&run);
    }
}
