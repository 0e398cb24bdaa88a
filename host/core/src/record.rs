//! A user as the directory gave it.

use std::fmt;
use std::sync::Arc;

use crate::text::{Text, fold};

/// Which record of which directory: the immutable identity that links hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct RecordId {
    /// The directory's name within the job: the connector's name unless the job gives another.
    pub directory: Text,
    /// The directory's own immutable id (Entra's object id, `objectGUID`, …).
    pub native: Text,
}

impl RecordId {
    /// Tells whether somebody named it (case-folded) by the directory's id, with or without the directory's name.
    pub fn is_called(&self, folded: &str) -> bool {
        fold(&self.native) == folded || fold(&self.to_string()) == folded
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.directory, self.native)
    }
}

/// What one attribute of one user holds.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Cell {
    /// Absent, null or empty.
    #[default]
    None,
    /// Text; times, decimals and references too.
    Text(Text),
    /// A whole number.
    Integer(i64),
    /// Yes or no.
    Boolean(bool),
    /// Raw bytes.
    Bytes(Arc<[u8]>),
    /// Several values, in the directory's order.
    Texts(Arc<[Text]>),
}

/// One user of one directory. The columns are shared by all records of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Whose record it is.
    pub id: RecordId,
    /// The attributes' names.
    pub columns: Arc<[Text]>,
    /// One cell for each column.
    pub cells: Box<[Cell]>,
}

impl Record {
    /// Gives an attribute, `Cell::None` where the record has no such column.
    pub fn get(&self, attribute: &str) -> &Cell {
        const NOTHING: &Cell = &Cell::None;
        self.columns
            .iter()
            .position(|column| &**column == attribute)
            .and_then(|index| self.cells.get(index))
            .unwrap_or(NOTHING)
    }

    /// Goes over the attributes and their values.
    pub fn iter(&self) -> impl Iterator<Item = (&Text, &Cell)> {
        self.columns.iter().zip(self.cells.iter())
    }
}
