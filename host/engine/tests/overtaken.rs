//! Two runs read one directory at once: what comes of each is what it has read itself, or nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::people::People;
use common::{World, page, people};
use rollcall_core::Cell;
use rollcall_edges::clock::Instant;
use rollcall_edges::directory::{Coverage, DirectoryError};
use rollcall_edges::mirror::{Intake, Mirror as _};
use rollcall_engine::RunError;
use rollcall_engine::observe::{Event, Observer};
use rollcall_state::Store;

const JOB: &str = "Test";
const ROWS: [(&str, &str, &str); 3] = [("1", "Anna", "2001"), ("2", "Bert", "2002"), ("3", "Cleo", "2003")];
const OTHER: [(&str, &str, &str); 2] = [("1", "Anna Maria", "2001"), ("2", "Bert", "2002")];

/// The other run, which watches this one and reads the directory too, to its end, at the first `times` of some events.
struct Other {
    state: PathBuf,
    scope: &'static [u8],
    at: fn(Event) -> bool,
    times: usize,
    seen: Arc<AtomicUsize>,
}

impl Observer for Other {
    fn event(&self, event: Event) {
        if !(self.at)(event) || self.seen.fetch_add(1, Ordering::Relaxed) >= self.times {
            return;
        }
        let (state, scope) = (self.state.clone(), self.scope);
        let reading = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let mut mirror = Store::open(&state).unwrap().mirror(JOB, "run").unwrap();
                mirror.begin("csv", scope, Intake::Differences).await.unwrap();
                mirror.merge(page(&OTHER, true)).await.unwrap();
                let sealed = mirror.seal(Coverage::Everything, None, Instant(500)).await.unwrap();
                assert!(sealed.is_some());
            });
        };
        std::thread::spawn(reading).join().unwrap();
    }
}

/// Gives the names that the mirror holds.
async fn names(world: &World) -> Vec<String> {
    let mut mirror = world.store.mirror(&world.job.name, "run").unwrap();
    let records = mirror.records("csv", None, 10).await.unwrap();
    let name = |cell: &Cell| match cell {
        Cell::Text(name) => name.to_string(),
        other => panic!("{other:?}"),
    };
    records.iter().map(|record| name(record.get("name"))).collect()
}

#[tokio::test]
async fn a_reading_that_is_overtaken_is_made_again_and_then_stands() {
    for times in [1, 2] {
        let mut world = World::new().await;
        assert_eq!(&*world.job.name, JOB);
        assert_eq!(world.sync(&ROWS, None).await.applied(), 3);
        // A page is merged and its listing not sealed yet.
        let at = |event| matches!(event, Event::Pulled(_));
        let read = Arc::new(AtomicUsize::new(0));
        let other = Other { state: world.state(), scope: b"scope", at, times, seen: read.clone() };
        world.observer = Box::new(other);
        let twice = People::of([page(&ROWS, true), page(&ROWS, true)]);
        let report = world.run(twice, None).await.unwrap().unwrap();
        assert_eq!((report.plan.unchanged_users(), report.applied()), (3, 0), "{times}");
        assert_eq!(read.load(Ordering::Relaxed), 2, "{times}");
        assert_eq!(names(&world).await, ["Anna", "Bert", "Cleo"], "{times}");
    }
}

#[tokio::test]
async fn what_another_run_read_in_between_is_not_taken_for_ones_own() {
    let mut world = World::new().await;
    assert_eq!(world.sync(&ROWS, None).await.applied(), 3);
    let before = world.standing();
    // This run has read the directory and not yet mapped it; the other has another job file of the same name.
    let at = |event| event == Event::Reading;
    let other = Other { state: world.state(), scope: b"another", at, times: 1, seen: Arc::default() };
    world.observer = Box::new(other);
    let renamed = [("1", "Anne", "2001"), ROWS[1]];
    match world.run(people(&renamed, true), None).await {
        Err(RunError::Directory(DirectoryError::Incomplete(why))) => {
            assert!(why.contains("another run"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.standing(), before);
}
