//! The table: a row for each measurement, printed as it is made, with its ratio to the floor and to an earlier time.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::process::Used;

/// The rows so far.
pub(crate) struct Table {
    rows: BTreeMap<String, Value>,
    before: BTreeMap<String, Value>,
}

impl Table {
    /// Begins; `against`: the figures of an earlier run.
    pub(crate) fn new(against: Option<&Path>) -> Self {
        let read = |path: &Path| {
            serde_json::from_str(&std::fs::read_to_string(path).unwrap())
                .expect("the earlier figures are no JSON")
        };
        println!("{:<58} {:>8} {:>8} {:>7}", "", "wall s", "CPU s", "MB");
        Self { rows: BTreeMap::new(), before: against.map(read).unwrap_or_default() }
    }

    /// Adds a row. `floor`: the least that it can cost; `more`: what else is to be said, in one clause.
    pub(crate) fn row(&mut self, name: &str, used: Used, floor: Option<Used>, more: &str) {
        let (wall, cpu) = (used.wall.as_secs_f64(), used.cpu.as_secs_f64());
        let memory = used.memory as f64 / 1e6;
        let mut told = format!("{name:<58} {wall:>8.2} {cpu:>8.2} {memory:>7.0}");
        if let Some(floor) = floor {
            let ratio = cpu / floor.cpu.as_secs_f64().max(0.005);
            told.push_str(&format!("  {ratio:.1} x the floor's CPU"));
        }
        if let Some(before) = self.before.get(name).and_then(|row| row["cpu_s"].as_f64()) {
            told.push_str(&format!("  {:.2} x before", cpu / before.max(0.005)));
        }
        if !more.is_empty() {
            told.push_str(&format!("  {more}"));
        }
        println!("{told}");
        let floor = floor.map(|floor| floor.cpu.as_secs_f64());
        let row = json!({"wall_s": wall, "cpu_s": cpu, "memory_bytes": used.memory, "floor_cpu_s": floor, "more": more});
        self.rows.insert(name.to_owned(), row);
    }

    /// Writes the figures.
    pub(crate) fn write(&self, path: &Path) {
        std::fs::write(path, serde_json::to_string_pretty(&self.rows).unwrap() + "\n").unwrap();
    }
}
