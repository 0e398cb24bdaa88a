//! Compiled connectors on disk: used again, and never trusted once somebody has touched them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rollcall_connectors::Host;
use rollcall_edges::clock::SystemClock;
use sha2::Digest as _;

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
    let [code, mac, key] = made.as_slice() else { panic!("{made:?}") };
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

    // Whoever can write here and cannot read the key cannot vouch for other code: a digest is not enough.
    let vouched = fs::read(mac).unwrap();
    fs::write(code, &bad).unwrap();
    fs::write(mac, sha2::Sha256::digest(&bad)).unwrap();
    reads(&folder).await;
    assert_eq!(
        (fs::read(code).unwrap(), fs::read(mac).unwrap()),
        (good.clone(), vouched.clone()),
        "made anew"
    );
    // With another key nothing counts that was kept before.
    for other in [vec![7; 32], vec![7; 3]] {
        fs::write(key, &other).unwrap();
        reads(&folder).await;
        assert_ne!(fs::read(mac).unwrap(), vouched);
        assert_eq!(fs::read(key).unwrap().len(), 32);
    }
    for missing in [mac, key] {
        fs::remove_file(missing).unwrap();
        reads(&folder).await;
    }
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
