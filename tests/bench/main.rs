//! Measurements, one command: `cargo test -p rollcall-tests --test bench` (`-- --help` says what else it understands).
//!
//! Whole processes are measured: time on the wall, time on the processors, the most memory. A floor is the least that
//! something can cost, measured in the same run by a program of its own; ratios against it are what travels from one
//! machine to another. Nothing here is ever an assertion on time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a measurement may panic")]
#![allow(clippy::print_stdout, reason = "it prints a table")]
#![forbid(unsafe_code)]

mod directory;
mod file;
mod floor;
mod languages;
mod latency;
mod ldap;
mod management;
mod process;
mod sandbox;
mod schedule;
#[allow(dead_code, reason = "the end-to-end tests use the rest")]
#[path = "../e2e/serving.rs"]
mod serving;
mod table;

use std::path::PathBuf;

use crate::table::Table;

const USAGE: &str = "\
usage: cargo test -p rollcall-tests --test bench -- [--users N] [--only PART] [--json FILE] [--against FILE]

  --users N        how many users a directory has (100000)
  --only PART      only the rows whose name contains this
  --json FILE      write the figures to a file
  --against FILE   compare with the figures of an earlier file";

/// What somebody wants to know.
pub(crate) struct Wanted {
    pub(crate) users: usize,
    only: Option<String>,
    json: Option<PathBuf>,
    against: Option<PathBuf>,
}

impl Wanted {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut wanted = Self { users: 100_000, only: None, json: None, against: None };
        while let Some(flag) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("`{flag}` needs a value"));
            match flag.as_str() {
                "--users" => wanted.users = value()?.parse().map_err(|_| "`--users` needs a number")?,
                "--only" => wanted.only = Some(value()?),
                "--json" => wanted.json = Some(value()?.into()),
                "--against" => wanted.against = Some(value()?.into()),
                "--help" => return Err(String::new()),
                _ => return Err(format!("`{flag}` is not known")),
            }
        }
        Ok(wanted)
    }

    /// Tells whether somebody wants to see a part of the table.
    pub(crate) fn wants(&self, part: &str) -> bool {
        self.only.as_ref().is_none_or(|only| part.contains(only.as_str()))
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    // A floor is measured as a process of its own: this one, started again.
    if arguments.peek().is_some_and(|first| first == floor::FLAG) {
        return floor::run(arguments.skip(1));
    }
    let wanted = match Wanted::read(arguments) {
        Ok(wanted) => wanted,
        Err(why) => {
            println!("{why}\n{USAGE}");
            return;
        }
    };
    let mut table = Table::new(wanted.against.as_deref());
    file::measure(&wanted, &mut table);
    directory::measure(&wanted, &mut table);
    latency::measure(&wanted, &mut table);
    ldap::measure(&wanted, &mut table);
    management::measure(&wanted, &mut table);
    schedule::measure(&wanted, &mut table);
    sandbox::measure(&wanted, &mut table);
    languages::measure(&wanted, &mut table);
    if let Some(path) = &wanted.json {
        table.write(path);
    }
}
