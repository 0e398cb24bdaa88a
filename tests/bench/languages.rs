//! What a connector's language costs: the three components of `examples/partner-connector` read the same recording of a
//! directory to its end.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rollcall_connectors::{ConnectSpec, Host, Package, Recording};
use rollcall_edges::clock::SystemClock;
use rollcall_edges::directory::Directory as _;
use rollcall_tests::partners::LANGUAGES;
use serde_json::{Value, json};

use crate::Wanted;
use crate::process::{machine, measured};
use crate::sandbox::{last_number, rate};
use crate::table::Table;

/// Where the employees are.
const URL: &str = "https://acme.bellbird.example";
/// How many employees stand on a page.
const PAGE: usize = 500;
/// How many readings the shortest is taken of: other work on the machine only ever makes one longer.
const READINGS: usize = 3;

pub(crate) fn measure(wanted: &Wanted, table: &mut Table) {
    if !wanted.wants("language") {
        return;
    }
    let env = machine();
    env.write("hr.recording", recording(wanted.users));
    let mut rust_us = None;
    for language in &LANGUAGES {
        let made = match language.build() {
            Ok(made) => made,
            Err(why) => {
                println!("not measured: {}: {why}", language.name);
                continue;
            }
        };
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([crate::floor::FLAG, "language"]).arg(env.path("hr.recording")).arg(made);
        let (used, printed) = measured(&mut command);
        let us = last_number(&printed);
        let first = *rust_us.get_or_insert(us);
        let share = 100.0 * first as f64 / us.max(1) as f64;
        let more = format!("{}, {share:.1} % of the first", rate(wanted.users, us));
        table.row(
            &format!("language: {}, compiled and {READINGS} readings", language.name),
            used,
            None,
            &more,
        );
    }
}

/// Writes down what Bellbird would answer: some employees, in pages.
fn recording(users: usize) -> String {
    let mut text =
        json!({"rollcall_recording": 1, "connector": "hr", "recorded_at": "", "scope": ""}).to_string();
    let pages = users.div_ceil(PAGE);
    for page in 1..=pages {
        let employees: Vec<Value> = ((page - 1) * PAGE..users.min(page * PAGE)).map(employee).collect();
        let body = json!({"page": page, "pages": pages, "total": users, "employees": employees}).to_string();
        let answer = json!({
            "kind": "http", "method": "GET", "url": format!("{URL}/v1/employees?page={page}"), "status": 200,
            "headers": [["content-type", "application/json"]], "body": body,
        });
        let _ = write!(text, "\n{answer}");
    }
    text + "\n"
}

fn employee(number: usize) -> Value {
    let department = if number.is_multiple_of(2) { "Sales" } else { "Service" };
    json!({
        "id": format!("E{number:06}"), "given_name": format!("Anna{number}"), "family_name": "Müller-Okafor",
        "email": format!("anna{number}.mueller@acme.example"), "department": department,
        "phones": [format!("+44 20 7946 {:04}", number % 10_000)], "manager": format!("E{:06}", number / 10),
    })
}

/// Compiles a component, reads a recording through it, and prints how long the shortest reading took.
pub(crate) fn run(recording: &str, component: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let package = Package::read(std::fs::read(component).unwrap()).unwrap();
    runtime.block_on(async {
        let host = Host::new(None, Arc::new(SystemClock)).unwrap();
        let spec = spec(Path::new(recording));
        let mut shortest = Duration::MAX;
        for _ in 0..READINGS {
            let mut connector = host.connect(&package, &spec).await.unwrap();
            let begun = Instant::now();
            let mut listing = connector.open(None).await.unwrap();
            while listing.next().await.unwrap().end.is_none() {}
            shortest = shortest.min(begun.elapsed());
        }
        println!("{}", shortest.as_micros());
    });
}

fn spec(recording: &Path) -> ConnectSpec {
    let settings = json!({ "url": URL, "client_id": "rollcall" });
    ConnectSpec {
        directory: "hr".into(),
        folder: recording.parent().unwrap().to_owned(),
        settings: settings.as_object().unwrap().clone(),
        credentials: [("client_secret".into(), None)].into(),
        recording: Recording::Replay(PathBuf::from(recording)),
        ..ConnectSpec::default()
    }
}
