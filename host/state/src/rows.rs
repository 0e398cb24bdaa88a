//! Rows of `state.db` to values and back.

use rollcall_core::memory::{Link, MatchedBy, Missing};
use rollcall_core::script::ExtensionKind;
use rollcall_core::{RecordId, Text};
use rollcall_edges::clock::Instant;
use rollcall_edges::state::{Intent, Journalled, RunRow, Settled};
use rollcall_sqlite::Row;

use crate::seal::Seal;
use crate::shapes::Shaper;
use crate::sql::Worked;

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
                               extension_type FROM link WHERE job = ?1 ORDER BY directory, native";

pub(crate) fn link(seal: &Seal, job: &str, row: &Row<'_>) -> Worked<Link> {
    let id = record_id(row, 0)?;
    let name = link_row(job, &id);
    let fields = |index: usize| -> Worked<_> {
        Ok(Shaper { seal, row: &name }.fields_back(row.get_ref(index)?.as_str()?)?)
    };
    let reads = row.get::<_, Option<i64>>(9)?.unwrap_or(0);
    let missing = row
        .get::<_, Option<i64>>(8)?
        .map(|since_ms| Missing { since_ms, reads: u32::try_from(reads).unwrap_or(u32::MAX) });
    let template: Option<Text> = row.get(13)?;
    Ok(Link {
        key: row.get(2)?,
        guid: row.get(3)?,
        written: fields(4)?,
        rule: row.get(5)?,
        number_by_rule: row.get(6)?,
        user_template: row.get(12)?,
        extension: match template {
            Some(template) => Some(ExtensionKind::Template(template)),
            None => row.get::<_, Option<Text>>(14)?.map(ExtensionKind::Type),
        },
        record: row.get(7)?,
        kept: fields(10)?,
        matched_by: row.get_ref(11)?.as_str_or_null()?.and_then(MatchedBy::by_word),
        missing,
        id,
    })
}

/// The columns that [`run`] reads, in order.
pub(crate) const RUN: &str = "SELECT id, job, kind, started, ended, exit FROM run";

pub(crate) fn run(row: &Row<'_>) -> Worked<RunRow> {
    Ok(RunRow {
        id: row.get(0)?,
        job: row.get(1)?,
        kind: row.get(2)?,
        started: Instant(row.get(3)?),
        ended: row.get::<_, Option<i64>>(4)?.map(Instant),
        exit: row.get::<_, Option<i64>>(5)?.and_then(|exit| i32::try_from(exit).ok()),
    })
}

/// Reads an operation from the columns run, seq, change, directory, native, key, write, settled, why, sent.
pub(crate) fn op(seal: &Seal, row: &Row<'_>) -> Worked<Journalled> {
    let seq = row.get::<_, i64>(1)?;
    let name = op_row(row.get_ref(0)?.as_str()?, seq);
    let why = row.get::<_, Option<String>>(8)?.unwrap_or_default();
    let settled = match row.get_ref(7)?.as_str_or_null()? {
        None => None,
        Some("applied") => Some(Settled::Applied),
        Some("failed") => Some(Settled::Failed(why)),
        Some(_) => Some(Settled::Unknown(why)),
    };
    let (directory, native): (Option<Text>, Option<Text>) = (row.get(3)?, row.get(4)?);
    Ok(Journalled {
        intent: Intent {
            seq: u32::try_from(seq).unwrap_or(u32::MAX),
            change: u32::try_from(row.get::<_, i64>(2)?).unwrap_or(u32::MAX),
            id: directory.zip(native).map(|(directory, native)| RecordId { directory, native }),
            key: row.get(5)?,
            write: Shaper { seal, row: &name }.write_back(row.get_ref(6)?.as_str()?)?,
        },
        sent: row.get::<_, Option<i64>>(9)?.map(Instant),
        settled,
    })
}

/// Reads a record's id from two columns: directory, native.
pub(crate) fn record_id(row: &Row<'_>, first: usize) -> Worked<RecordId> {
    Ok(RecordId { directory: row.get(first)?, native: row.get(first + 1)? })
}
