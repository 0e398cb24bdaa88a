//! `connector run`: one reading, through the way that runs take, for whoever writes a connector to look at.

use std::collections::BTreeMap;
use std::path::Path;

use rollcall_connectors::Usage;
use rollcall_core::text::count;
use rollcall_core::{Cell, Record, Text};
use rollcall_edges::directory::{Directory as _, RecordChange};
use rollcall_job::job::DirectoryJob;
use serde_json::{Map, Value, json};

use crate::args::Global;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::text::{shown, table};
use crate::wiring::{Loaded, Session};

/// The widest column of a table, in characters.
const WIDEST: usize = 32;
/// How many attributes without a value are named.
const NAMED: usize = 20;

/// What one reading gave.
pub(super) struct Reading {
    /// In the order in which they came first; what came again stands as it came last.
    pub(super) records: Vec<Record>,
    /// How many changes each page had.
    pub(super) pages: Vec<usize>,
    /// Whether the reading came to its end.
    pub(super) whole: bool,
    usage: Usage,
}

/// Runs the command.
pub(super) async fn read(
    global: &Global,
    output: &Output,
    job: &Path,
    limit: Option<u64>,
) -> Result<u8, Failure> {
    let session = Session::open(global, job)?;
    let most = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let several = session.job.directories.len() > 1;
    for both in session.both() {
        let reading = session.unless_stopped(reading(&session, both, most)).await;
        session.progress.clear();
        let reading = reading??;
        if output.json {
            for record in &reading.records {
                output.payload(&line(&with_name(record_json(record), several, both.0)));
            }
            output.payload(&line(&with_name(end_json(&reading), several, both.0)));
        } else {
            if several {
                output.human(&format!("{} ({})\n", shown(&both.0.name), shown(&both.0.connector)));
            }
            output.human(&human(&reading));
        }
    }
    Ok(exit::DONE)
}

/// Reads a directory, at most so many records.
pub(super) async fn reading(
    session: &Session,
    both: (&DirectoryJob, &Loaded),
    most: usize,
) -> Result<Reading, Failure> {
    let all = session.every_attribute(both).await?;
    let mut connector = session.connect(both, None, &all).await?;
    let mut listing = connector.open(None).await.map_err(|error| session.failure(error.into()))?;
    let mut at: BTreeMap<Text, usize> = BTreeMap::new();
    let mut records: Vec<Option<Record>> = Vec::new();
    let (mut pages, mut whole) = (Vec::new(), false);
    while !whole && at.len() < most {
        let page = listing.next().await.map_err(|error| session.failure(error.into()))?;
        pages.push(page.changes.len());
        whole = page.end.is_some();
        for change in page.changes {
            match change {
                RecordChange::Whole(record) => {
                    let place = *at.entry(record.id.native.clone()).or_insert(records.len());
                    if place == records.len() {
                        records.push(None);
                    }
                    records[place] = Some(record);
                }
                RecordChange::Gone(id) => {
                    if let Some(place) = at.remove(&id) {
                        records[place] = None;
                    }
                }
                // Of a reading from the beginning nobody is known in part.
                RecordChange::Part(..) => {}
            }
        }
    }
    let mut records: Vec<Record> = records.into_iter().flatten().collect();
    whole &= records.len() <= most;
    records.truncate(most);
    Ok(Reading { records, pages, whole, usage: connector.usage() })
}

fn cell_json(cell: &Cell) -> Value {
    match cell {
        Cell::None => Value::Null,
        Cell::Text(text) => json!(&**text),
        Cell::Integer(number) => json!(number),
        Cell::Boolean(yes) => json!(yes),
        Cell::Bytes(bytes) => json!(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
        Cell::Texts(texts) => json!(texts.iter().map(|text| &**text).collect::<Vec<_>>()),
    }
}

pub(super) fn record_json(record: &Record) -> Value {
    let cells = record.iter().filter(|(_, cell)| **cell != Cell::None);
    let attributes: Map<String, Value> =
        cells.map(|(name, cell)| (name.to_string(), cell_json(cell))).collect();
    json!({ "id": &*record.id.native, "attributes": attributes })
}

fn end_json(reading: &Reading) -> Value {
    let Reading { records, pages, whole, usage } = reading;
    json!({ "end": {
        "users": records.len(), "pages": pages.len(), "complete": whole, "memory_peak_bytes": usage.memory_peak_bytes,
        "cpu_ms": usage.cpu_ms, "requests": usage.requests, "bytes": usage.bytes,
        "without_values": columns(records).1,
    } })
}

fn with_name(mut value: Value, several: bool, directory: &DirectoryJob) -> Value {
    if several {
        value["directory"] = json!(&*directory.name);
    }
    value
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

/// Gives the attributes of which somebody has a value, and those of which nobody has one, each in their order.
fn columns(records: &[Record]) -> (Vec<&str>, Vec<&str>) {
    let mut seen: Vec<(&str, bool)> = Vec::new();
    for (name, cell) in records.iter().flat_map(Record::iter) {
        let has = *cell != Cell::None;
        match seen.iter_mut().find(|(known, _)| *known == &**name) {
            Some((_, known)) => *known |= has,
            None => seen.push((name, has)),
        }
    }
    let names = |wanted: bool| seen.iter().filter(|(_, has)| *has == wanted).map(|(name, _)| *name).collect();
    (names(true), names(false))
}

fn human(reading: &Reading) -> String {
    let Reading { records, pages, whole, usage } = reading;
    let (mut columns, without) = columns(records);
    // What stands in the first column anyway is not shown twice.
    let is_id = |name: &str| {
        name == "id"
            && records
                .iter()
                .all(|record| matches!(record.get(name), Cell::Text(id) if *id == record.id.native))
    };
    columns.retain(|name| !is_id(name));
    let mut hidden = without.iter().take(NAMED).map(|name| shown(name)).collect::<Vec<_>>().join(", ");
    if without.len() > NAMED {
        hidden += &format!(" and {} more", without.len() - NAMED);
    }
    if !hidden.is_empty() {
        hidden = format!("not shown, for none of them has a value: {hidden}\n");
    }
    let text = |cell: &Cell| match cell {
        Cell::Texts(texts) => texts.join(", "),
        Cell::Bytes(bytes) => count(bytes.len(), "byte"),
        Cell::None => String::new(),
        Cell::Text(text) => text.to_string(),
        Cell::Integer(number) => number.to_string(),
        Cell::Boolean(yes) => yes.to_string(),
    };
    let row = |record: &Record| {
        let cells = columns.iter().map(|name| text(record.get(name)));
        std::iter::once(record.id.native.to_string()).chain(cells).collect()
    };
    let rows: Vec<Vec<String>> = records.iter().map(row).collect();
    let head: Vec<String> = columns.iter().map(|name| shown(name)).collect();
    let head: Vec<&str> = std::iter::once("id").chain(head.iter().map(String::as_str)).collect();
    let users = match whole {
        true => count(records.len(), "user"),
        false => format!("the first {}", count(records.len(), "user")),
    };
    format!(
        "{}{hidden}\n{users} on {}: {}, {} read, {} of memory at most, {} ms of processor time.\n",
        table(&head, &rows, WIDEST),
        count(pages.len(), "page"),
        count(usage.requests, "request"),
        size(usage.bytes),
        size(usage.memory_peak_bytes),
        usage.cpu_ms
    )
}

/// Writes a number of bytes as a person says it.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => count(bytes, "byte"),
        1024..1_048_576 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{} MiB", bytes.div_ceil(1 << 20)),
    }
}
