//! A builder for pages, which are tables: the columns once, then a row a user.

use crate::{Cell, Change, Coverage, Error, Page, User};

/// A page in the making.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<String>,
    changes: Vec<Change>,
}

impl Table {
    /// Begins a page with these columns.
    pub fn new<C: Into<String>>(columns: impl IntoIterator<Item = C>) -> Self {
        Self { columns: columns.into_iter().map(Into::into).collect(), changes: Vec::new() }
    }

    /// Adds a user, one cell for each column in the columns' order.
    ///
    /// # Errors
    /// An empty id and a wrong number of cells are permanent errors: the host would refuse the page.
    pub fn user(&mut self, id: impl Into<String>, cells: Vec<Cell>) -> Result<(), Error> {
        let id = id.into();
        if id.is_empty() {
            return Err(Error::permanent("a user has no id"));
        }
        if cells.len() != self.columns.len() {
            return Err(Error::permanent(format!(
                "the user `{id}` has {} cells for {} columns",
                cells.len(),
                self.columns.len()
            )));
        }
        self.changes.push(Change::User(User { id, cells }));
        Ok(())
    }

    /// Adds that a user left the directory or the scope.
    pub fn gone(&mut self, id: impl Into<String>) {
        self.changes.push(Change::Gone(id.into()));
    }

    /// Gives how many changes the page has.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Tells whether the page has no change yet.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Ends the page; others follow.
    pub fn page(self) -> Page {
        Page { columns: self.columns, changes: self.changes, token: None, end: None }
    }

    /// Ends the page and with it the listing.
    pub fn last(self, coverage: Coverage) -> Page {
        Page { end: Some(coverage), ..self.page() }
    }
}

#[cfg(test)]
mod tests {
    use super::Table;
    use crate::{Cell, Coverage};

    #[test]
    fn a_page_has_as_many_cells_as_columns() {
        let mut table = Table::new(["mail"]);
        assert!(table.user("1", vec![Cell::text("a@b")]).is_ok());
        assert!(table.user("2", vec![]).is_err());
        assert!(table.user("", vec![Cell::None]).is_err());
        table.gone("3");
        let page = table.last(Coverage::Everything);
        assert_eq!(page.changes.len(), 2);
        assert_eq!(page.end, Some(Coverage::Everything));
    }
}
