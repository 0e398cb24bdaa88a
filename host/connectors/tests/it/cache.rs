//! Compiled connectors on disk: used again, and never trusted once somebody has touched them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rollcall_connectors::Host;
use rollcall_edges::clock::SystemClock;

use crate::bench::{hostile, misbehaving, read};

async fn reads(folder: &Path) {
    let host = Host::new(Some(folder.to_owned()), Arc::new(SystemClock)).unwrap();
    let mut connector = host.connect(&hostile(), &misbehaving("well")).await.unwrap();
    assert_eq!(read(&mut connector).await.unwrap().len(), 3);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn an_entry_is_used_again_and_not_when_it_was_touched() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("cache");
    reads(&folder).await;
    let made = files(&folder);
    let [code, digest] = made.as_slice() else { panic!("{made:?}") };
    let written = fs::metadata(code).unwrap().modified().unwrap();
    reads(&folder).await;
    assert_eq!(fs::metadata(code).unwrap().modified().unwrap(), written, "used again");

    let good = fs::read(code).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 1;
    fs::write(code, &bad).unwrap();
    reads(&folder).await;
    assert_eq!(fs::read(code).unwrap(), good, "made anew");

    // The digest of another entry does not vouch for this one, and neither does a missing one.
    fs::write(digest, "0".repeat(64)).unwrap();
    reads(&folder).await;
    fs::remove_file(digest).unwrap();
    reads(&folder).await;
    assert_eq!(files(&folder), made);
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_others_can_write_to_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("cache");
    reads(&folder).await;
    for file in files(&folder) {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    let before = fs::metadata(&files(&folder)[0]).unwrap().modified().unwrap();
    reads(&folder).await;
    assert_eq!(
        fs::metadata(&files(&folder)[0]).unwrap().modified().unwrap(),
        before,
        "nothing is kept there"
    );
}
