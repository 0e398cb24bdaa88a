//! `connector fixture`: a recording that somebody sent, made fit to be kept; shown to read as the recording does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rollcall_core::text::count;
use rollcall_core::{Cell, Diagnostic, Record, Text, codes};
use rollcall_edges::directory::DirectoryError;
use rollcall_net::{FixtureTold, FixtureWish, NetError, Pseudonyms, Scrubber};
use serde_json::json;

use crate::args::{FixtureArgs, Global};
use crate::commands::connector::files;
use crate::commands::connector::read::{Reading, reading, record_json};
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::json as shapes;
use crate::view::text::{shown, table};
use crate::wiring::Session;

/// How many random bytes a key has that nobody keeps.
const KEY_BYTES: usize = 32;
/// How many bytes a key has at least that somebody gives: whoever guesses it finds telephone numbers by trying.
const KEY_BYTES_MIN: usize = 16;
/// The widest column of a table, in characters.
const WIDEST: usize = 40;

/// Runs the command.
pub(super) async fn fixture(global: &Global, output: &Output, args: &FixtureArgs) -> Result<u8, Failure> {
    let from = &args.recording;
    let to = args.out.clone().unwrap_or_else(|| from.with_extension("fixture.recording"));
    if to.canonicalize().is_ok_and(|to| from.canonicalize().is_ok_and(|from| from == to)) {
        return Err(usage(
            "the fixture would take the place of the recording",
            "give another file with `--out`",
        ));
    }
    if to.exists() && !args.force {
        let message = format!("`{}` stands there already, and nothing was written", to.display());
        return Err(Failure::new(exit::ERROR, codes::FILE, message)
            .hint("`--force` writes over it, `--out FILE` writes another"));
    }
    let mut session = args.job.as_ref().map(|job| Session::open(global, job)).transpose()?;
    let secrets = Scrubber::default();
    for directory in session.iter().flat_map(|session| &session.job.directories) {
        for credential in directory.credentials.values() {
            rollcall_job::credential::at_hand(credential).iter().for_each(|secret| secrets.add(secret));
        }
    }
    let wish = FixtureWish { pseudonyms: pseudonyms(args)?, secrets };
    // Written under its name only once it has shown what it must.
    let part = to.with_extension(format!("unproved-{}", std::process::id()));
    let told = rollcall_net::fixture(from, &part, &wish).map_err(failed)?;
    let proved = match &mut session {
        Some(session) => proved(session, from, &part, args.pseudonyms).await.map(Some),
        None => Ok(None),
    };
    let done = proved.and_then(|proved| match std::fs::rename(&part, &to) {
        Ok(()) => Ok(proved),
        Err(error) => {
            let message = format!("`{}` cannot be written: {error}", to.display());
            Err(Failure::new(exit::ERROR, codes::FILE, message).hint("check the folder and its permissions"))
        }
    });
    if done.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    tell(output, &to, &told, done?, args.pseudonyms);
    Ok(exit::DONE)
}

fn usage(message: &str, hint: &str) -> Failure {
    Failure::new(exit::USAGE, codes::USAGE, message).hint(hint)
}

fn failed(error: NetError) -> Failure {
    let diagnostics = match DirectoryError::from(error) {
        DirectoryError::Refused(why) => vec![*why],
        other => vec![Diagnostic::error(codes::RECORDING_INVALID, other.to_string())],
    };
    Failure { exit: exit::INVALID, diagnostics }
}

fn pseudonyms(args: &FixtureArgs) -> Result<Option<Pseudonyms>, Failure> {
    if !args.pseudonyms {
        return Ok(None);
    }
    let key = match &args.key {
        Some(text) => {
            let key = files::credential("--key", text)?.expose().as_bytes().to_vec();
            if key.len() < KEY_BYTES_MIN {
                let message = format!("the key has {}, and could be guessed", count(key.len(), "byte"));
                return Err(Failure::new(exit::INVALID, codes::KEY_INVALID, message)
                    .hint("draw one: `head -c 32 /dev/urandom | base64 > pseudonyms.key`"));
            }
            key
        }
        None => {
            let mut key = vec![0; KEY_BYTES];
            getrandom::fill(&mut key).map_err(|error| {
                Failure::new(exit::ERROR, codes::KEY_INVALID, format!("no key can be drawn: {error}"))
            })?;
            key
        }
    };
    Ok(Some(Pseudonyms { key, personal: args.personal.clone(), keep: args.keep.clone() }))
}

/// Replays the recording and the fixture, and holds the two readings against each other. Gives the users and pages.
async fn proved(
    session: &mut Session,
    from: &Path,
    part: &Path,
    pseudonyms: bool,
) -> Result<(usize, usize), Failure> {
    let connector = rollcall_net::Replay::open(from).map_err(failed)?.header().connector.clone();
    let names: Vec<String> = session.both().map(|both| both.1.name().to_owned()).collect();
    let is_ours: Vec<usize> = (0..names.len()).filter(|at| names[*at] == connector).collect();
    let at = match is_ours[..] {
        [at] => at,
        [] => {
            let read_by = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
            let message = format!(
                "the recording was made with the connector `{connector}`, and the job reads with {read_by}"
            );
            let hint = "give a job whose connector has that name; where it was renamed since, write the new one into the \
                        recording's first line";
            return Err(usage(&message, hint));
        }
        _ => {
            let message =
                format!("the job has {} that `{connector}` reads", count(is_ours.len(), "directory"));
            return Err(usage(&message, "give a job that has the one that was recorded alone"));
        }
    };
    let before = replayed(session, at, from).await?;
    let after = replayed(session, at, part).await?;
    if let Some(why) = differs(&before, &after, pseudonyms) {
        let message = format!("the fixture does not read as the recording does: {why}");
        return Err(Failure::new(exit::INVALID, codes::RECORDING_INVALID, message)
            .hint("no fixture was written; `--keep KEY` leaves a key's values as they are"));
    }
    Ok((after.records.len(), after.pages.len()))
}

async fn replayed(session: &mut Session, at: usize, path: &Path) -> Result<Reading, Failure> {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if let Some(directory) = session.job.directories.get_mut(at) {
        directory.recording = Some(path);
    }
    let Some(both) = session.both().nth(at) else {
        return Err(usage("the job has no such directory", "give the job that it was recorded with"));
    };
    let read = session.unless_stopped(reading(session, both, usize::MAX)).await;
    session.progress.clear();
    read?.map_err(|mut failure| {
        // The job may have another recording, or none.
        for why in failure.diagnostics.iter_mut().filter(|why| why.code == codes::RECORDING_INVALID) {
            why.hint = Some(
                "give the job as it was when it was recorded, or record what it asks for now, with `--record`".into(),
            );
        }
        failure
    })
}

/// Says in what two readings differ. With pseudonyms they have the same pages, the same users in the same order, with the same
/// attributes, and whoever names another's id names the same one.
fn differs(before: &Reading, after: &Reading, pseudonyms: bool) -> Option<String> {
    if before.whole != after.whole || before.pages != after.pages {
        let pages = |reading: &Reading| count(reading.pages.len(), "page");
        return Some(format!("{} in the place of {}, or of other sizes", pages(after), pages(before)));
    }
    if before.records.len() != after.records.len() {
        let users = |reading: &Reading| count(reading.records.len(), "user");
        return Some(format!("{} in the place of {}", users(after), users(before)));
    }
    if !pseudonyms {
        let at = before
            .records
            .iter()
            .zip(&after.records)
            .position(|(one, other)| record_json(one) != record_json(other));
        return at.map(|at| format!("user {} is another", at + 1));
    }
    let (one, other) = (shape(&before.records), shape(&after.records));
    let at = one.iter().zip(&other).position(|(one, other)| one != other);
    at.map(|at| format!("user {} has other attributes, or names another user", at + 1))
}

/// What must be left of a user: which attributes have how many values, and whose ids they are.
type Shape = BTreeMap<Text, (usize, BTreeSet<usize>)>;

fn shape(records: &[Record]) -> Vec<Shape> {
    let ids: BTreeMap<&str, usize> =
        records.iter().enumerate().map(|(at, record)| (&*record.id.native, at)).collect();
    let values = |cell: &Cell| -> Vec<Text> {
        match cell {
            Cell::Text(text) => vec![text.clone()],
            Cell::Texts(texts) => texts.iter().cloned().collect(),
            Cell::Integer(number) => vec![number.to_string().into()],
            Cell::None | Cell::Boolean(_) | Cell::Bytes(_) => Vec::new(),
        }
    };
    let of = |record: &Record| -> Shape {
        let cells = record.iter().filter(|(_, cell)| **cell != Cell::None);
        let told = cells.map(|(name, cell)| {
            let values = values(cell);
            let named = values.iter().filter_map(|value| ids.get(&**value).copied()).collect();
            (name.clone(), (values.len(), named))
        });
        told.collect()
    };
    records.iter().map(of).collect()
}

fn tell(output: &Output, to: &Path, told: &FixtureTold, proved: Option<(usize, usize)>, pseudonyms: bool) {
    let to: PathBuf = to.to_owned();
    if output.json {
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION, "fixture": to.display().to_string(), "lines": told.lines,
            "replaced": told.replaced, "sought": told.sought, "taken_out": told.blanked,
            "replayed": proved.map(|(users, pages)| json!({ "users": users, "pages": pages })),
        })));
        return;
    }
    let mut out = format!(
        "{}\n{}; no secret was found in it\n",
        shown(&to.display().to_string()),
        count(told.lines, "line")
    );
    let _ = match proved {
        Some((users, pages)) => writeln!(
            out,
            "it replays as the recording does: {} on {}",
            count(users, "user"),
            count(pages, "page")
        ),
        None => writeln!(out, "it was not replayed: `--job JOB` does that"),
    };
    if pseudonyms {
        let rows: Vec<Vec<String>> =
            told.replaced.iter().map(|(key, times)| vec![key.clone(), times.to_string()]).collect();
        let _ = writeln!(out, "\n{}", table(&["where", "replaced"], &rows, WIDEST).trim_end());
        let _ = writeln!(
            out,
            "\n{} looked for in what was written, and none found. Servers' names, departments and what else names nobody \
             stands as it was.",
            count(told.sought, "true value")
        );
    }
    for what in &told.blanked {
        let _ = writeln!(out, "taken out: {}", shown(what));
    }
    output.human(&out);
}
