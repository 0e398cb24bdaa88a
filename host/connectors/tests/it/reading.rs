//! Readings that go well: pages, tokens, identity, attributes, and a CSV file end to end.

use std::sync::{Arc, Mutex};

use rollcall_connectors::Package;
use rollcall_core::Cell;
use rollcall_edges::directory::{Coverage, Directory, DirectoryError, Edit, RecordChange};
use serde_json::json;

use crate::bench::{guest, host, hostile, job, misbehaving, read};

#[tokio::test]
async fn a_listing_and_what_changed_since() {
    let mut connector = host().connect(&hostile(), &misbehaving("well")).await.unwrap();
    let pages = read(&mut connector).await.unwrap();
    assert_eq!(pages.iter().map(|page| page.changes.len()).collect::<Vec<_>>(), [2, 2, 2]);
    let last = pages.last().unwrap();
    assert_eq!((last.end, last.token.as_deref()), (Some(Coverage::Everything), Some(&b"3"[..])));
    let RecordChange::Whole(record) = &pages[0].changes[0] else { panic!() };
    assert_eq!(record.id.to_string(), "hr:10");
    assert_eq!(record.get("mail"), &Cell::Text("u10@example.com".into()));
    assert!(connector.usage().memory_peak_bytes > 0);

    let mut listing = connector.open(last.token.clone()).await.unwrap();
    let page = listing.next().await.unwrap();
    assert_eq!(page.end, Some(Coverage::Changes));
    let RecordChange::Part(id, edits) = &page.changes[0] else { panic!() };
    assert_eq!((&**id, edits.as_slice()), ("10", &[("mail".into(), Edit::Replace(Cell::None))][..]));
    assert!(matches!(&page.changes[1], RecordChange::Gone(id) if &**id == "11"));

    let expired = connector.open(Some(b"old".to_vec())).await.err().unwrap();
    assert!(matches!(expired, DirectoryError::TokenExpired), "{expired}");
}

#[tokio::test]
async fn the_host_fills_in_what_the_job_refers_to() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("data/people.csv"), "x").unwrap();
    let mut spec = misbehaving("well");
    spec.folder = folder.path().to_owned();
    spec.settings.insert("path".into(), json!("data/people.csv"));
    spec.select = vec!["mail".into(), "cn".into(), "mail".into()];
    let mut connector = host().connect(&hostile(), &spec).await.unwrap();
    assert_eq!(&*connector.identity().await.unwrap(), r#"people.csv ["cn", "mail"]"#);
    let attributes = connector.attributes().await.unwrap();
    assert_eq!((&*attributes.known[0].name, attributes.open), ("mail", false));
}

#[tokio::test]
async fn progress_is_heard() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = heard.clone();
    let mut spec = misbehaving("progress");
    spec.progress = Some(Arc::new(move |done, total| hears.lock().unwrap().push((done, total.is_some()))));
    let mut connector = host().connect(&hostile(), &spec).await.unwrap();
    read(&mut connector).await.unwrap();
    assert_eq!(*heard.lock().unwrap(), [(2, true), (3, true)]);
}

const PEOPLE: &str = "id,displayName,extension\n1,\"Adams, Ada\",2001\n2,Bob,\n";

#[tokio::test]
async fn a_csv_file_from_end_to_end() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("people.csv"), PEOPLE).unwrap();
    let package = Package::read(guest("rollcall-connector-csv")).unwrap();
    let mut spec = job(json!({ "path": "people.csv" }));
    spec.folder = folder.path().to_owned();
    let host = host();
    let offline = host.check_offline(&package, &spec).await.unwrap().unwrap();
    let names: Vec<&str> = offline.known.iter().map(|info| &*info.name).collect();
    assert_eq!(names, ["displayName", "extension", "id"]);
    let mut connector = host.connect(&package, &spec).await.unwrap();
    let connection = connector.check().await.unwrap();
    assert_eq!(connection.users, Some(2));
    let pages = read(&mut connector).await.unwrap();
    let records: Vec<String> = pages
        .iter()
        .flat_map(|page| &page.changes)
        .map(|change| match change {
            RecordChange::Whole(record) => format!("{} {:?}", record.id, record.get("displayName")),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(records, [r#"hr:1 Text("Adams, Ada")"#, r#"hr:2 Text("Bob")"#]);
    assert!(connector.usage().bytes >= PEOPLE.len() as u64);
}

#[tokio::test]
async fn a_csv_file_that_grew_past_its_limit() {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..60_000).map(|id| format!("{id},somebody with a rather long name\n")).collect();
    std::fs::write(folder.path().join("people.csv"), format!("id,name\n{rows}")).unwrap();
    let package = Package::read(guest("rollcall-connector-csv")).unwrap();
    let mut spec = job(json!({ "path": "people.csv" }));
    spec.folder = folder.path().to_owned();
    spec.limits.insert("bytes_mib".into(), 1);
    let mut connector = host().connect(&package, &spec).await.unwrap();
    let error = read(&mut connector).await.unwrap_err();
    let DirectoryError::Refused(why) = &error else { panic!("{error:?}") };
    assert_eq!(why.message, "more than 1 MiB read from the directory");
    assert_eq!(why.hint.as_deref(), Some("raise `bytes_mib` under `[directory.limits]`"));
}
