//! What the sandbox costs: a connector compiled, loaded, begun, and read to its end, against the same code compiled
//! natively with the same optimisation.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rollcall_connectors::{ConnectSpec, Host, Package};
use rollcall_edges::clock::SystemClock;
use rollcall_edges::directory::Directory as _;

use rollcall_tests::repository;

use crate::Wanted;
use crate::file::people;
use crate::process::{machine, measured};
use crate::table::Table;

/// How many users a page has, as in a run.
const PAGE: usize = 1_000;

pub(crate) fn measure(wanted: &Wanted, table: &mut Table) {
    if !wanted.wants("sandbox") {
        return;
    }
    let env = machine();
    people(&env, wanted.users, 0);
    let file = env.path("people.csv");
    let (native, printed) = measured(&mut native(&file));
    let native_us = last_number(&printed);
    table.row("sandbox: csv read natively", native, None, &rate(wanted.users, native_us));
    let mut command = Command::new(std::env::current_exe().unwrap());
    let (used, printed) = measured(command.args([crate::floor::FLAG, "sandbox", file.to_str().unwrap()]));
    let told = String::from_utf8_lossy(&printed);
    let read_us = last_number(&printed);
    let share = 100.0 * native_us as f64 / read_us.max(1) as f64;
    let steps = told.lines().next().unwrap_or_default();
    let more = format!("{}, {share:.0} % of native; {steps}", rate(wanted.users, read_us));
    table.row("sandbox: csv read in the sandbox", used, None, &more);
}

/// Builds and names the native program.
fn native(file: &Path) -> Command {
    let root = repository("");
    let target = root.join("target/native");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--profile", "connector", "-p", "rollcall-connector-csv"]);
    cargo.args(["--example", "native", "--target-dir"]).arg(&target).current_dir(&root);
    assert!(cargo.status().unwrap().success(), "the native connector does not compile");
    let mut program = Command::new(target.join("connector/examples/native"));
    program.arg(file).arg(PAGE.to_string());
    program
}

/// Gives the last number of what was printed: microseconds.
pub(crate) fn last_number(printed: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(printed);
    text.split_whitespace().next_back().and_then(|word| word.parse().ok()).expect("no time was told")
}

pub(crate) fn rate(users: usize, us: u64) -> String {
    format!("{:.0} users a second", users as f64 * 1e6 / us.max(1) as f64)
}

/// Compiles, loads and begins the connector, reads the file, and prints how long each took.
pub(crate) fn run(path: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let cache = tempfile::tempdir().unwrap();
    let file = PathBuf::from(path);
    let package = || Package::read(rollcall_bundled::find("csv").unwrap().bytes.to_vec()).unwrap();
    runtime.block_on(async {
        let host = || Host::new(Some(cache.path().to_owned()), Arc::new(SystemClock)).unwrap();
        let spec = spec(&file);
        let timed = async |host: &Host, package: &Package| {
            let begun = Instant::now();
            let connector = host.connect(package, &spec).await.unwrap();
            (begun.elapsed(), connector)
        };
        let (cold, _) = timed(&host(), &package()).await;
        let (again, package) = (host(), package());
        let (load, _) = timed(&again, &package).await;
        let (begin, mut connector) = timed(&again, &package).await;
        let begun = Instant::now();
        let mut listing = connector.open(None).await.unwrap();
        while listing.next().await.unwrap().end.is_none() {}
        let took = begun.elapsed();
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        println!(
            "compiled and begun in {:.0} ms, loaded and begun in {:.1} ms, begun in {:.2} ms",
            ms(cold),
            ms(load),
            ms(begin)
        );
        println!("{}", took.as_micros());
    });
}

fn spec(file: &Path) -> ConnectSpec {
    let settings = serde_json::json!({ "path": file.file_name().unwrap().to_str().unwrap() });
    ConnectSpec {
        directory: "csv".into(),
        folder: file.parent().unwrap().to_owned(),
        settings: settings.as_object().unwrap().clone(),
        bundled: true,
        ..ConnectSpec::default()
    }
}
