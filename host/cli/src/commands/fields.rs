//! `fields`: the directory's attributes, with types, sample values and how many users have each.

use std::collections::BTreeMap;
use std::path::Path;

use rollcall_core::{Cell, Text};
use rollcall_edges::directory::{AttributeInfo, Directory as _};
use rollcall_edges::mirror::Mirror as _;
use rollcall_engine::pull::{Pull, Source};
use rollcall_job::job::DirectoryJob;
use rollcall_state::MirrorFile;
use serde_json::json;

use crate::args::Global;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::json as shapes;
use crate::view::text::table;
use crate::wiring::{Loaded, Session};

/// How many records are looked at together.
const BATCH_RECORDS: u32 = 1_000;
/// The longest sample that is shown, in characters.
const SAMPLE_CHARS_MAX: usize = 40;

#[derive(Clone, Default)]
struct Seen {
    users: usize,
    sample: String,
}

/// Runs the command.
pub(crate) async fn run(global: &Global, output: &Output, job: &Path) -> Result<u8, Failure> {
    let session = Session::open(global, job)?;
    // A survey selects other attributes than a run, so it has a mirror of its own.
    let mut mirror = session.survey_mirror().await?;
    let several = session.job.directories.len() > 1;
    let (mut lines, mut payload, mut total) = (Vec::new(), Vec::new(), 0);
    let mut unused = String::new();
    for both in session.both() {
        let survey = survey(&session, both, &mut mirror).await?;
        let name = &both.0.name;
        total += survey.users;
        // A schema has hundreds of attributes, of which people have a few.
        let (had, empty): (Vec<_>, Vec<_>) =
            survey.known.iter().partition(|info| survey.seen.contains_key(&info.name));
        let listed = if had.is_empty() { empty.len() } else { had.len() };
        if !had.is_empty() && !empty.is_empty() {
            let names: Vec<&str> = empty.iter().map(|info| &*info.name).collect();
            let of = if several { format!(" of `{name}`") } else { String::new() };
            unused.push_str(&format!("\nNobody{of} has: {}.\n", names.join(", ")));
        }
        for (at, info) in had.into_iter().chain(empty).enumerate() {
            let seen = survey.seen.get(&info.name).cloned().unwrap_or_default();
            let mut field = json!({
                "name": info.name, "type": info.kind, "many": info.many, "about": info.about, "users": seen.users,
                "sample": seen.sample,
            });
            if several {
                field["directory"] = json!(name);
            }
            payload.push(field);
            if at >= listed {
                continue;
            }
            let kind = if info.many { format!("{} (several)", info.kind) } else { info.kind.to_string() };
            let line = vec![info.name.to_string(), kind, seen.users.to_string(), seen.sample];
            lines.push(if several { [vec![name.to_string()], line].concat() } else { line });
        }
    }
    session.progress.clear();
    if output.json {
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION, "directory_users": total, "attributes": payload,
        })));
    }
    let headings = ["directory", "attribute", "type", "users", "sample"];
    output.human(&table(&headings[usize::from(!several)..], &lines, SAMPLE_CHARS_MAX));
    output.human(&unused);
    let were = if total == 1 { "was" } else { "were" };
    output.human(&format!("\n{} {were} read.\n", rollcall_core::text::count(total, "user")));
    Ok(exit::DONE)
}

/// What one directory has.
struct Survey {
    known: Vec<AttributeInfo>,
    seen: BTreeMap<Text, Seen>,
    users: usize,
}

/// Reads a directory with all of its attributes.
async fn survey(
    session: &Session,
    both: (&DirectoryJob, &Loaded),
    mirror: &mut MirrorFile,
) -> Result<Survey, Failure> {
    let known = session.connect(both, None, &[]).await?.attributes().await?.known;
    let all: Vec<Text> = known.iter().map(|attribute| attribute.name.clone()).collect();
    let mut directory = session.connect(both, None, &all).await?;
    let name = both.0.name.clone();
    let mut source = Source {
        name: name.clone(),
        directory: &mut directory,
        connector: Text::default(),
        scope: b"survey".to_vec(),
        // A survey always reads everything.
        full_every_ms: 0,
    };
    let mut pull = Pull {
        mirror: &mut *mirror,
        now: session.clock.now(),
        observer: &*session.progress,
        cancel: session.cancel(),
        pulled: 0,
    };
    let users = pull.read(&mut source).await;
    let users = users.map_err(|error| session.beyond_recording("fields", session.failure(error)))?.users;
    let mut seen: BTreeMap<Text, Seen> = BTreeMap::new();
    let mut after = None;
    loop {
        let records = mirror.records(&name, after.as_deref(), BATCH_RECORDS).await?;
        let Some(last) = records.last() else { return Ok(Survey { known, seen, users }) };
        after = Some(last.id.native.clone());
        for (attribute, cell) in records.iter().flat_map(rollcall_core::Record::iter) {
            count(seen.entry(attribute.clone()).or_default(), cell);
        }
    }
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
