//! A whole reading, as the mirror would have it in the end.

use std::collections::BTreeMap;

use rollcall_core::{Cell, Text};
use rollcall_edges::directory::{Coverage, Directory as _, DirectoryError, Edit, RecordChange, Token};

use crate::Connector;

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
                        edited(&mut cells, name, edit);
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

fn edited(cells: &mut BTreeMap<Text, Cell>, name: Text, edit: Edit) {
    let texts = match cells.get(&name) {
        Some(Cell::Texts(texts)) => texts.to_vec(),
        Some(Cell::Text(text)) => vec![text.clone()],
        _ => Vec::new(),
    };
    let list = |texts: Vec<Text>| if texts.is_empty() { Cell::None } else { Cell::Texts(texts.into()) };
    let cell = match edit {
        Edit::Replace(cell) => cell,
        Edit::Add(more) => list(texts.into_iter().chain(more).collect()),
        Edit::Remove(less) => list(texts.into_iter().filter(|text| !less.contains(text)).collect()),
    };
    match cell {
        Cell::None => _ = cells.remove(&name),
        cell => _ = cells.insert(name, cell),
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
        Some(format!("`{name}` of `{id}` is {:?} instead of {:?}", others.get(name), cells.get(name)))
    })
}
