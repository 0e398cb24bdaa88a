//! Files: the folder that a setting names, what of it is closed, and files that move while they are read.

use std::io::Write as _;
use std::path::Path;

use rollcall_connectors::{ConnectSpec, Package, Recording};
use rollcall_edges::directory::{Directory, DirectoryError, RecordChange};
use serde_json::json;

use crate::bench::{guest, host, job, read};

fn spec(folder: &Path, path: &str) -> ConnectSpec {
    let mut spec = job(json!({ "path": path }));
    spec.folder = folder.to_owned();
    spec
}

fn package() -> Package {
    Package::read(guest("rollcall-connector-csv")).unwrap()
}

/// Reads everything and gives the ids.
async fn ids(spec: &ConnectSpec) -> Result<Vec<String>, DirectoryError> {
    let mut connector = host().connect(&package(), spec).await?;
    let pages = read(&mut connector).await?;
    let changes = pages.iter().flat_map(|page| &page.changes);
    let ids = changes.map(|change| match change {
        RecordChange::Whole(record) => Some(record.id.to_string()),
        _ => None,
    });
    let ids = ids.collect::<Option<_>>().unwrap();
    if let Recording::Record { .. } = spec.recording {
        connector.tail().write_recording().unwrap();
    }
    Ok(ids)
}

/// A folder `exports` with two lists, and things that are none of anybody's business.
fn exports(base: &Path) {
    let folder = base.join("exports");
    std::fs::create_dir_all(folder.join("old.csv")).unwrap();
    for (name, text) in [
        ("b.csv", "id,phone\n3,2003\n"),
        ("a.csv", "id\n1\n2\n"),
        (".c.csv", "id\n1\n"),
        ("notes.md", "x"),
        ("old.csv/d.csv", "id\n9\n"),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    std::fs::write(base.join("beside.csv"), "id\n8\n").unwrap();
}

#[tokio::test]
async fn a_folder_is_read_file_by_file_and_nothing_beyond_it() {
    let base = tempfile::tempdir().unwrap();
    exports(base.path());
    let mut spec = spec(base.path(), "exports/");
    assert_eq!(ids(&spec).await.unwrap(), ["hr:1", "hr:2", "hr:3"]);
    let mut connector = host().connect(&package(), &spec).await.unwrap();
    assert_eq!(&*connector.identity().await.unwrap(), "csv:exports/");

    // What was recorded is replayed, though the folder has gone.
    let recording = base.path().join("made.recording");
    spec.recording = Recording::Record { path: recording.clone(), at: "now".to_owned() };
    assert_eq!(ids(&spec).await.unwrap().len(), 3);
    std::fs::remove_dir_all(base.path().join("exports")).unwrap();
    spec.recording = Recording::Replay(recording);
    assert_eq!(ids(&spec).await.unwrap(), ["hr:1", "hr:2", "hr:3"]);
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_file_of_the_folder_is_refused() {
    use std::os::unix::fs::symlink;
    let base = tempfile::tempdir().unwrap();
    exports(base.path());
    let folder = base.path().join("exports");
    let check = async |expect: &str| {
        let error = ids(&spec(base.path(), "exports/")).await.unwrap_err();
        assert_eq!(error.to_string(), expect);
        std::fs::remove_file(folder.join("z.csv")).unwrap();
        error
    };
    symlink(base.path().join("beside.csv"), folder.join("z.csv")).unwrap();
    let error = check("the file `exports/z.csv` is a link out of the granted folder").await;
    let DirectoryError::Refused(why) = &error else { panic!("{error:?}") };
    assert_eq!(why.code.0, "E0303");
    assert!(why.hint.is_some());

    symlink(folder.join("old.csv/d.csv"), folder.join("z.csv")).unwrap();
    check("the file `exports/z.csv` is a link out of the granted folder").await;

    symlink(folder.join("gone.csv"), folder.join("z.csv")).unwrap();
    check("there is no file `exports/z.csv`").await;

    assert!(std::process::Command::new("mkfifo").arg(folder.join("z.csv")).status().unwrap().success());
    check("`exports/z.csv` is no file").await;

    // A link to a file of the same folder leads nowhere else: it is that file, and its users stand there twice.
    symlink(folder.join("b.csv"), folder.join("z.csv")).unwrap();
    check("`exports/z.csv` line 2: the id `3` stands on line 2 of `exports/b.csv` too").await;

    let loops = folder.join("z.csv");
    symlink(&loops, &loops).unwrap();
    let error =
        check("the file `exports/z.csv` cannot be read: Too many levels of symbolic links (os error 40)")
            .await;
    assert!(matches!(error, DirectoryError::Transient { .. }), "{error:?}");
}

#[tokio::test]
async fn a_path_says_whether_it_is_a_folder() {
    let base = tempfile::tempdir().unwrap();
    exports(base.path());
    for (path, message, hint) in [
        ("exports", "`exports` is a folder", "write `exports/` where every file in it is to be read"),
        ("beside.csv/", "`beside.csv/` is no folder", "a path counts from the job file's folder"),
        ("none/", "there is no folder `none/`", "a path counts from the job file's folder"),
        ("none.csv", "there is no file `none.csv`", "a path counts from the job file's folder"),
        ("../", "`path` must name a file, or a folder with a `/` behind it", ""),
    ] {
        let error = ids(&spec(base.path(), path)).await.unwrap_err();
        let DirectoryError::Invalid(wrong) = &error else { panic!("{error:?}") };
        assert_eq!(wrong[0].message, message);
        assert!(wrong[0].hint.as_deref().unwrap_or_default().ends_with(hint), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_no_reading() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("people.csv");
    let rows: String = (0..50_000).map(|id| format!("{id},somebody with a rather long name\n")).collect();
    type Change = fn(&Path);
    let changes: [Change; 3] = [
        |file| {
            let mut file = std::fs::OpenOptions::new().append(true).open(file).unwrap();
            file.write_all(b"x,one more\n").unwrap();
        },
        |file| {
            std::fs::OpenOptions::new().write(true).open(file).unwrap().set_len(1_000_000).unwrap();
        },
        |file| {
            let mut file = std::fs::OpenOptions::new().write(true).open(file).unwrap();
            file.write_all(b"id,NAME").unwrap();
        },
    ];
    for change in changes {
        std::fs::write(&file, format!("id,name\n{rows}")).unwrap();
        let mut connector = host().connect(&package(), &spec(base.path(), "people.csv")).await.unwrap();
        let mut listing = connector.open(None).await.unwrap();
        assert_eq!(listing.next().await.unwrap().changes.len(), 1000);
        change(&file);
        let error = loop {
            match listing.next().await {
                Ok(page) => assert!(page.end.is_none(), "it was taken for a whole reading"),
                Err(error) => break error,
            }
        };
        assert!(!matches!(error, DirectoryError::Invalid(_)), "{error:?}");
        let told = error.to_string();
        // What is cut off within a row is broken besides.
        assert!(told.contains("it changed meanwhile") || told.contains("1 cell where"), "{told}");
    }
    // Who renames a new file into place changes nothing about the one that is being read.
    std::fs::write(&file, format!("id,name\n{rows}")).unwrap();
    let mut connector = host().connect(&package(), &spec(base.path(), "people.csv")).await.unwrap();
    let mut listing = connector.open(None).await.unwrap();
    let mut users = listing.next().await.unwrap().changes.len();
    std::fs::write(base.path().join("new.csv"), "id,name\n").unwrap();
    std::fs::rename(base.path().join("new.csv"), &file).unwrap();
    loop {
        let page = listing.next().await.unwrap();
        users += page.changes.len();
        if page.end.is_some() {
            break;
        }
    }
    assert_eq!(users, 50_000);
}
