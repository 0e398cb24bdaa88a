//! Replays a recording instead of the network. The format is described in [`recording`](crate::Recording).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rollcall_core::{Diagnostic, codes};
use url::Url;

use crate::error::NetError;
use crate::ldap::{LdapPage, LdapPages, LdapQuery, LdapSearchKey, LdapWire, query_key};
use crate::limits;
use crate::recording::{Exchange, Header, Kept, Line, VERSION};
use crate::wire::{Request, Response, Wire};

/// What decides which exchange answers: method, URL, body.
type Key = (String, String, Vec<u8>);

/// Where a line stands in the file.
#[derive(Clone, Copy, Debug)]
struct Spot {
    offset: u64,
    length: usize,
}

/// The answers to one request, and which comes next.
#[derive(Debug, Default)]
struct Answers {
    spots: Vec<Spot>,
    next: usize,
}

/// The searches that were asked for alike, the pages of each, and which comes next.
#[derive(Debug, Default)]
struct Searches {
    pages: Vec<Vec<Spot>>,
    next: usize,
}

/// A recording that answers. It needs no network and no credentials.
#[derive(Debug)]
pub struct Replay {
    path: PathBuf,
    header: Header,
    files: BTreeMap<String, Spot>,
    answers: Mutex<BTreeMap<Key, Answers>>,
    searches: Mutex<BTreeMap<LdapSearchKey, Searches>>,
}

impl Replay {
    /// Reads a recording and checks every line of it; bodies stay in the file until they are asked for.
    ///
    /// # Errors
    ///
    /// [`NetError::Recording`] where the file is no recording, with the line.
    pub fn open(path: &Path) -> Result<Self, NetError> {
        let shown = path.display();
        let unreadable = |error: std::io::Error| {
            NetError::recording(format!("the recording `{shown}` cannot be read: {error}"), None)
        };
        let file = File::open(path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.len() > limits::RECORDING_BYTES {
            let message = format!("the recording `{shown}` is larger than {} bytes", limits::RECORDING_BYTES);
            return Err(NetError::recording(message, None));
        }
        let mut lines = BufReader::new(file);
        let mut line = Vec::new();
        let mut offset = read_line(&mut lines, &mut line).map_err(unreadable)?;
        let header = read_header(&line, path)?;
        let mut replay = Self {
            path: path.to_owned(),
            header,
            files: BTreeMap::new(),
            answers: Mutex::new(BTreeMap::new()),
            searches: Mutex::default(),
        };
        let mut number = 1;
        loop {
            let length = read_line(&mut lines, &mut line).map_err(unreadable)?;
            if length == 0 {
                return Ok(replay);
            }
            number += 1;
            let spot = Spot { offset, length: usize::try_from(length).unwrap_or(usize::MAX) };
            offset += length;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            replay.take(&line, spot).map_err(|said| {
                NetError::recording(
                    format!("line {number} of the recording `{shown}` cannot be used: {said}"),
                    None,
                )
            })?;
        }
    }

    fn take(&mut self, line: &[u8], spot: Spot) -> Result<(), String> {
        match parse(line)? {
            Line::File(kept) => {
                content(kept.text, kept.base64)?;
                self.files.insert(kept.path, spot);
            }
            Line::Http(exchange) => {
                let key = key_of(&exchange)?;
                answer_of(exchange)?;
                let answers = self.answers.get_mut().unwrap_or_else(PoisonError::into_inner);
                answers.entry(key).or_default().spots.push(spot);
            }
            Line::Ldap(page) => {
                let (key, number) = (page.key(), page.page);
                page.into_entries()?;
                let searches = self.searches.get_mut().unwrap_or_else(PoisonError::into_inner);
                let searches = searches.entry(key).or_default();
                if number == 1 {
                    searches.pages.push(Vec::new());
                }
                match searches.pages.last_mut() {
                    Some(pages) if pages.len() + 1 == number as usize => pages.push(spot),
                    _ => return Err(format!("the page before page {number} of this search is missing")),
                }
            }
        }
        Ok(())
    }

    /// Gives the header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Gives a recorded file.
    ///
    /// # Errors
    ///
    /// [`NetError::Recording`] where it was not recorded.
    pub fn replay_file(&self, path: &str) -> Result<Vec<u8>, NetError> {
        let Some(spot) = self.files.get(path) else {
            return Err(missing(format!(
                "the file `{path}` is not in the recording `{}`",
                self.path.display()
            )));
        };
        match self.line(*spot)? {
            Line::File(Kept { text, base64, .. }) => content(text, base64).map_err(|said| self.moved(&said)),
            Line::Http(_) | Line::Ldap(_) => Err(self.moved("another line")),
        }
    }

    /// Gives the paths of the recorded files in order.
    pub fn files(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    fn line(&self, spot: Spot) -> Result<Line, NetError> {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(spot.offset))?;
            let mut line = vec![0; spot.length];
            file.read_exact(&mut line)?;
            Ok(line)
        };
        let line = read().map_err(|error| self.moved(&error.to_string()))?;
        parse(&line).map_err(|said| self.moved(&said))
    }

    fn moved(&self, said: &str) -> NetError {
        NetError::recording(
            format!("the recording `{}` has changed while it was read: {said}", self.path.display()),
            None,
        )
    }

    fn next(&self, key: &Key) -> Option<Spot> {
        let mut all = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = all.get_mut(key)?;
        let spot = answers.spots.get(answers.next).or(answers.spots.last()).copied();
        answers.next += 1;
        spot
    }
}

#[async_trait]
impl Wire for Replay {
    async fn send(&self, request: Request) -> Result<Response, NetError> {
        let mut url = request.url;
        url.set_fragment(None);
        let key = (request.method, url.to_string(), request.body);
        let Some(spot) = self.next(&key) else {
            let shown: String = key.1.chars().take(500).collect();
            let path = self.path.display();
            return Err(missing(format!("`{} {shown}` is not in the recording `{path}`", key.0)));
        };
        match self.line(spot)? {
            Line::Http(exchange) => answer_of(exchange).map_err(|said| self.moved(&said)),
            Line::File(_) | Line::Ldap(_) => Err(self.moved("another line")),
        }
    }
}

#[async_trait]
impl LdapWire for Arc<Replay> {
    async fn search(&self, query: LdapQuery) -> Result<Box<dyn LdapPages>, NetError> {
        let pages = {
            let mut all = self.searches.lock().unwrap_or_else(PoisonError::into_inner);
            all.get_mut(&query_key(&query)).and_then(|searches| {
                let pages = searches.pages.get(searches.next).or(searches.pages.last()).cloned();
                searches.next += 1;
                pages
            })
        };
        let Some(pages) = pages else {
            let shown: String =
                format!("{} below `{}`", query.filter, query.base).chars().take(500).collect();
            let path = self.path.display();
            return Err(missing(format!("the search for {shown} is not in the recording `{path}`")));
        };
        Ok(Box::new(Replayed { replay: self.clone(), pages: pages.into_iter(), more: true }))
    }
}

/// A search that is replayed.
struct Replayed {
    replay: Arc<Replay>,
    pages: std::vec::IntoIter<Spot>,
    more: bool,
}

#[async_trait]
impl LdapPages for Replayed {
    async fn next(&mut self) -> Result<LdapPage, NetError> {
        if !self.more {
            return Ok(LdapPage::default());
        }
        let Some(spot) = self.pages.next() else {
            let path = self.replay.path.display();
            return Err(missing(format!("a search breaks off in the recording `{path}`")));
        };
        match self.replay.line(spot)? {
            Line::Ldap(page) => {
                self.more = page.more;
                let entries = page.into_entries().map_err(|said| self.replay.moved(&said))?;
                Ok(LdapPage { entries, requests: 1 })
            }
            _ => Err(self.replay.moved("another line")),
        }
    }
}

fn missing(message: String) -> NetError {
    let hint = "this job replays: take `recording` out of [directory] to read the directory itself, and then, with `--record`, to \
                record what the job asks for now";
    let found = Diagnostic::error(codes::RECORDING_INVALID, message).path(&["directory", "recording"]);
    NetError::Recording(Box::new(found.hint(hint)))
}

fn read_line(lines: &mut BufReader<File>, line: &mut Vec<u8>) -> std::io::Result<u64> {
    line.clear();
    let most = limits::RECORDING_LINE_BYTES as u64;
    let length = lines.take(most).read_until(b'\n', line)? as u64;
    if length == most {
        return Err(std::io::Error::other(format!("a line is longer than {most} bytes")));
    }
    Ok(length)
}

pub(crate) fn read_header(line: &[u8], path: &Path) -> Result<Header, NetError> {
    let shown = path.display();
    let header: Header = serde_json::from_slice(line).map_err(|_| {
        NetError::recording(
            format!("`{shown}` is no recording"),
            Some("the first line of one is `{\"rollcall_recording\":1,\"connector\":\"…\"}`"),
        )
    })?;
    if header.version != VERSION {
        let message = format!(
            "the recording `{shown}` has format {}, and this version reads {VERSION}",
            header.version
        );
        return Err(NetError::recording(message, None));
    }
    Ok(header)
}

pub(crate) fn parse(line: &[u8]) -> Result<Line, String> {
    serde_json::from_slice(line).map_err(|error| error.to_string())
}

fn key_of(exchange: &Exchange) -> Result<Key, String> {
    let url = Url::parse(&exchange.url).map_err(|error| format!("`url` is no URL: {error}"))?;
    let body = content(exchange.request_body.clone(), exchange.request_body_base64.clone())?;
    Ok((exchange.method.to_ascii_uppercase(), url.to_string(), body))
}

fn answer_of(exchange: Exchange) -> Result<Response, String> {
    let mut headers: Vec<(String, String)> =
        exchange.headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    let body = match exchange.json {
        None => content(exchange.body, exchange.body_base64)?,
        Some(_) if exchange.body.is_some() || exchange.body_base64.is_some() => {
            return Err("a body is given twice".to_owned());
        }
        Some(json) => {
            if !headers.iter().any(|(name, _)| name == "content-type") {
                headers.push(("content-type".to_owned(), "application/json".to_owned()));
            }
            json.to_string().into_bytes()
        }
    };
    if !(100..600).contains(&exchange.status) {
        return Err(format!("{} is no status", exchange.status));
    }
    Ok(Response::whole(exchange.status, headers, body))
}

fn content(text: Option<String>, base64: Option<String>) -> Result<Vec<u8>, String> {
    match (text, base64) {
        (None, None) => Ok(Vec::new()),
        (Some(text), None) => Ok(text.into_bytes()),
        (None, Some(base64)) => {
            STANDARD.decode(base64).map_err(|error| format!("the base64 is damaged: {error}"))
        }
        (Some(_), Some(_)) => Err("a content is given twice".to_owned()),
    }
}
