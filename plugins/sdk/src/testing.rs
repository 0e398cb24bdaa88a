//! A host for tests: answers that were written down, files that were given, and a list of what was asked.
//!
//! It stands where the real host stands, below `http::get(…).send()`, so that a test runs the connector as it is.
//! One a thread; a request that nobody wrote an answer for is a refusal, as from the real host.
//!
//! ```
//! use rollcall_connector::{http, testing::Host};
//! let host = Host::new().json("https://x.test/users", 200, "{\"value\": []}");
//! let status = host.run(|| http::get("https://x.test/users").send().map(|answer| answer.status));
//! assert!(matches!(status, Ok(200)));
//! assert_eq!(host.requests().len(), 1);
//! ```

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use crate::http::Request;
use crate::ldap::{Entry, Search};
use crate::{Connector, Error, Listing, Page};

thread_local! {
    static CURRENT: RefCell<Option<Host>> = const { RefCell::new(None) };
}

/// A host whose answers are known. Clones share everything.
#[derive(Clone, Default)]
pub struct Host(Rc<RefCell<Inner>>);

#[derive(Default)]
struct Inner {
    answers: BTreeMap<String, VecDeque<Result<Answer, Error>>>,
    files: BTreeMap<String, Vec<u8>>,
    requests: Vec<Request>,
    found: BTreeMap<(String, String), VecDeque<Vec<Found>>>,
    searches: Vec<Search>,
    notes: Vec<String>,
}

/// A page of a search, or how it failed.
pub(crate) type Found = Result<Vec<Entry>, Error>;

/// An answer, whole.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Host {
    /// Makes a host that answers nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes down an answer for a URL. Several for one URL are given one after the other, the last one for ever.
    #[must_use]
    pub fn json(self, url: &str, status: u16, body: &str) -> Self {
        let answer = Answer {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: body.as_bytes().to_vec(),
        };
        self.put(url, Ok(answer))
    }

    /// Writes down an answer with headers of its own, names in lower case.
    #[must_use]
    pub fn answer(self, url: &str, status: u16, headers: &[(&str, &str)], body: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.put(url, Ok(Answer { status, headers, body: body.as_bytes().to_vec() }))
    }

    /// Writes down that the host itself says no to a URL, or gets no answer.
    #[must_use]
    pub fn error(self, url: &str, error: Error) -> Self {
        self.put(url, Err(error))
    }

    /// Writes down what a search finds, by its base and its filter: a page more each time it is said.
    #[must_use]
    pub fn finds(self, base: &str, filter: &str, entries: Vec<Entry>) -> Self {
        self.put_found(base, filter, Ok(entries))
    }

    /// Writes down what the same search finds when it is asked again, from then on: its first page.
    #[must_use]
    pub fn then_finds(self, base: &str, filter: &str, entries: Vec<Entry>) -> Self {
        let key = (base.to_owned(), filter.to_owned());
        self.0.borrow_mut().found.entry(key).or_default().push_back(Vec::new());
        self.put_found(base, filter, Ok(entries))
    }

    /// Writes down that a search fails after what it has found so far.
    #[must_use]
    pub fn fails(self, base: &str, filter: &str, error: Error) -> Self {
        self.put_found(base, filter, Err(error))
    }

    /// Puts a file into the granted folder.
    #[must_use]
    pub fn file(self, path: &str, bytes: &[u8]) -> Self {
        self.0.borrow_mut().files.insert(path.to_owned(), bytes.to_vec());
        self
    }

    /// Runs something with this host below it.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = CURRENT.with(|current| current.replace(Some(self.clone())));
        let result = work();
        CURRENT.with(|current| current.replace(before));
        result
    }

    /// Reads a whole listing, `max` changes at a time, as the real host does.
    ///
    /// # Errors
    /// The connector's own, and settings that are not JSON of its shape.
    pub fn list<C: Connector>(&self, settings: &str, max: u32) -> Result<Vec<Page>, Error> {
        self.list_since::<C>(settings, None, max)
    }

    /// Reads what has changed since a token.
    ///
    /// # Errors
    /// See [`Host::list`].
    pub fn list_since<C: Connector>(
        &self,
        settings: &str,
        since: Option<Vec<u8>>,
        max: u32,
    ) -> Result<Vec<Page>, Error> {
        self.run(|| {
            let settings = crate::export::settings::<C>(settings)?;
            let mut listing = C::open(settings, since)?;
            let mut pages = Vec::new();
            loop {
                let page = listing.next(max)?;
                let ended = page.end.is_some();
                pages.push(page);
                if ended {
                    return Ok(pages);
                }
            }
        })
    }

    /// Gives what was asked, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.0.borrow().requests.clone()
    }

    /// Gives what was searched for, in order.
    pub fn searches(&self) -> Vec<Search> {
        self.0.borrow().searches.clone()
    }

    /// Gives what was logged, in order.
    pub fn notes(&self) -> Vec<String> {
        self.0.borrow().notes.clone()
    }

    fn put_found(self, base: &str, filter: &str, page: Found) -> Self {
        let key = (base.to_owned(), filter.to_owned());
        let mut inner = self.0.borrow_mut();
        let found = inner.found.entry(key).or_default();
        match found.back_mut() {
            Some(pages) => pages.push(page),
            None => found.push_back(vec![page]),
        }
        drop(inner);
        self
    }

    fn put(self, url: &str, answer: Result<Answer, Error>) -> Self {
        self.0.borrow_mut().answers.entry(url.to_owned()).or_default().push_back(answer);
        self
    }
}

pub(crate) fn found(search: Search) -> Result<Vec<Found>, Error> {
    let host = current()?;
    let mut inner = host.0.borrow_mut();
    let key = (search.base.clone(), search.filter.to_string());
    let said = format!("the test finds nothing for `{}` below `{}`", key.1, key.0);
    let wanted = search.attributes.clone();
    inner.searches.push(search);
    let found = inner.found.get_mut(&key).ok_or_else(|| Error::Refused(said.clone()))?;
    let pages = if found.len() > 1 { found.pop_front() } else { found.front().cloned() };
    let mut pages = pages.ok_or(Error::Refused(said))?;
    // As a server does: what was not asked for is not given.
    for entry in pages.iter_mut().flatten().flatten().filter(|_| !wanted.is_empty()) {
        entry.attributes.retain(|(name, _)| {
            wanted.iter().any(|wanted| wanted == "*" || wanted.eq_ignore_ascii_case(name))
        });
    }
    Ok(pages)
}

fn current() -> Result<Host, Error> {
    CURRENT
        .with(|current| current.borrow().clone())
        .ok_or_else(|| Error::Refused("no test host is running".to_owned()))
}

pub(crate) fn answer(request: Request) -> Result<Answer, Error> {
    let host = current()?;
    let mut inner = host.0.borrow_mut();
    let url = request.url.clone();
    inner.requests.push(request);
    let Some(answers) = inner.answers.get_mut(&url) else {
        return Err(Error::Refused(format!("the test has no answer for `{url}`")));
    };
    let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
    next.unwrap_or(Err(Error::Refused(url)))
}

pub(crate) fn file(path: &str) -> Result<Vec<u8>, Error> {
    let host = current()?;
    let inner = host.0.borrow();
    inner.files.get(path).cloned().ok_or_else(|| Error::permanent(format!("there is no file `{path}`")))
}

pub(crate) fn names(folder: &str) -> Result<Vec<String>, Error> {
    let host = current()?;
    let inner = host.0.borrow();
    let prefix = if folder.is_empty() { String::new() } else { format!("{}/", folder.trim_end_matches('/')) };
    Ok(inner
        .files
        .keys()
        .filter_map(|path| path.strip_prefix(&prefix))
        .filter(|rest| !rest.contains('/'))
        .map(str::to_owned)
        .collect())
}

pub(crate) fn note(line: String) {
    if let Ok(host) = current() {
        host.0.borrow_mut().notes.push(line);
    }
}
