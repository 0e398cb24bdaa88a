//! A whole reading, as the mirror would have it in the end.

use std::collections::BTreeMap;

use rollcall_core::text::count;
use rollcall_core::{Cell, Text};
use rollcall_edges::directory::{Coverage, Directory as _, DirectoryError, RecordChange, Token};

use crate::Connector;
use crate::words::tame;

/// Users by id, each with the attributes that it has.
pub(super) type Records = BTreeMap<Text, BTreeMap<Text, Cell>>;

/// A reading that ended well.
pub(super) struct Read {
    pub(super) records: Records,
    pub(super) pages: usize,
    pub(super) end: Coverage,
    pub(super) token: Option<Token>,
}

/// Reads to the end. `known`: what stands where the reading goes on from a position.
pub(super) async fn whole(
    connector: &mut Connector,
    since: Option<Token>,
    known: Records,
) -> Result<Read, DirectoryError> {
    let mut listing = connector.open(since).await?;
    let (mut pages, mut seen, mut gone) = (0, Records::new(), Vec::new());
    loop {
        let page = listing.next().await?;
        pages += 1;
        for change in page.changes {
            match change {
                RecordChange::Whole(record) => {
                    let cells = record.iter().filter(|(_, cell)| **cell != Cell::None);
                    let cells = cells.map(|(name, cell)| (name.clone(), cell.clone())).collect();
                    seen.insert(record.id.native.clone(), cells);
                }
                RecordChange::Gone(id) => {
                    seen.remove(&id);
                    gone.push(id);
                }
                RecordChange::Part(id, edits) => {
                    let Some(mut cells) = seen.get(&id).or_else(|| known.get(&id)).cloned() else { continue };
                    for (name, edit) in edits {
                        match edit.apply(cells.get(&name).unwrap_or(&Cell::None)) {
                            Cell::None => _ = cells.remove(&name),
                            cell => _ = cells.insert(name, cell),
                        }
                    }
                    seen.insert(id, cells);
                }
            }
        }
        let Some(end) = page.end else { continue };
        let records = match end {
            Coverage::Everything => seen,
            Coverage::Changes => {
                let mut records = known;
                records.retain(|id, _| !gone.contains(id));
                records.extend(seen);
                records
            }
        };
        return Ok(Read { records, pages, end, token: page.token });
    }
}

/// Says how the second differs from the first, in one clause.
pub(super) fn differ(one: &Records, other: &Records) -> Option<String> {
    if let Some(id) = one.keys().find(|id| !other.contains_key(*id)) {
        return Some(format!("{} users instead of {}; `{id}` is missing", other.len(), one.len()));
    }
    if let Some(id) = other.keys().find(|id| !one.contains_key(*id)) {
        return Some(format!("{} users instead of {}; `{id}` was not there", other.len(), one.len()));
    }
    one.iter().zip(other.values()).find_map(|((id, cells), others)| {
        let names = cells.keys().chain(others.keys());
        let mut differing = names.filter(|name| cells.get(*name) != others.get(*name));
        let name = differing.next()?;
        Some(format!("`{name}` of `{id}` is {} instead of {}", told(others.get(name)), told(cells.get(name))))
    })
}

/// Writes a cell for a message: no more of it than tells what is wrong.
pub(super) fn told(cell: Option<&Cell>) -> String {
    match cell {
        None | Some(Cell::None) => "nothing".to_owned(),
        Some(Cell::Text(text)) => format!("the text `{}`", tame(text, 40)),
        Some(Cell::Integer(number)) => format!("the number {number}"),
        Some(Cell::Boolean(yes)) => yes.to_string(),
        Some(Cell::Bytes(bytes)) => count(bytes.len(), "byte"),
        Some(Cell::Texts(texts)) => count(texts.len(), "value"),
    }
}
