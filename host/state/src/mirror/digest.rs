//! Digests of records: equal digests, equal records.

use std::sync::Arc;

use rollcall_core::{Cell, Record, Text};
use rollcall_edges::mirror::RecordDigest;
use sha2::{Digest as _, Sha256};

/// Makes digests of one record after another.
#[derive(Default)]
pub(super) struct Digests {
    /// The columns of the last record, and a digest that has taken them in.
    columns: Option<(Arc<[Text]>, Sha256)>,
    /// What of a record goes into its digest besides.
    bytes: Vec<u8>,
}

impl Digests {
    /// Gives the digest of a record: its id within the directory, its attributes and their values.
    pub(super) fn of(&mut self, record: &Record) -> RecordDigest {
        let same = |known: &Arc<[Text]>| Arc::ptr_eq(known, &record.columns) || *known == record.columns;
        if !self.columns.as_ref().is_some_and(|(known, _)| same(known)) {
            self.bytes.clear();
            put_all(&mut self.bytes, &record.columns);
            let begun = Sha256::new().chain_update(&self.bytes);
            self.columns = Some((record.columns.clone(), begun));
        }
        self.bytes.clear();
        put(&mut self.bytes, record.id.native.as_bytes());
        for cell in &record.cells {
            put_cell(&mut self.bytes, cell);
        }
        let begun = self.columns.as_ref().map(|(_, begun)| begun.clone()).unwrap_or_default();
        let whole = begun.chain_update(&self.bytes).finalize();
        std::array::from_fn(|at| whole[at])
    }
}

/// A value begins with what kind it is; whatever has no fixed length begins with its length.
fn put_cell(bytes: &mut Vec<u8>, cell: &Cell) {
    match cell {
        Cell::None => bytes.push(0),
        Cell::Text(text) => {
            bytes.push(1);
            put(bytes, text.as_bytes());
        }
        Cell::Integer(number) => {
            bytes.push(2);
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        Cell::Boolean(yes) => bytes.extend_from_slice(&[3, u8::from(*yes)]),
        Cell::Bytes(raw) => {
            bytes.push(4);
            put(bytes, raw);
        }
        Cell::Texts(texts) => {
            bytes.push(5);
            put_all(bytes, texts);
        }
    }
}

fn put_all(bytes: &mut Vec<u8>, texts: &[Text]) {
    bytes.extend_from_slice(&(texts.len() as u64).to_le_bytes());
    for text in texts {
        put(bytes, text.as_bytes());
    }
}

fn put(bytes: &mut Vec<u8>, part: &[u8]) {
    bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
    bytes.extend_from_slice(part);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rollcall_core::RecordId;

    use super::*;

    fn record(native: &str, columns: &[&str], cells: Vec<Cell>) -> Record {
        let id = RecordId { directory: "test".into(), native: native.into() };
        Record { id, columns: columns.iter().map(|name| Text::from(*name)).collect(), cells: cells.into() }
    }

    #[test]
    fn every_difference_makes_another_digest() {
        let text = |text: &str| Cell::Text(text.into());
        let texts = |texts: &[&str]| Cell::Texts(texts.iter().map(|text| Text::from(*text)).collect());
        let all = [
            record("1", &["a"], vec![text("x")]),
            record("2", &["a"], vec![text("x")]),
            record("1", &["b"], vec![text("x")]),
            record("1", &["a"], vec![text("y")]),
            record("1", &["a"], vec![Cell::None]),
            record("1", &["a"], vec![text("")]),
            record("1", &["a"], vec![texts(&[])]),
            record("1", &["a"], vec![texts(&["x"])]),
            record("1", &["a"], vec![texts(&["x", ""])]),
            record("1", &["a"], vec![texts(&["", "x"])]),
            record("1", &["a"], vec![Cell::Bytes(b"x".to_vec().into())]),
            record("1", &["a"], vec![Cell::Integer(1)]),
            record("1", &["a"], vec![Cell::Integer(-1)]),
            record("1", &["a"], vec![Cell::Boolean(true)]),
            record("1", &["a"], vec![Cell::Boolean(false)]),
            record("1", &["a", "b"], vec![text("x"), text("y")]),
            record("1", &["a", "b"], vec![text("y"), text("x")]),
            record("1", &["a", "b"], vec![text("xy"), text("")]),
            record("1", &["ab"], vec![text("x")]),
            record("1", &[], vec![]),
        ];
        let mut digests = Digests::default();
        let made: Vec<RecordDigest> = all.iter().map(|record| digests.of(record)).collect();
        assert_eq!(made.iter().collect::<BTreeSet<_>>().len(), all.len());
        // What was made before leaves nothing behind.
        for (record, digest) in all.iter().zip(&made).rev() {
            assert_eq!(digests.of(record), *digest);
            assert_eq!(Digests::default().of(record), *digest);
        }
    }
}
