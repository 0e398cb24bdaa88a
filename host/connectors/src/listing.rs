//! One reading of a directory through its connector: pages, the limits that hold over all of them, and the suspicion
//! that a listing runs in circles.

use std::sync::Arc;

use async_trait::async_trait;
use rollcall_edges::directory::{DirectoryError, Listing, Page, Token};
use wasmtime::component::ResourceAny;

use crate::connector::Inner;
use crate::limits::{EMPTY_PAGES, Limits};
use crate::page::Pages;
use crate::session::Session;

/// A listing that is under way.
pub(crate) struct Reading {
    inner: Arc<Inner>,
    /// None after an end or an error: the instance is gone.
    live: Option<Box<Live>>,
}

struct Live {
    session: Session,
    listing: ResourceAny,
    pages: Pages,
    progress: Progress,
}

impl Reading {
    pub(crate) fn new(inner: Arc<Inner>, session: Session, listing: ResourceAny, since: bool) -> Self {
        let pages = Pages::new(inner.terms.directory.clone(), since);
        let live = Live { session, listing, pages, progress: Progress::default() };
        Self { inner, live: Some(Box::new(live)) }
    }
}

#[async_trait]
impl Listing for Reading {
    async fn next(&mut self) -> Result<Page, DirectoryError> {
        let Some(mut live) = self.live.take() else {
            return Err(DirectoryError::Permanent("the listing has ended already".to_owned()));
        };
        let inner = self.inner.clone();
        let (live, page) = self
            .inner
            .threads
            .run(async move {
                let page = live.next(&inner).await;
                Ok((live, page))
            })
            .await?;
        let page = page?;
        if page.end.is_none() {
            self.live = Some(live);
        }
        Ok(page)
    }
}

impl Live {
    async fn next(&mut self, inner: &Inner) -> Result<Page, DirectoryError> {
        let answer = self.session.next(self.listing, inner.terms.page_users).await;
        inner.note_usage(self.session.usage());
        let page = self.session.judge(answer, DirectoryError::Incomplete)?;
        let page = self.pages.page(page)?;
        self.progress.take(&page, &inner.terms.limits)?;
        Ok(page)
    }
}

/// What has come so far.
#[derive(Debug, Default)]
struct Progress {
    pages: u64,
    users: u64,
    empty: u64,
    token: Option<Token>,
}

impl Progress {
    /// Counts a page.
    fn take(&mut self, page: &Page, limits: &Limits) -> Result<(), DirectoryError> {
        self.pages += 1;
        self.users += u64::try_from(page.changes.len()).unwrap_or(u64::MAX);
        self.empty = if page.changes.is_empty() { self.empty + 1 } else { 0 };
        let stuck = |message: String| Err(DirectoryError::Incomplete(message));
        if self.users > limits.users {
            return stuck(format!(
                "more than {} users; `users` under `[directory.limits]` may raise that",
                limits.users
            ));
        }
        if page.end.is_some() {
            return Ok(());
        }
        if self.pages >= limits.pages {
            return stuck(format!(
                "more than {} pages; `pages` under `[directory.limits]` may raise that",
                limits.pages
            ));
        }
        if self.empty >= EMPTY_PAGES {
            return stuck(format!("{EMPTY_PAGES} empty pages one after the other"));
        }
        if page.token.is_some() && page.token == self.token {
            return stuck("the connector came to the same place twice".to_owned());
        }
        self.token.clone_from(&page.token);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rollcall_edges::directory::{Coverage, RecordChange};

    use super::*;

    fn page(users: usize, token: Option<&str>, end: bool) -> Page {
        let changes = (0..users).map(|index| RecordChange::Gone(index.to_string().into())).collect();
        let end = end.then_some(Coverage::Everything);
        Page { changes, token: token.map(|token| token.as_bytes().to_vec()), end }
    }

    fn check(pages: &[Page], expect: Option<&str>) {
        let limits = Limits { pages: 3, users: 10, ..Limits::default() };
        let mut progress = Progress::default();
        let wrong =
            pages.iter().find_map(|page| progress.take(page, &limits).err()).map(|error| error.to_string());
        match (wrong, expect) {
            (None, None) => {}
            (Some(wrong), Some(expect)) if wrong.contains(expect) => {}
            (wrong, expect) => panic!("{wrong:?} instead of {expect:?}"),
        }
    }

    #[test]
    fn circles_and_floods() {
        check(&[page(5, Some("a"), false), page(5, Some("b"), true)], None);
        check(&[page(5, None, false), page(6, None, false)], Some("more than 10 users"));
        check(&[page(1, None, false), page(1, None, false), page(1, None, false)], Some("more than 3 pages"));
        check(&[page(1, None, false), page(1, None, false), page(1, None, true)], None);
        check(&[page(1, Some("a"), false), page(1, Some("a"), false)], Some("the same place twice"));
        check(&[page(1, Some("a"), false), page(1, Some("a"), true)], None);
    }
}
