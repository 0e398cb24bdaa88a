//! `fields`: the directory's attributes, with types, sample values and how many users have each.

use std::collections::BTreeMap;
use std::path::Path;

use rollcall_core::{Cell, Text};
use rollcall_edges::state::Mirror as _;
use rollcall_engine::pull::pull;
use serde_json::json;

use crate::args::Global;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::json as shapes;
use crate::view::text::table;
use crate::wiring::Session;

/// How many records are looked at together.
const BATCH_RECORDS: u32 = 1_000;
/// The longest sample that is shown, in characters.
const SAMPLE_CHARS_MAX: usize = 40;

#[derive(Default)]
struct Seen {
    users: usize,
    sample: String,
}

/// Runs the command.
pub(crate) async fn run(global: &Global, output: &Output, job: &Path) -> Result<u8, Failure> {
    let mut session = Session::open(global, job)?;
    let known = session.all_attributes().await?;
    session.select_all(&known);
    let mut directory = session.directory(None).await?;
    // A survey selects other attributes than a run, so it has a mirror of its own.
    let mut mirror = session.survey_mirror().await?;
    let name = session.job.directory.name.clone();
    let users = pull(&mut directory, &mut mirror, &name, b"survey", &*session.progress, session.cancel())
        .await
        .map_err(|error| session.beyond_recording("fields", session.failure(error)))?;
    let mut seen: BTreeMap<Text, Seen> = BTreeMap::new();
    let mut after = None;
    loop {
        let records = mirror.records(&name, after.as_deref(), BATCH_RECORDS).await?;
        let Some(last) = records.last() else { break };
        after = Some(last.id.native.clone());
        for (attribute, cell) in records.iter().flat_map(rollcall_core::Record::iter) {
            count(seen.entry(attribute.clone()).or_default(), cell);
        }
    }
    session.progress.clear();
    let none = Seen::default();
    let rows: Vec<(&Text, &str, bool, &str, &Seen)> = known
        .iter()
        .map(|a| (&a.name, &*a.kind, a.many, a.about.as_str(), seen.get(&a.name).unwrap_or(&none)))
        .collect();
    if output.json {
        let fields = rows.iter().map(|(name, kind, many, about, seen)| {
            json!({ "name": name, "type": kind, "many": many, "about": about, "users": seen.users, "sample": seen.sample })
        });
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION, "directory_users": users, "attributes": fields.collect::<Vec<_>>(),
        })));
    }
    let cells = rows.iter().map(|(name, kind, many, _, seen)| {
        let kind = if *many { format!("{kind} (several)") } else { (*kind).to_owned() };
        vec![name.to_string(), kind, seen.users.to_string(), seen.sample.clone()]
    });
    output.human(&table(
        &["attribute", "type", "users", "sample"],
        &cells.collect::<Vec<_>>(),
        SAMPLE_CHARS_MAX,
    ));
    let were = if users == 1 { "was" } else { "were" };
    output.human(&format!("\n{} {were} read.\n", rollcall_core::text::count(users, "user")));
    Ok(exit::DONE)
}

fn count(seen: &mut Seen, cell: &Cell) {
    let sample = match cell {
        Cell::None => return,
        Cell::Text(text) => text.to_string(),
        Cell::Integer(number) => number.to_string(),
        Cell::Boolean(yes) => yes.to_string(),
        Cell::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Cell::Texts(texts) => texts.join(", "),
    };
    seen.users += 1;
    if seen.sample.is_empty() {
        seen.sample = sample.chars().take(SAMPLE_CHARS_MAX).collect();
    }
}
