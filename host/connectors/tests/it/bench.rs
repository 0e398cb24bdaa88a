//! What the tests share: guests compiled once, a host, and a job to change.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use rollcall_connectors::{ConnectSpec, Connector, Host, Package};
use rollcall_core::Secret;
use rollcall_edges::clock::SystemClock;
use rollcall_edges::directory::{Directory, DirectoryError, Page};
use serde_json::{Map, Value};

/// Gives a guest's component, compiled by the nested cargo call that the bundled connectors use too.
pub(crate) fn guest(package: &str) -> Vec<u8> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        let target = root.join("target/connectors");
        let mut cargo = Command::new(env!("CARGO"));
        for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
            cargo.env_remove(name);
        }
        cargo.args([
            "build",
            "--quiet",
            "--profile",
            "connector",
            "--target",
            "wasm32-wasip2",
            "--target-dir",
        ]);
        cargo.arg(&target).current_dir(&root);
        for package in ["rollcall-guest-hostile", "rollcall-connector-csv", "rollcall-connector-entra"] {
            cargo.args(["-p", package]);
        }
        assert!(
            cargo.status().unwrap().success(),
            "the guests do not compile; is the target wasm32-wasip2 there?"
        );
        target.join("wasm32-wasip2/connector")
    });
    std::fs::read(folder.join(format!("{}.wasm", package.replace('-', "_")))).unwrap()
}

pub(crate) fn hostile() -> Package {
    Package::read(guest("rollcall-guest-hostile")).unwrap()
}

/// A host whose compiled guests are kept from test to test.
pub(crate) fn host() -> Host {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("connectors-it");
    Host::new(Some(cache), Arc::new(SystemClock)).unwrap()
}

/// A job with these settings.
pub(crate) fn job(settings: Value) -> ConnectSpec {
    let settings: Map<String, Value> = settings.as_object().unwrap().clone();
    ConnectSpec {
        directory: "hr".into(),
        folder: PathBuf::from("/nowhere"),
        settings,
        bundled: true,
        ..ConnectSpec::default()
    }
}

/// The secret of every job here; it must turn up nowhere.
pub(crate) const SECRET: &str = "canary-secret-0123456789";

/// A job whose guest misbehaves so.
pub(crate) fn misbehaving(mode: &str) -> ConnectSpec {
    let mut spec = job(serde_json::json!({ "mode": mode }));
    spec.credentials.insert("client_secret".into(), Some(Secret::new(SECRET)));
    spec
}

/// Reads a directory to its end.
pub(crate) async fn read(connector: &mut Connector) -> Result<Vec<Page>, DirectoryError> {
    let mut listing = connector.open(None).await?;
    let mut pages = Vec::new();
    loop {
        let page = listing.next().await?;
        let ended = page.end.is_some();
        pages.push(page);
        if ended {
            return Ok(pages);
        }
    }
}
