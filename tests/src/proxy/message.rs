//! One HTTP/1.1 message as bytes: read whole, passed on as it came.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The most bytes of a message that is read.
const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// A message with its head's lines.
pub(super) struct Message {
    /// The message as it came.
    pub(super) bytes: Vec<u8>,
    /// How many of the bytes are the head, the empty line included.
    head: usize,
}

impl Message {
    fn line(&self) -> &str {
        let end = self.bytes.iter().position(|byte| *byte == b'\r').unwrap_or(0);
        std::str::from_utf8(&self.bytes[..end]).unwrap_or_default()
    }

    /// Gives a request's method.
    pub(super) fn method(&self) -> &str {
        self.line().split(' ').next().unwrap_or_default()
    }

    /// Gives a request's path without its query.
    pub(super) fn path(&self) -> &str {
        let target = self.line().split(' ').nth(1).unwrap_or_default();
        target.split('?').next().unwrap_or_default()
    }

    /// Tells whether its sender wants the connection to end with it.
    pub(super) fn closes(&self) -> bool {
        let head = String::from_utf8_lossy(&self.bytes[..self.head]).to_ascii_lowercase();
        head.lines().any(|line| {
            line.split_once(':').is_some_and(|(name, value)| name == "connection" && value.contains("close"))
        })
    }

    /// Gives a place in the middle of the body; of the head where there is no body.
    pub(super) fn middle(&self) -> usize {
        let body = self.bytes.len() - self.head;
        if body > 1 { self.head + body / 2 } else { self.head / 2 }
    }
}

/// Makes an answer.
pub(super) fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// How a body ends.
enum Ends {
    After(usize),
    Chunked,
    WithTheConnection,
}

/// Reads a request; `None` where the client has gone.
pub(super) async fn read_request(
    from: &mut (impl AsyncRead + Unpin),
    left: &mut Vec<u8>,
) -> io::Result<Option<Message>> {
    let Some(head) = read_head(from, left).await? else { return Ok(None) };
    let ends = match ends(&left[..head])? {
        Some(ends) => ends,
        None => Ends::After(0),
    };
    read_body(from, left, head, ends).await.map(Some)
}

/// Reads the answer to a request.
pub(super) async fn read_response(
    from: &mut (impl AsyncRead + Unpin),
    left: &mut Vec<u8>,
    request: &Message,
) -> io::Result<Option<Message>> {
    let Some(head) = read_head(from, left).await? else { return Ok(None) };
    let status = left.get(9..12).unwrap_or_default();
    let bodyless = request.method() == "HEAD" || matches!(status, b"204" | b"304");
    let ends = match ends(&left[..head])? {
        _ if bodyless => Ends::After(0),
        Some(ends) => ends,
        None => Ends::WithTheConnection,
    };
    read_body(from, left, head, ends).await.map(Some)
}

async fn read_head(from: &mut (impl AsyncRead + Unpin), left: &mut Vec<u8>) -> io::Result<Option<usize>> {
    loop {
        if let Some(at) = find(left, b"\r\n\r\n", 0) {
            return Ok(Some(at + 4));
        }
        if !more(from, left).await? {
            return Ok(None);
        }
    }
}

fn ends(head: &[u8]) -> io::Result<Option<Ends>> {
    let head = std::str::from_utf8(head).map_err(io::Error::other)?.to_ascii_lowercase();
    for line in head.lines() {
        match line.split_once(':') {
            Some(("content-length", length)) => {
                return length
                    .trim()
                    .parse()
                    .map(|length| Some(Ends::After(length)))
                    .map_err(io::Error::other);
            }
            Some(("transfer-encoding", how)) if how.contains("chunked") => return Ok(Some(Ends::Chunked)),
            _ => {}
        }
    }
    Ok(None)
}

async fn read_body(
    from: &mut (impl AsyncRead + Unpin),
    left: &mut Vec<u8>,
    head: usize,
    ends: Ends,
) -> io::Result<Message> {
    let end = match ends {
        Ends::After(length) => {
            while left.len() < head + length {
                some(from, left).await?;
            }
            head + length
        }
        Ends::Chunked => {
            let mut at = head;
            loop {
                let Some(line) = find(left, b"\r\n", at) else {
                    some(from, left).await?;
                    continue;
                };
                let size = std::str::from_utf8(&left[at..line]).map_err(io::Error::other)?;
                let size = size.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(size, 16).map_err(io::Error::other)?;
                at = line + 2 + size + 2;
                while left.len() < at {
                    some(from, left).await?;
                }
                if size == 0 {
                    break at;
                }
            }
        }
        Ends::WithTheConnection => {
            while more(from, left).await? {}
            left.len()
        }
    };
    Ok(Message { bytes: left.drain(..end).collect(), head })
}

async fn some(from: &mut (impl AsyncRead + Unpin), left: &mut Vec<u8>) -> io::Result<()> {
    if more(from, left).await? { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Reads on; false where there is no more.
async fn more(from: &mut (impl AsyncRead + Unpin), left: &mut Vec<u8>) -> io::Result<bool> {
    if left.len() > MESSAGE_BYTES_MAX {
        return Err(io::Error::other("the message is too large"));
    }
    Ok(from.read_buf(left).await? > 0)
}

fn find(bytes: &[u8], what: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(what.len()).position(|part| part == what).map(|at| from + at)
}
