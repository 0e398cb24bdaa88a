//! Replays a recording instead of the network. The format is described in [`recording`](crate::Recording).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use crate::error::NetError;
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

/// A recording that answers. It needs no network and no credentials.
#[derive(Debug)]
pub struct Replay {
    path: PathBuf,
    header: Header,
    files: BTreeMap<String, Spot>,
    answers: Mutex<BTreeMap<Key, Answers>>,
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
            Line::Http(_) => Err(self.moved("another line")),
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
            Line::File(_) => Err(self.moved("another line")),
        }
    }
}

fn missing(message: String) -> NetError {
    NetError::recording(
        message,
        Some("the job asks for other things than when it was recorded: record it again with `--record`"),
    )
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

fn read_header(line: &[u8], path: &Path) -> Result<Header, NetError> {
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

fn parse(line: &[u8]) -> Result<Line, String> {
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
