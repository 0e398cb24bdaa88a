//! The least that something can cost: the same work by a few lines of Rust, in a process of its own.

use std::collections::BTreeMap;
use std::process::Command;

use rollcall_sqlite::{Connection, ToSql};

use crate::process::{Used, measured};

/// What the first argument is where this program is to be a floor.
pub(crate) const FLAG: &str = "--floor";

/// Measures a floor.
pub(crate) fn floor(arguments: &[&str]) -> Used {
    let mut command = Command::new(std::env::current_exe().unwrap());
    measured(command.arg(FLAG).args(arguments)).0
}

/// Is a floor.
pub(crate) fn run(mut arguments: impl Iterator<Item = String>) {
    let what = arguments.next().unwrap();
    let path = arguments.next().unwrap();
    match what.as_str() {
        "map" => map(&path),
        "rows" => rows(&path, arguments.next().unwrap().parse().unwrap()),
        "sandbox" => crate::sandbox::run(&path),
        "language" => crate::languages::run(&path, &arguments.next().unwrap()),
        _ => panic!("`{what}` is no floor"),
    }
}

/// Reads the people and makes of each what the job's fields and rules make, by hand.
fn map(path: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut users = BTreeMap::new();
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let [id, display, given, surname, mail, phone, mobile, country, department, site, code] = cells[..]
        else {
            panic!("a row of {} cells", cells.len());
        };
        let mut name: String =
            format!("{given} {surname}").chars().filter(|c| !"<>|:*".contains(*c)).collect();
        name.truncate(15);
        let extension = phone.rsplit_once('x').map(|(_, number)| number.to_owned());
        let digits: String = mobile.chars().filter(char::is_ascii_digit).collect();
        let mobile = (country == "GB").then(|| format!("+44{}", digits.trim_start_matches('0')));
        let rule = match department {
            "Sales" => "Sales",
            "Marketing" => "Marketing",
            _ => "Others",
        };
        let rest = [display, mail, department, site, code, rule].map(str::to_owned);
        users.insert(id.to_owned(), (name, extension, mobile, rest));
    }
    println!("{}", users.len());
}

/// Writes a user, two lines of a journal and a link for each, in transactions of 64, each on the disk when it returns.
fn rows(path: &str, users: usize) {
    let mut connection = Connection::open(path).unwrap();
    let set_up = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;\
                  CREATE TABLE user (id TEXT PRIMARY KEY, elements TEXT) STRICT, WITHOUT ROWID;\
                  CREATE TABLE journal (seq INTEGER PRIMARY KEY, what TEXT) STRICT;\
                  CREATE TABLE link (id TEXT PRIMARY KEY, written TEXT) STRICT, WITHOUT ROWID;";
    connection.execute_batch(set_up).unwrap();
    let elements = format!("{{\"elements\": \"{}\"}}", "x".repeat(400));
    for window in (0..users).collect::<Vec<_>>().chunks(64) {
        let transaction = connection.transaction().unwrap();
        let run = |statement, values: &[&dyn ToSql]| {
            transaction.prepare_cached(statement).unwrap().execute(values).unwrap();
        };
        for n in window {
            let id = format!("u{n}");
            run("INSERT INTO user VALUES (?1, ?2)", &[&id, &elements]);
            for what in ["intent", "outcome"] {
                run("INSERT INTO journal (what) VALUES (?1)", &[&what]);
            }
            run("INSERT INTO link VALUES (?1, ?2)", &[&id, &elements]);
        }
        transaction.commit().unwrap();
    }
}
