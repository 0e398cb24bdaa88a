//! A listing made of steps: one request each, so that the host sees progress and can end a listing at any time.

use std::collections::VecDeque;

use crate::{Cell, Change, Coverage, Error, Listing, Page, Table, run};

/// How a directory is walked through.
pub trait Steps: 'static {
    /// Gives the columns of every page.
    fn columns(&self) -> Vec<String>;

    /// Takes one step, which is one request as a rule, and puts what it gave into `found`. It may give nothing.
    ///
    /// # Errors
    /// Whatever ends the listing; nothing of it counts as complete then.
    fn step(&mut self, found: &mut Found) -> Result<Step, Error>;
}

/// What follows a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Another one.
    More,
    /// Nothing: the listing has ended well.
    End {
        /// What it covered.
        coverage: Coverage,
        /// Where the next run may begin.
        token: Option<Vec<u8>>,
    },
}

/// What the steps found and the host has not taken yet.
#[derive(Debug, Default)]
pub struct Found {
    waiting: VecDeque<Change>,
    total: Option<u32>,
}

impl Found {
    /// Adds a user, one cell for each column.
    pub fn user(&mut self, id: impl Into<String>, cells: Vec<Cell>) {
        self.waiting.push_back(Change::User(crate::User { id: id.into(), cells }));
    }

    /// Adds that a user left the directory or the scope.
    pub fn gone(&mut self, id: impl Into<String>) {
        self.waiting.push_back(Change::Gone(id.into()));
    }

    /// Says how many users there are, for the progress bar.
    pub fn total(&mut self, users: Option<u32>) {
        self.total = users;
    }
}

/// A listing on its way.
pub struct Walk<S> {
    steps: S,
    columns: Vec<String>,
    found: Found,
    end: Option<(Coverage, Option<Vec<u8>>)>,
    handed: u32,
}

impl<S: Steps> Walk<S> {
    /// Begins, with no step taken yet.
    pub fn new(steps: S) -> Self {
        Self { columns: steps.columns(), steps, found: Found::default(), end: None, handed: 0 }
    }
}

impl<S: Steps> Listing for Walk<S> {
    fn next(&mut self, max: u32) -> Result<Page, Error> {
        if self.found.waiting.is_empty()
            && self.end.is_none()
            && let Step::End { coverage, token } = self.steps.step(&mut self.found)?
        {
            self.end = Some((coverage, token));
        }
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let mut table = Table::new(self.columns.iter().map(String::as_str));
        while table.len() < max {
            match self.found.waiting.pop_front() {
                None => break,
                Some(Change::User(user)) => table.user(user.id, user.cells)?,
                Some(Change::Gone(id)) => table.gone(id),
                Some(Change::Patch(_)) => return Err(Error::permanent("a step gives whole users")),
            }
        }
        self.handed = self.handed.saturating_add(u32::try_from(table.len()).unwrap_or(u32::MAX));
        run::progress(self.handed, self.found.total);
        match self.end.take_if(|_| self.found.waiting.is_empty()) {
            None => Ok(table.page()),
            Some((coverage, token)) => Ok(Page { token, ..table.last(coverage) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, Step, Steps, Walk};
    use crate::{Cell, Coverage, Error, Listing};

    /// Gives so many users in each step.
    struct Counts(Vec<usize>);

    impl Steps for Counts {
        fn columns(&self) -> Vec<String> {
            vec!["mail".to_owned()]
        }

        fn step(&mut self, found: &mut Found) -> Result<Step, Error> {
            if self.0.is_empty() {
                return Err(Error::permanent("asked after the end"));
            }
            for n in 0..self.0.remove(0) {
                found.user(format!("{n}"), vec![Cell::None]);
            }
            let end = Step::End { coverage: Coverage::Everything, token: Some(vec![1]) };
            Ok(if self.0.is_empty() { end } else { Step::More })
        }
    }

    #[test]
    fn steps_become_pages_that_are_no_larger_than_asked() {
        let check = |counts: &[usize], expect: &[usize]| {
            let mut walk = Walk::new(Counts(counts.to_vec()));
            let mut pages = Vec::new();
            loop {
                let page = walk.next(10).unwrap();
                pages.push(page.changes.len());
                if page.end.is_some() {
                    assert_eq!(page.token, Some(vec![1]));
                    break;
                }
                assert_eq!(page.token, None);
            }
            assert_eq!(pages, expect);
        };
        check(&[3], &[3]);
        check(&[0], &[0]);
        check(&[0, 25, 0, 10], &[0, 10, 10, 5, 0, 10]);
    }
}
