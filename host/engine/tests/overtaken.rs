//! Two runs read one directory at once: what comes of each is what it has read itself, or nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use common::{World, people};
use rollcall_core::{Cell, Text};
use rollcall_edges::clock::Instant;
use rollcall_edges::directory::{
    Attributes, Connection, Coverage, Directory, DirectoryError, Listing, Page, Token,
};
use rollcall_edges::mirror::{Intake, Mirror as _};
use rollcall_engine::RunError;
use rollcall_engine::observe::{Event, Observer};
use rollcall_state::Store;

const JOB: &str = "Test";
const ROWS: [(&str, &str, &str); 3] = [("1", "Anna", "2001"), ("2", "Bert", "2002"), ("3", "Cleo", "2003")];
const OTHER: [(&str, &str, &str); 2] = [("1", "Anna Maria", "2001"), ("2", "Bert", "2002")];

/// Reads the directory for the other run, to its end.
async fn other_reading(state: &Path, scope: &[u8]) {
    let mut mirror = Store::open(state).unwrap().mirror(JOB, "run").unwrap();
    mirror.begin("csv", scope, Intake::Differences).await.unwrap();
    let page = people(&OTHER, true).open(None).await.unwrap().next().await.unwrap();
    mirror.merge(page).await.unwrap();
    assert!(mirror.seal(Coverage::Everything, None, Instant(500)).await.unwrap().is_some());
}

/// A directory that the other run reads too, before the last page of the first `times` listings.
struct Shared {
    state: PathBuf,
    times: usize,
    opened: Arc<AtomicUsize>,
}

struct Pages {
    whole: Option<Page>,
    overtaken: Option<PathBuf>,
}

#[async_trait]
impl Directory for Shared {
    async fn identity(&mut self) -> Result<Text, DirectoryError> {
        Ok("people".into())
    }
    async fn check(&mut self) -> Result<Connection, DirectoryError> {
        Ok(Connection::default())
    }
    async fn attributes(&mut self) -> Result<Attributes, DirectoryError> {
        Ok(Attributes { known: Vec::new(), open: true })
    }
    async fn open(&mut self, _: Option<Token>) -> Result<Box<dyn Listing>, DirectoryError> {
        let opened = self.opened.fetch_add(1, Ordering::Relaxed);
        let whole = people(&ROWS, true).open(None).await?.next().await?;
        let overtaken = (opened < self.times).then(|| self.state.clone());
        Ok(Box::new(Pages { whole: Some(whole), overtaken }))
    }
}

#[async_trait]
impl Listing for Pages {
    async fn next(&mut self) -> Result<Page, DirectoryError> {
        match self.whole.take() {
            Some(page) => Ok(Page { end: None, ..page }),
            None => {
                // The page before is merged by now or soon; the other reading waits for its turn.
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                if let Some(state) = &self.overtaken {
                    other_reading(state, b"scope").await;
                }
                Ok(Page { end: Some(Coverage::Everything), ..Page::default() })
            }
        }
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
        let world = World::new().await;
        assert_eq!(&*world.job.name, JOB);
        assert_eq!(world.sync(&ROWS, None).await.applied(), 3);
        let opened = Arc::new(AtomicUsize::new(0));
        let shared = Shared { state: world.state(), times, opened: opened.clone() };
        let report = world.run(shared, None).await.unwrap().unwrap();
        assert_eq!((report.plan.unchanged_users(), report.applied()), (3, 0), "{times}");
        assert_eq!(opened.load(Ordering::Relaxed), 2, "{times}");
        assert_eq!(names(&world).await, ["Anna", "Bert", "Cleo"], "{times}");
    }
}

/// Who reads the directory once this run has read it and not yet mapped it, with another job file of the same name.
struct Between(PathBuf);

impl Observer for Between {
    fn event(&self, event: Event) {
        if matches!(event, Event::Reading) {
            let state = self.0.clone();
            let reading = move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(other_reading(&state, b"another"));
            };
            std::thread::spawn(reading).join().unwrap();
        }
    }
}

#[tokio::test]
async fn what_another_run_read_in_between_is_not_taken_for_ones_own() {
    let mut world = World::new().await;
    assert_eq!(world.sync(&ROWS, None).await.applied(), 3);
    let before = world.standing();
    world.observer = Box::new(Between(world.state()));
    let renamed = [("1", "Anne", "2001"), ROWS[1]];
    match world.run(people(&renamed, true), None).await {
        Err(RunError::Directory(DirectoryError::Incomplete(why))) => {
            assert!(why.contains("another run"), "{why}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.standing(), before);
}
