//! Rows of `state.db` to values and back.

use rollcall_core::memory::{Link, MatchedBy, Missing};
use rollcall_core::script::ExtensionKind;
use rollcall_core::{RecordId, Text};
use rollcall_edges::clock::Instant;
use rollcall_edges::state::{Intent, Journalled, RunRow, Settled, StateError};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::seal::Seal;
use crate::shapes::Shaper;

/// What a link's row is called: its codes are bound to it.
pub(crate) fn link_row(job: &str, id: &RecordId) -> String {
    format!("link|{job}|{}|{}", id.directory, id.native)
}

/// What an operation's row is called.
pub(crate) fn op_row(run: &str, seq: i64) -> String {
    format!("op|{run}|{seq}")
}

/// The columns that [`link`] reads, in order.
pub(crate) const LINK: &str = "SELECT directory, native, key, guid, written, rule, number_by_rule, record, \
                               missing_since, missing_reads, kept, matched_by, user_template, extension_template, \
                               extension_type FROM link WHERE job = $1 ORDER BY directory, native";

pub(crate) fn link(seal: &Seal, job: &str, row: &SqliteRow) -> Result<Link, StateError> {
    let id = record_id(row.get(0), row.get(1));
    let name = link_row(job, &id);
    let missing = row.get::<Option<i64>, _>(8).map(|since_ms| Missing {
        since_ms,
        reads: u32::try_from(row.get::<Option<i64>, _>(9).unwrap_or(0)).unwrap_or(u32::MAX),
    });
    Ok(Link {
        key: text(row, 2),
        guid: text(row, 3),
        written: Shaper { seal, row: &name }.fields_back(row.get(4))?,
        rule: row.get::<Option<String>, _>(5).map(Text::from),
        number_by_rule: row.get(6),
        user_template: optional(row, 12),
        extension: optional(row, 13)
            .map(ExtensionKind::Template)
            .or_else(|| optional(row, 14).map(ExtensionKind::Type)),
        record: row.get::<Option<String>, _>(7).map(Text::from),
        kept: Shaper { seal, row: &name }.fields_back(row.get(10))?,
        matched_by: row.get::<Option<&str>, _>(11).and_then(MatchedBy::by_word),
        missing,
        id,
    })
}

/// The columns that [`run`] reads, in order.
pub(crate) const RUN: &str = "SELECT id, job, kind, started, ended, exit, document FROM run";

pub(crate) fn run(row: &SqliteRow) -> RunRow {
    RunRow {
        id: text(row, 0),
        job: text(row, 1),
        kind: text(row, 2),
        started: Instant(row.get(3)),
        ended: row.get::<Option<i64>, _>(4).map(Instant),
        exit: row.get::<Option<i64>, _>(5).and_then(|exit| i32::try_from(exit).ok()),
        document: row.get(6),
    }
}

/// Reads an operation from the columns run, seq, change, directory, native, key, write, settled, why, sent.
pub(crate) fn op(seal: &Seal, row: &SqliteRow) -> Result<Journalled, StateError> {
    let seq = row.get::<i64, _>(1);
    let name = op_row(row.get(0), seq);
    let why = || row.get::<Option<String>, _>(8).unwrap_or_default();
    let settled = match row.get::<Option<&str>, _>(7) {
        None => None,
        Some("applied") => Some(Settled::Applied),
        Some("failed") => Some(Settled::Failed(why())),
        Some(_) => Some(Settled::Unknown(why())),
    };
    let directory = row.get::<Option<String>, _>(3);
    Ok(Journalled {
        intent: Intent {
            seq: u32::try_from(seq).unwrap_or(u32::MAX),
            change: u32::try_from(row.get::<i64, _>(2)).unwrap_or(u32::MAX),
            id: directory.zip(row.get(4)).map(|(directory, native)| record_id(directory, native)),
            key: text(row, 5),
            write: Shaper { seal, row: &name }.write_back(row.get(6))?,
        },
        sent: row.get::<Option<i64>, _>(9).map(Instant),
        settled,
    })
}

pub(crate) fn record_id(directory: String, native: String) -> RecordId {
    RecordId { directory: directory.into(), native: native.into() }
}

fn text(row: &SqliteRow, index: usize) -> Text {
    row.get::<String, _>(index).into()
}

fn optional(row: &SqliteRow, index: usize) -> Option<Text> {
    row.get::<Option<String>, _>(index).map(Text::from)
}
