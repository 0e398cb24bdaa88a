//! Pages, the bulk of what a connector hands over. They are taken out of its memory straight into shared text, without the
//! copy that the generated bindings would make of every value first, and checked on the way, so that nothing malformed goes
//! further.

use std::sync::Arc;

use rollcall_core::{Cell, Record, RecordId, Text};
use rollcall_edges::directory::{Coverage, DirectoryError, Edit, Page, RecordChange};

use crate::limits;
use crate::v0_1::{malformed, name, types};
use crate::words::tame;

/// The words of the WIT's `types` that make a page; names and order are the contract's, and wasmtime holds them against it.
pub(crate) mod given {
    use std::sync::Arc;

    use rollcall_core::Text;
    use wasmtime::component::{ComponentType, Lift};

    use crate::v0_1::types::Coverage;

    /// One value of one attribute.
    #[derive(ComponentType, Lift)]
    #[component(variant)]
    pub(crate) enum Cell {
        #[component(name = "none")]
        None,
        #[component(name = "text")]
        Text(Text),
        #[component(name = "integer")]
        Integer(i64),
        #[component(name = "boolean")]
        Boolean(bool),
        #[component(name = "bytes")]
        Bytes(Arc<[u8]>),
        #[component(name = "texts")]
        Texts(Vec<Text>),
    }

    #[derive(ComponentType, Lift)]
    #[component(record)]
    pub(crate) struct User {
        pub(crate) id: Text,
        pub(crate) cells: Vec<Cell>,
    }

    #[derive(ComponentType, Lift)]
    #[component(variant)]
    pub(crate) enum Edit {
        #[component(name = "replace")]
        Replace(Cell),
        #[component(name = "add")]
        Add(Vec<Text>),
        #[component(name = "remove")]
        Remove(Vec<Text>),
    }

    #[derive(ComponentType, Lift)]
    #[component(record)]
    pub(crate) struct Patch {
        pub(crate) id: Text,
        pub(crate) edits: Vec<(u32, Edit)>,
    }

    #[derive(ComponentType, Lift)]
    #[component(variant)]
    pub(crate) enum Change {
        #[component(name = "user")]
        User(User),
        #[component(name = "patch")]
        Patch(Patch),
        #[component(name = "gone")]
        Gone(Text),
    }

    #[derive(ComponentType, Lift)]
    #[component(record)]
    pub(crate) struct Page {
        pub(crate) columns: Vec<Text>,
        pub(crate) changes: Vec<Change>,
        pub(crate) token: Option<Vec<u8>>,
        pub(crate) end: Option<Coverage>,
    }
}

/// Turns pages, remembering the columns, which mostly stay the same from page to page.
#[derive(Debug)]
pub(crate) struct Pages {
    directory: Text,
    /// Whether the listing goes on from a token, so that patches and "changes only" make sense.
    since: bool,
    columns: Arc<[Text]>,
}

impl Pages {
    pub(crate) fn new(directory: Text, since: bool) -> Self {
        Self { directory, since, columns: Arc::from([]) }
    }

    /// Turns one page.
    ///
    /// # Errors
    ///
    /// A malformed page makes the whole listing incomplete: what else is wrong in it, nobody can tell.
    pub(crate) fn page(&mut self, page: given::Page) -> Result<Page, DirectoryError> {
        if let Some(token) = &page.token
            && token.len() > limits::TOKEN_BYTES
        {
            return Err(malformed(format!("a token of more than {} bytes", limits::TOKEN_BYTES)));
        }
        let end = match page.end {
            None => None,
            Some(types::Coverage::Everything) => Some(Coverage::Everything),
            Some(types::Coverage::Changes) if self.since => Some(Coverage::Changes),
            Some(types::Coverage::Changes) => {
                return Err(malformed("`changes` as the coverage of a listing from the beginning"));
            }
        };
        self.take_columns(&page.columns)?;
        let mut changes = Vec::with_capacity(page.changes.len());
        for change in page.changes {
            changes.push(self.change(change)?);
        }
        Ok(Page { changes, token: page.token, end })
    }

    fn take_columns(&mut self, given: &[Text]) -> Result<(), DirectoryError> {
        let same = given.len() == self.columns.len()
            && given.iter().zip(self.columns.iter()).all(|(given, known)| given == known);
        if same {
            return Ok(());
        }
        if given.len() > limits::COLUMNS {
            return Err(malformed(format!("a page of more than {} columns", limits::COLUMNS)));
        }
        let mut seen = std::collections::BTreeSet::new();
        let mut columns = Vec::with_capacity(given.len());
        for column in given {
            let column = name(column)?;
            if !seen.insert(column.clone()) {
                return Err(malformed(format!("the column `{column}` twice")));
            }
            columns.push(column);
        }
        self.columns = columns.into();
        Ok(())
    }

    fn change(&self, change: given::Change) -> Result<RecordChange, DirectoryError> {
        match change {
            given::Change::User(user) => {
                let native = id(user.id)?;
                if user.cells.len() != self.columns.len() {
                    return Err(malformed(format!(
                        "{} values for {} columns at the user `{native}`",
                        user.cells.len(),
                        self.columns.len()
                    )));
                }
                let cells: Result<Box<[Cell]>, _> =
                    user.cells.into_iter().map(|one| cell(one, &native)).collect();
                let id = RecordId { directory: self.directory.clone(), native };
                Ok(RecordChange::Whole(Record { id, columns: self.columns.clone(), cells: cells? }))
            }
            given::Change::Patch(patch) => {
                let native = id(patch.id)?;
                if !self.since {
                    return Err(malformed(format!(
                        "a part of the user `{native}` in a listing from the beginning"
                    )));
                }
                let mut edits = Vec::with_capacity(patch.edits.len());
                for (index, edit) in patch.edits {
                    let column = usize::try_from(index).ok().and_then(|index| self.columns.get(index));
                    let Some(column) = column else {
                        return Err(malformed(format!(
                            "a column that does not exist at the user `{native}`"
                        )));
                    };
                    edits.push((column.clone(), self.edit(edit, &native)?));
                }
                Ok(RecordChange::Part(native, edits))
            }
            given::Change::Gone(gone) => Ok(RecordChange::Gone(id(gone)?)),
        }
    }

    fn edit(&self, edit: given::Edit, native: &Text) -> Result<Edit, DirectoryError> {
        Ok(match edit {
            given::Edit::Replace(replaced) => Edit::Replace(cell(replaced, native)?),
            given::Edit::Add(added) => Edit::Add(texts(added, native)?),
            given::Edit::Remove(removed) => Edit::Remove(texts(removed, native)?),
        })
    }
}

fn cell(cell: given::Cell, native: &Text) -> Result<Cell, DirectoryError> {
    Ok(match cell {
        given::Cell::None => Cell::None,
        given::Cell::Text(text) => Cell::Text(bounded(text, native)?),
        given::Cell::Integer(number) => Cell::Integer(number),
        given::Cell::Boolean(yes) => Cell::Boolean(yes),
        given::Cell::Bytes(bytes) if bytes.len() <= limits::CELL_BYTES => Cell::Bytes(bytes),
        given::Cell::Bytes(_) => return Err(too_long(native)),
        given::Cell::Texts(list) => Cell::Texts(texts(list, native)?.into()),
    })
}

fn texts(list: Vec<Text>, native: &Text) -> Result<Vec<Text>, DirectoryError> {
    if list.len() > limits::CELL_VALUES {
        return Err(malformed(format!("more than {} values at the user `{native}`", limits::CELL_VALUES)));
    }
    if list.iter().any(|text| text.len() > limits::CELL_BYTES) { Err(too_long(native)) } else { Ok(list) }
}

fn bounded(text: Text, native: &Text) -> Result<Text, DirectoryError> {
    if text.len() > limits::CELL_BYTES { Err(too_long(native)) } else { Ok(text) }
}

fn too_long(native: &Text) -> DirectoryError {
    malformed(format!("a value of more than {} bytes at the user `{native}`", limits::CELL_BYTES))
}

fn id(id: Text) -> Result<Text, DirectoryError> {
    if id.is_empty() {
        return Err(malformed("a user without an id"));
    }
    if id.len() > limits::ID_BYTES {
        return Err(malformed(format!("an id of more than {} bytes", limits::ID_BYTES)));
    }
    if id.chars().any(char::is_control) {
        return Err(malformed(format!("control characters in the id `{}`", tame(&id, 100))));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(columns: &[&str], changes: Vec<given::Change>) -> given::Page {
        let columns = columns.iter().map(|name| Text::from(*name)).collect();
        given::Page { columns, changes, token: None, end: Some(types::Coverage::Everything) }
    }

    fn user(id: &str, cells: Vec<given::Cell>) -> given::Change {
        given::Change::User(given::User { id: id.into(), cells })
    }

    fn check(page: given::Page, expect: Result<usize, &str>) {
        let got = Pages::new("d".into(), false).page(page).map(|page| page.changes.len());
        let got = got.map_err(|error| error.to_string());
        let expect = expect.map_err(|message| format!("the connector handed over {message}"));
        assert_eq!(got, expect);
    }

    #[test]
    fn malformed_pages_are_refused() {
        let text = |text: &str| given::Cell::Text(text.into());
        check(page(&["mail"], vec![user("1", vec![text("a")])]), Ok(1));
        check(page(&["mail"], vec![user("1", vec![])]), Err("0 values for 1 columns at the user `1`"));
        check(page(&[], vec![user("", vec![])]), Err("a user without an id"));
        check(page(&[], vec![user(&"x".repeat(513), vec![])]), Err("an id of more than 512 bytes"));
        check(page(&[], vec![user("a\nb", vec![])]), Err("control characters in the id `a b`"));
        check(page(&["a", "a"], vec![]), Err("the column `a` twice"));
        check(page(&[""], vec![]), Err("an attribute that is called ``"));
        let long = page(&["a"], vec![user("1", vec![text(&"x".repeat(limits::CELL_BYTES + 1))])]);
        check(long, Err("a value of more than 1048576 bytes at the user `1`"));
        let patch = given::Change::Patch(given::Patch { id: "1".into(), edits: vec![] });
        check(page(&[], vec![patch]), Err("a part of the user `1` in a listing from the beginning"));
        let mut changes = page(&[], vec![]);
        changes.end = Some(types::Coverage::Changes);
        check(changes, Err("`changes` as the coverage of a listing from the beginning"));
    }
}
