//! Reads a CSV file natively, page by page, and says how many users there are and how long it took, in microseconds: what
//! the sandbox is held against (`tests/bench/sandbox.rs`).

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement prints, and may panic")]

use std::time::Instant;

use rollcall_connector::testing::Host;
use rollcall_connector_csv::Csv;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (path, page) = (arguments.next().unwrap(), arguments.next().unwrap().parse().unwrap());
    let host = Host::new().file("people.csv", &std::fs::read(path).unwrap());
    let begun = Instant::now();
    let pages = host.list::<Csv>(r#"{"path": "people.csv"}"#, page).unwrap();
    let took = begun.elapsed().as_micros();
    println!("{} {took}", pages.iter().map(|page| page.changes.len()).sum::<usize>());
}
