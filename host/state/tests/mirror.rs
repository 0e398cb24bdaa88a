//! The mirror's promises, on real files.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use rollcall_core::{Cell, Record, RecordId};
use rollcall_edges::clock::Instant;
use rollcall_edges::directory::{Coverage, Edit, Page, RecordChange};
use rollcall_edges::mirror::{Intake, LastListing, Marks, Mirror as _, Sealed};
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

fn users(sealed: Option<Sealed>) -> Option<u32> {
    sealed.map(|sealed| sealed.users)
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
    mirror.begin("test", b"scope", Intake::Differences).await.unwrap();
    mirror
        .merge(Page {
            changes: vec![record("1", "Anna"), record("2", "Bert"), record("1", "Anna B")],
            ..Page::default()
        })
        .await
        .unwrap();
    assert_eq!(users(mirror.seal(Coverage::Everything, Some(vec![7]), Instant(5)).await.unwrap()), Some(2));
    mirror.begin("test", b"scope", Intake::Differences).await.unwrap();
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
    mirror.begin("test", b"s", Intake::Differences).await.unwrap();
    mirror
        .merge(Page { changes: vec![record("1", "Anna"), record("2", "Bert")], ..Page::default() })
        .await
        .unwrap();
    mirror.seal(Coverage::Everything, None, Instant(6)).await.unwrap();
    mirror.begin("test", b"s", Intake::Changes).await.unwrap();
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
    assert_eq!(users(mirror.seal(Coverage::Changes, None, Instant(7)).await.unwrap()), Some(1));
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
    sync.begin("test", b"scope", Intake::Differences).await.unwrap();
    sync.merge(Page { changes: vec![record("1", "Anna")], ..Page::default() }).await.unwrap();
    // A preview takes no lease: it begins its own listing in the midst of this one, and is ended half-way.
    let mut preview = store.mirror("J", "run").unwrap();
    preview.begin("test", b"scope", Intake::Differences).await.unwrap();
    preview.merge(Page { changes: vec![record("3", "Cleo")], ..Page::default() }).await.unwrap();
    drop(preview);
    sync.merge(Page { changes: vec![record("2", "Bert")], ..Page::default() }).await.unwrap();
    assert_eq!(users(sync.seal(Coverage::Everything, None, Instant(6)).await.unwrap()), Some(2));
    assert_eq!(names(&mut sync).await, ["Anna", "Bert"]);
}

#[tokio::test]
async fn a_reading_that_another_one_overtakes_is_made_again_where_it_would_lose_somebody() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let (mut sync, mut preview) = (store.mirror("J", "run").unwrap(), store.mirror("J", "run").unwrap());
    let page = |people: &[(&str, &str)]| {
        let changes = people.iter().map(|(native, name)| record(native, name)).collect();
        Page { changes, ..Page::default() }
    };
    let read = async |mirror: &mut MirrorFile, people: &[(&str, &str)]| {
        mirror.begin("test", b"s", Intake::Differences).await.unwrap();
        mirror.merge(page(people)).await.unwrap();
        users(mirror.seal(Coverage::Everything, None, Instant(6)).await.unwrap())
    };
    let (anna, bert, other) = (("1", "Anna"), ("2", "Bert"), ("1", "Other"));
    assert_eq!(read(&mut sync, &[anna, bert]).await, Some(2));
    // Somebody was found as he stood, and is another one since.
    sync.begin("test", b"s", Intake::Differences).await.unwrap();
    sync.merge(page(&[anna])).await.unwrap();
    assert_eq!(read(&mut preview, &[other, bert]).await, Some(2));
    assert_eq!(sync.seal(Coverage::Everything, None, Instant(7)).await.unwrap(), None);
    assert_eq!(names(&mut sync).await, ["Other", "Bert"]);
    assert_eq!(read(&mut sync, &[anna, bert]).await, Some(2));
    assert_eq!(names(&mut sync).await, ["Anna", "Bert"]);
    // What the other reading moved is nothing that this one relies on.
    sync.begin("test", b"s", Intake::Differences).await.unwrap();
    sync.merge(page(&[bert, other])).await.unwrap();
    assert_eq!(read(&mut preview, &[("3", "Cleo"), bert, anna]).await, Some(3));
    assert_eq!(users(sync.seal(Coverage::Everything, None, Instant(7)).await.unwrap()), Some(2));
    assert_eq!(names(&mut sync).await, ["Other", "Bert"]);
    // Whoever takes in everything relies on nothing.
    sync.begin("test", b"s", Intake::Everything).await.unwrap();
    sync.merge(page(&[other])).await.unwrap();
    assert_eq!(read(&mut preview, &[anna, bert]).await, Some(2));
    assert_eq!(users(sync.seal(Coverage::Everything, None, Instant(7)).await.unwrap()), Some(1));
    assert_eq!(names(&mut sync).await, ["Other"]);
    // Changes are added to what was read with the same settings, and to nothing else.
    sync.begin("test", b"s", Intake::Changes).await.unwrap();
    sync.merge(page(&[bert])).await.unwrap();
    preview.begin("test", b"t", Intake::Differences).await.unwrap();
    preview.merge(page(&[other])).await.unwrap();
    assert_eq!(users(preview.seal(Coverage::Everything, None, Instant(7)).await.unwrap()), Some(1));
    assert_eq!(sync.seal(Coverage::Changes, None, Instant(8)).await.unwrap(), None);
    assert_eq!(names(&mut sync).await, ["Other"]);
}

/// What a listing says of somebody: his name, or that he is gone. A name of 3 or more is all that is said of him, and is
/// said only among changes.
type Said = (u8, Option<u8>);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Readings, one after another, each of everybody or of changes: the mirror holds what was said last.
    #[test]
    fn the_mirror_holds_what_was_said_last(
        readings in proptest::collection::vec(
            (proptest::bool::ANY, proptest::collection::vec(proptest::collection::vec((0u8..6, proptest::option::weighted(0.8, 0u8..5)), 0..5), 0..4)),
            1..8,
        ),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut mirror = Store::open(folder.path()).unwrap().mirror("J", "run").unwrap();
        let mut model: BTreeMap<String, String> = BTreeMap::new();
        let mut stamp = None;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        // Changes are only read after everything was.
        for (at, (full, pages)) in readings.into_iter().enumerate() {
            let full = full || at == 0;
            let covers = if full { Coverage::Everything } else { Coverage::Changes };
            let intake = match (full, at % 2) {
                (false, _) => Intake::Changes,
                (true, 0) => Intake::Differences,
                (true, _) => Intake::Everything,
            };
            let before = model.clone();
            if full {
                model.clear();
            }
            let all: Vec<Said> = pages.concat();
            for (who, name) in &all {
                match name {
                    Some(name) if *name > 2 && !full => {
                        model.entry(who.to_string()).and_modify(|known| *known = name.to_string());
                    }
                    Some(name) => _ = model.insert(who.to_string(), name.to_string()),
                    None => _ = model.remove(&who.to_string()),
                }
            }
            let found = runtime.block_on(async {
                mirror.begin("test", b"s", intake).await.unwrap();
                for page in &pages {
                    let said = |(who, name): &Said| match name {
                        Some(name) if *name > 2 && !full => {
                            let edit = Edit::Replace(Cell::Text(name.to_string().into()));
                            RecordChange::Part(who.to_string().into(), vec![("name".into(), edit)])
                        }
                        Some(name) => record(&who.to_string(), &name.to_string()),
                        None => RecordChange::Gone(who.to_string().into()),
                    };
                    let changes = page.iter().map(said).collect();
                    mirror.merge(Page { changes, ..Page::default() }).await.unwrap();
                }
                let sealed = mirror.seal(covers, None, Instant(6)).await.unwrap().unwrap();
                (sealed, mirror.records("test", None, 100).await.unwrap(), mirror.version("test").await.unwrap())
            });
            let (sealed, records, version) = found;
            prop_assert_eq!(sealed.users as usize, model.len());
            prop_assert_eq!(Some(&sealed.version), version.as_ref());
            let name = |record: &Record| match record.get("name") {
                Cell::Text(name) => (record.id.native.to_string(), name.to_string()),
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(records.iter().map(name).collect::<BTreeMap<_, _>>(), model.clone());
            // Nothing changed, nothing was written.
            prop_assert!(before != model || stamp.is_none() || stamp == version);
            prop_assert!(before == model || stamp != version);
            stamp = version;
        }
    }
}

#[tokio::test]
async fn a_digest_tells_whether_a_record_is_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut mirror = store.mirror("J", "run").unwrap();
    let mut read = async |changes: Vec<RecordChange>| {
        mirror.begin("test", b"s", Intake::Differences).await.unwrap();
        mirror.merge(Page { changes, ..Page::default() }).await.unwrap();
        mirror.seal(Coverage::Everything, None, Instant(6)).await.unwrap();
        mirror.digests("test").await.unwrap()
    };
    let first = read(vec![record("2", "Bert"), record("1", "Anna"), record("10", "Cleo")]).await;
    assert_eq!(first.iter().map(|(native, _)| &**native).collect::<Vec<_>>(), ["1", "10", "2"]);
    let again = read(vec![record("10", "Cleo"), record("2", "Anna"), record("1", "Anna")]).await;
    assert_eq!((again[0].1, again[1].1), (first[0].1, first[1].1));
    assert_ne!(again[2].1, first[2].1);
    // The same values under other names are another record.
    let RecordChange::Whole(renamed) = record("1", "Anna") else { panic!() };
    let renamed = Record { columns: ["nick".into(), "phones".into()].into(), ..renamed };
    assert_ne!(read(vec![RecordChange::Whole(renamed)]).await[0].1, first[0].1);
}

#[tokio::test]
async fn chosen_records_and_kept_marks_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let mut mirror = store.mirror("J", "run").unwrap();
    mirror.begin("test", b"s", Intake::Differences).await.unwrap();
    let changes = vec![record("1", "Anna"), record("2", "Bert"), record("3", "Cleo")];
    mirror.merge(Page { changes, ..Page::default() }).await.unwrap();
    mirror.seal(Coverage::Everything, None, Instant(6)).await.unwrap();
    let all = mirror.records("test", None, 10).await.unwrap();
    let chosen = mirror.chosen("test", &["3".into(), "9".into(), "1".into()]).await.unwrap();
    assert_eq!(chosen, [all[0].clone(), all[2].clone()]);
    assert!(mirror.chosen("other", &["1".into()]).await.unwrap().is_empty());
    assert_eq!(mirror.marks().await.unwrap(), None);
    let marks = |all: &[(&[&str], &[u8])]| -> Marks {
        let names = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
        let by_left_out = all.iter().map(|(left_out, marks)| (names(left_out), marks.to_vec())).collect();
        Marks { since: Instant(7), by_left_out }
    };
    mirror.keep_marks(&marks(&[(&[], b"first"), (&["Gone"], b"other")])).await.unwrap();
    let second = marks(&[(&[], b"second"), (&["Legal", "Research"], b"third")]);
    mirror.keep_marks(&second).await.unwrap();
    drop(mirror);
    assert_eq!(store.mirror("J", "run").unwrap().marks().await.unwrap(), Some(second));
    // Marks of nobody are none.
    let mut mirror = store.mirror("J", "run").unwrap();
    mirror.keep_marks(&marks(&[])).await.unwrap();
    assert_eq!(mirror.marks().await.unwrap(), None);
}
