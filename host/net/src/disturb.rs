//! A wire on which something goes wrong at a request of one's choice: how a connector takes a bad answer is tried with it,
//! against a real directory or a recording alike. Nothing of it is ever sent.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::error::NetError;
use crate::ldap::{LdapPage, LdapPages, LdapQuery, LdapWire};
use crate::limits;
use crate::retry::Pause;
use crate::wire::{Request, Response, Wire};

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The server answers with this status and an empty JSON object, without asking anybody.
    Status(u16),
    /// The server asks to come back after so many seconds (429 with `Retry-After`).
    Later(u64),
    /// The connection is lost.
    Lost,
    /// The server's answer breaks off in the middle, and the transfer ends well.
    Half,
    /// The server answers with status 200 and this instead.
    Instead(&'static str),
    /// The server gives the answer of the request before once more.
    Again,
}

/// A fault, the request that it begins with and how often it strikes. It counts whatever is sent, sign-ins included.
#[derive(Debug, Default)]
pub struct Faults {
    fault: Option<Fault>,
    from: usize,
    times: usize,
    requests: AtomicUsize,
    struck: AtomicUsize,
    waited_ms: AtomicUsize,
    /// Whether the last answer was made up, so that nobody need wait for what it asks.
    made_up: AtomicBool,
    /// The last answer, kept where it is to be given again.
    before: Mutex<Option<Answer>>,
}

#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Faults {
    /// Nothing goes wrong; requests are counted.
    pub fn none() -> Arc<Self> {
        Arc::default()
    }

    /// Lets something go wrong from a request on (0 is the first), so often; `usize::MAX`: for good.
    pub fn new(fault: Fault, from: usize, times: usize) -> Arc<Self> {
        Arc::new(Self { fault: Some(fault), from, times, ..Self::default() })
    }

    /// Gives how many requests were sent, those that went wrong included.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    /// Gives how often it went wrong.
    pub fn struck(&self) -> usize {
        self.struck.load(Ordering::Relaxed)
    }

    /// Gives how long the host waited before it asked again, or would have waited for an answer that was made up.
    pub fn waited(&self) -> Duration {
        Duration::from_millis(self.waited_ms.load(Ordering::Relaxed) as u64)
    }

    /// Counts a request, and gives what goes wrong with it.
    fn strike(&self) -> Option<&Fault> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        self.made_up.store(false, Ordering::Relaxed);
        let fault = self.fault.as_ref().filter(|_| number >= self.from && number - self.from < self.times)?;
        self.struck.fetch_add(1, Ordering::Relaxed);
        self.made_up.store(true, Ordering::Relaxed);
        Some(fault)
    }
}

#[async_trait]
impl Pause for Faults {
    async fn pause(&self, time: Duration) {
        if !self.made_up.load(Ordering::Relaxed) {
            tokio::time::sleep(time).await;
        }
        self.waited_ms.fetch_add(usize::try_from(time.as_millis()).unwrap_or(usize::MAX), Ordering::Relaxed);
    }
}

/// Disturbs a wire, or the searches of one.
pub struct Disturbed<W> {
    inner: W,
    faults: Arc<Faults>,
}

impl<W> Disturbed<W> {
    /// Puts faults around a wire.
    pub fn new(inner: W, faults: Arc<Faults>) -> Self {
        Self { inner, faults }
    }
}

impl<W: Wire> Disturbed<W> {
    async fn asked(&self, request: Request) -> Result<Answer, NetError> {
        let mut answer = self.inner.send(request).await?;
        let body = answer.read_all(limits::RECORDED_BODY_BYTES).await?;
        Ok(Answer { status: answer.status, headers: answer.headers, body })
    }

    async fn answer(&self, request: Request) -> Result<Answer, NetError> {
        let json = |status, more: &[(&str, String)], body: &str| {
            let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
            headers.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            Answer { status, headers, body: body.as_bytes().to_vec() }
        };
        match self.faults.strike() {
            None => self.asked(request).await,
            Some(Fault::Status(status)) => Ok(json(*status, &[], "{}")),
            Some(Fault::Later(seconds)) => Ok(json(429, &[("retry-after", seconds.to_string())], "{}")),
            Some(Fault::Lost) => Err(lost()),
            Some(Fault::Half) => {
                let mut answer = self.asked(request).await?;
                answer.body.truncate(answer.body.len() / 2);
                Ok(answer)
            }
            Some(Fault::Instead(body)) => Ok(json(200, &[], body)),
            Some(Fault::Again) => {
                let before = self.faults.before.lock().unwrap_or_else(PoisonError::into_inner).clone();
                match before {
                    Some(before) => Ok(before),
                    None => self.asked(request).await,
                }
            }
        }
    }
}

#[async_trait]
impl<W: Wire> Wire for Disturbed<W> {
    async fn send(&self, request: Request) -> Result<Response, NetError> {
        let answer = self.answer(request).await?;
        if self.faults.fault == Some(Fault::Again) {
            *self.faults.before.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer.clone());
        }
        Ok(Response::whole(answer.status, answer.headers, answer.body))
    }
}

#[async_trait]
impl LdapWire for Disturbed<Arc<dyn LdapWire>> {
    async fn search(&self, query: LdapQuery) -> Result<Box<dyn LdapPages>, NetError> {
        let pages = self.inner.search(query).await?;
        Ok(Box::new(DisturbedPages { pages, faults: self.faults.clone() }))
    }
}

struct DisturbedPages {
    pages: Box<dyn LdapPages>,
    faults: Arc<Faults>,
}

#[async_trait]
impl LdapPages for DisturbedPages {
    async fn next(&mut self) -> Result<LdapPage, NetError> {
        // A search has neither statuses nor bodies: whatever goes wrong, the answer does not come.
        if self.faults.strike().is_some() {
            return Err(lost());
        }
        self.pages.next().await
    }
}

fn lost() -> NetError {
    NetError::Lost { message: "the connection was lost (this is a trial)".to_owned() }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    /// Answers with the number of the request.
    struct Counting(AtomicUsize);

    #[async_trait]
    impl Wire for Counting {
        async fn send(&self, _: Request) -> Result<Response, NetError> {
            let number = self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Response::whole(200, Vec::new(), format!("answer {number}")))
        }
    }

    async fn told(fault: Fault, from: usize, times: usize) -> Vec<String> {
        let faults = Faults::new(fault, from, times);
        let wire = Disturbed::new(Counting(AtomicUsize::new(0)), faults.clone());
        let mut told = Vec::new();
        for _ in 0..4 {
            told.push(match wire.send(Request::get(Url::parse("https://a.test/").unwrap())).await {
                Ok(mut answer) => {
                    let body = answer.read_all(100).await.unwrap();
                    format!("{} {}", answer.status, String::from_utf8(body).unwrap())
                }
                Err(error) => error.to_string(),
            });
        }
        assert_eq!((faults.requests(), faults.struck()), (4, times.min(4 - from)));
        told
    }

    #[tokio::test]
    async fn a_fault_strikes_where_it_should() {
        let plain = |n: usize| format!("200 answer {n}");
        let status = told(Fault::Status(503), 1, 1).await;
        assert_eq!(status, [plain(0), "503 {}".into(), plain(1), plain(2)]);
        let half = told(Fault::Half, 2, usize::MAX).await;
        assert_eq!(half, [plain(0), plain(1), "200 answ".into(), "200 answ".into()]);
        let again = told(Fault::Again, 1, 2).await;
        assert_eq!(again, [plain(0), plain(0), plain(0), plain(1)]);
        let instead = told(Fault::Instead("<html>"), 0, 1).await;
        assert_eq!(instead, ["200 <html>".into(), plain(0), plain(1), plain(2)]);
        assert!(told(Fault::Lost, 3, 1).await[3].contains("lost"));
    }
}
