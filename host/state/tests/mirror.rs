//! The mirror's promises, on real files.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use rollcall_core::{Cell, Record, RecordId};
use rollcall_edges::clock::Instant;
use rollcall_edges::directory::{Coverage, Edit, Page, RecordChange};
use rollcall_edges::state::{LastListing, Mirror as _};
use rollcall_state::{MirrorFile, Store};

fn id(native: &str) -> RecordId {
    RecordId { directory: "test".into(), native: native.into() }
}

fn record(native: &str, name: &str) -> RecordChange {
    let columns = ["name".into(), "phones".into()];
    RecordChange::Whole(Record {
        id: id(native),
        columns: columns.into(),
        cells: [Cell::Text(name.into()), Cell::Texts(["1".into(), "2".into()].into())].into(),
    })
}

async fn names(mirror: &mut MirrorFile) -> Vec<String> {
    let records = mirror.records("test", None, 10).await.unwrap();
    let name = |record: &Record| match record.get("name") {
        Cell::Text(text) => text.to_string(),
        other => format!("{other:?}"),
    };
    records.iter().map(name).collect()
}

#[tokio::test]
async fn a_listing_that_does_not_end_well_leaves_the_mirror_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut mirror = store.mirror("J", "run").unwrap();
    mirror.begin("test", b"scope").await.unwrap();
    mirror
        .merge(Page {
            changes: vec![record("1", "Anna"), record("2", "Bert"), record("1", "Anna B")],
            ..Page::default()
        })
        .await
        .unwrap();
    assert_eq!(mirror.seal(Coverage::Everything, Some(vec![7]), Instant(5)).await.unwrap(), 2);
    mirror.begin("test", b"scope").await.unwrap();
    mirror.merge(Page { changes: vec![record("3", "Cleo")], ..Page::default() }).await.unwrap();
    drop(mirror);
    let mut mirror = store.mirror("J", "run").unwrap();
    assert_eq!(names(&mut mirror).await, ["Anna B", "Bert"]);
    assert_eq!(
        mirror.last("test", b"scope").await.unwrap(),
        Some(LastListing { token: Some(vec![7]), full: Instant(5) })
    );
    assert_eq!(mirror.last("test", b"another").await.unwrap(), None);
}

#[tokio::test]
async fn changes_patches_and_removals_are_merged() {
    let folder = tempfile::tempdir().unwrap();
    let mut mirror = Store::open(folder.path()).unwrap().mirror("J", "run").unwrap();
    mirror.begin("test", b"s").await.unwrap();
    mirror
        .merge(Page { changes: vec![record("1", "Anna"), record("2", "Bert")], ..Page::default() })
        .await
        .unwrap();
    mirror.seal(Coverage::Everything, None, Instant(6)).await.unwrap();
    mirror.begin("test", b"s").await.unwrap();
    let edits = vec![
        ("phones".into(), Edit::Remove(vec!["1".into()])),
        ("mail".into(), Edit::Replace(Cell::Boolean(true))),
    ];
    let changes = vec![
        RecordChange::Part("1".into(), edits),
        RecordChange::Gone("2".into()),
        RecordChange::Gone("9".into()),
    ];
    mirror.merge(Page { changes, ..Page::default() }).await.unwrap();
    assert_eq!(mirror.seal(Coverage::Changes, None, Instant(7)).await.unwrap(), 1);
    assert_eq!(mirror.last("test", b"s").await.unwrap(), Some(LastListing { token: None, full: Instant(6) }));
    let records = mirror.records("test", None, 10).await.unwrap();
    assert_eq!(records[0].get("phones"), &Cell::Texts(["2".into()].into()));
    assert_eq!(records[0].get("mail"), &Cell::Boolean(true));
    assert_eq!(records[0].get("name"), &Cell::Text("Anna".into()));
}

#[tokio::test]
async fn two_readings_at_once_do_not_see_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut sync = store.mirror("J", "run").unwrap();
    sync.begin("test", b"scope").await.unwrap();
    sync.merge(Page { changes: vec![record("1", "Anna")], ..Page::default() }).await.unwrap();
    // A preview takes no lease: it begins its own listing in the midst of this one, and is ended half-way.
    let mut preview = store.mirror("J", "run").unwrap();
    preview.begin("test", b"scope").await.unwrap();
    preview.merge(Page { changes: vec![record("3", "Cleo")], ..Page::default() }).await.unwrap();
    drop(preview);
    sync.merge(Page { changes: vec![record("2", "Bert")], ..Page::default() }).await.unwrap();
    assert_eq!(sync.seal(Coverage::Everything, None, Instant(6)).await.unwrap(), 2);
    assert_eq!(names(&mut sync).await, ["Anna", "Bert"]);
}
