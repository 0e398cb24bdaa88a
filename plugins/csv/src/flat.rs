//! What becomes of an object's values: a structure is flattened with dots (`name.givenName`), and whatever stands in a
//! list is one of several values.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_connector::Cell;

use crate::limits::{COLUMNS, NAME_BYTES, VALUES};

/// A value that is no structure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    None,
    Text(String),
    Integer(i64),
    Boolean(bool),
}

/// The columns of a file so far and the cells of the user that is being read.
#[derive(Debug, Default)]
pub(crate) struct Flat {
    /// The attributes that have several values even where a user has one.
    many: BTreeSet<String>,
    columns: Vec<String>,
    index: BTreeMap<String, usize>,
    /// The list of columns, whether a lone value was put there, and the cell.
    cells: Vec<Slot>,
}

#[derive(Clone, Debug, Default)]
enum Slot {
    #[default]
    Empty,
    One(Value),
    Several(Vec<String>),
}

impl Flat {
    pub(crate) fn new(many: &[String]) -> Self {
        Self { many: many.iter().cloned().collect(), ..Self::default() }
    }

    /// The columns so far, in the order in which they first stood in the file.
    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Puts a value where its keys lead; `listed` where there may be several.
    pub(crate) fn put(&mut self, path: &str, value: Value, listed: bool) -> Result<(), String> {
        let at = match self.index.get(path) {
            Some(at) => *at,
            None => self.column(path)?,
        };
        if self.cells.len() <= at {
            self.cells.resize(at + 1, Slot::Empty);
        }
        let listed = listed || (!self.many.is_empty() && self.many.contains(path));
        let Some(slot) = self.cells.get_mut(at) else { return Ok(()) };
        match (&mut *slot, listed) {
            (Slot::Empty, false) => *slot = Slot::One(value),
            (Slot::Empty, true) => *slot = Slot::Several(value.text().into_iter().collect()),
            (Slot::Several(values), true) if values.len() < VALUES => values.extend(value.text()),
            (Slot::Several(_), true) => return Err(format!("`{path}` has more than {VALUES} values")),
            // A key that has a dot of its own reads like two keys.
            _ => return Err(format!("two keys lead to `{path}`")),
        }
        Ok(())
    }

    fn column(&mut self, path: &str) -> Result<usize, String> {
        let nameless = path.split('.').any(str::is_empty);
        if nameless || path.len() > NAME_BYTES || path.chars().any(char::is_control) {
            return Err(format!("the key `{}` is no name of an attribute", path.escape_debug()));
        }
        let at = self.columns.len();
        if at == COLUMNS {
            return Err(format!("the users have more than {COLUMNS} different keys"));
        }
        self.columns.push(path.to_owned());
        self.index.insert(path.to_owned(), at);
        Ok(at)
    }

    /// Gives the text of the user's value that identifies it; none where it has none.
    pub(crate) fn id(&self, column: &str) -> Option<String> {
        match self.index.get(column).and_then(|at| self.cells.get(*at))? {
            Slot::One(Value::Text(text)) if !text.trim().is_empty() => Some(text.clone()),
            Slot::One(Value::Integer(whole)) => Some(whole.to_string()),
            _ => None,
        }
    }

    /// Gives the user's cells and makes room for the next one.
    pub(crate) fn take(&mut self) -> Vec<Cell> {
        let cells = self.cells.drain(..);
        cells
            .map(|slot| match slot {
                Slot::Empty | Slot::One(Value::None) => Cell::None,
                Slot::One(Value::Text(text)) => Cell::text(text),
                Slot::One(Value::Integer(whole)) => Cell::Integer(whole),
                Slot::One(Value::Boolean(yes)) => Cell::Boolean(yes),
                Slot::Several(values) => Cell::from_texts(values),
            })
            .collect()
    }
}

impl Value {
    fn text(self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Text(text) => Some(text).filter(|text| !text.is_empty()),
            Self::Integer(whole) => Some(whole.to_string()),
            Self::Boolean(yes) => Some(yes.to_string()),
        }
    }
}
