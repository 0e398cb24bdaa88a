//! The wire to real LDAP servers: sign-in, pages, ranges, and what must not come back.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rollcall_core::{Secret, Text};

use crate::address::AddressPolicy;
use crate::error::NetError;
use crate::http::Patience;
use crate::ldap::connection::{Connection, Way};
use crate::ldap::message::{self, Answer, Ask, Outcome};
use crate::ldap::refusal::{self, About, code, refused};
use crate::ldap::server::LdapServer;
use crate::ldap::{LdapEntry, LdapPage, LdapPages, LdapQuery, LdapScope, LdapWire, filter, ranges};
use crate::limits;
use crate::resolver::{Filtering, Resolver, SystemResolver};
use crate::retry::{Pause, SystemPause};
use crate::scrub::Scrubber;
use crate::tls::Trust;
use crate::wire::over_limit;

/// A `[login.NAME]` of the kind `ldap-bind`, filled in.
#[derive(Clone, Debug)]
pub struct LdapLogin {
    /// The server.
    pub server: LdapServer,
    /// Whether a connection that begins in the clear goes on with TLS.
    pub start_tls: bool,
    /// Name and password of a simple bind; none: nobody signs in.
    pub bind: Option<(Text, Secret)>,
    /// The certificates that are believed.
    pub trust: Trust,
    /// Whether parts of the directory that lie on another server are left out; otherwise they end a search.
    pub skip_referrals: bool,
}

impl LdapLogin {
    fn is_encrypted(&self) -> bool {
        self.start_tls || self.server.is_encrypted()
    }
}

/// How LDAP servers are reached.
#[derive(Clone)]
pub struct LdapOptions {
    /// The addresses that may be connected to.
    pub addresses: AddressPolicy,
    /// Whether plain `ldap` may leave this machine. A password never leaves in the clear.
    pub allow_insecure: bool,
    /// The most bytes of one page.
    pub page_bytes: u64,
    /// Looks names up.
    pub resolver: Arc<dyn Resolver>,
    /// How long a server may take.
    pub patience: Patience,
    /// Waits before a server that was not reached is tried again.
    pub pause: Arc<dyn Pause>,
}

impl Default for LdapOptions {
    fn default() -> Self {
        Self {
            addresses: AddressPolicy::public(),
            allow_insecure: false,
            page_bytes: limits::RESPONSE_BYTES,
            resolver: Arc::new(SystemResolver),
            patience: Patience::default(),
            pause: Arc::new(SystemPause),
        }
    }
}

/// The network, for searches.
pub struct LdapOnline {
    by_login: BTreeMap<String, Arc<Door>>,
}

/// The way to one login's server.
pub(super) struct Door {
    pub(super) way: Way,
    bind: Option<(Text, Secret)>,
    pub(super) skip_referrals: bool,
    scrubber: Scrubber,
    pub(super) page_bytes: u64,
    pause: Arc<dyn Pause>,
    kept: Mutex<Kept>,
}

/// What remains of the search before.
#[derive(Default)]
pub(super) struct Kept {
    /// A connection that nobody uses.
    idle: Option<Connection>,
    /// Where the last one led.
    address: Option<SocketAddr>,
    /// Whether it is Active Directory, once somebody wanted to know.
    pub(super) active_directory: Option<bool>,
}

impl LdapOnline {
    /// Prepares the way to the logins' servers; nothing is connected yet. Their passwords are added to `scrubber`.
    ///
    /// # Errors
    ///
    /// [`NetError::Refused`] where something would leave in the clear that must not, [`NetError::Invalid`] where the
    /// authorities' file or the pin cannot be used.
    pub fn new(
        logins: BTreeMap<String, LdapLogin>,
        options: LdapOptions,
        scrubber: &Scrubber,
    ) -> Result<Self, NetError> {
        let LdapOptions { addresses, allow_insecure, page_bytes, resolver, patience, pause } = options;
        let policy = Arc::new(addresses);
        let mut by_login = BTreeMap::new();
        for (name, login) in logins {
            check(&login, allow_insecure)?;
            let tls = if login.is_encrypted() {
                let mut config = login.trust.client_config()?;
                // Protocol names are HTTP's; some servers hang up on them.
                config.alpn_protocols.clear();
                Some(Arc::new(config))
            } else {
                None
            };
            if let Some((_, password)) = &login.bind {
                scrubber.add(password);
            }
            let addresses = Filtering { resolver: Arc::clone(&resolver), policy: Arc::clone(&policy) };
            let way = Way { server: login.server, tls, addresses, patience };
            let door = Door {
                way,
                bind: login.bind,
                skip_referrals: login.skip_referrals,
                scrubber: scrubber.clone(),
                page_bytes,
                pause: Arc::clone(&pause),
                kept: Mutex::default(),
            };
            by_login.insert(name, Arc::new(door));
        }
        Ok(Self { by_login })
    }
}

/// Refuses what must not leave, before anything does.
fn check(login: &LdapLogin, allow_insecure: bool) -> Result<(), NetError> {
    let server = &login.server;
    if login.is_encrypted() {
        return match &login.bind {
            // RFC 4513, 5.1.2: a name without a password counts as nobody, and the server says yes to it.
            Some((_, password)) if password.expose().is_empty() => {
                Err(refused("the bind password is empty, and nobody would be signed in".to_owned(), None))
            }
            _ => Ok(()),
        };
    }
    let hint = "write `ldaps://`, or `start_tls = true`";
    if login.bind.is_some() {
        return Err(refused(format!("the bind password would go to `{server}` in the clear"), Some(hint)));
    }
    if !server.is_loopback() && !allow_insecure {
        return Err(refused(format!("`{server}` is not encrypted"), Some(hint)));
    }
    Ok(())
}

#[async_trait]
impl LdapWire for LdapOnline {
    async fn search(&self, query: LdapQuery) -> Result<Box<dyn LdapPages>, NetError> {
        let Some(door) = self.by_login.get(&query.login) else {
            return Err(refused(format!("the connector has no login `{}`", query.login), None));
        };
        let filter = filter::encode(&query.filter).map_err(|why| refused(why, None))?;
        let (connection, reused) = door.connection().await?;
        Ok(Box::new(Pages {
            door: Arc::clone(door),
            connection: Some(connection),
            reused,
            // One entry at most: nothing to page.
            paged: query.scope != LdapScope::Base,
            page_size: query.page_size.clamp(1, limits::LDAP_PAGE_SIZE),
            query,
            filter,
            cookie: Vec::new(),
            asked: None,
            ended: false,
            requests: 0,
            bytes: 0,
        }))
    }
}

impl Door {
    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn about<'a>(&'a self, server: &'a str) -> About<'a> {
        About { server, who: self.bind.as_ref().map(|(name, _)| &**name), scrubber: &self.scrubber }
    }

    /// Gives the idle connection or a new one, signed in; and whether it was idle.
    async fn connection(&self) -> Result<(Connection, bool), NetError> {
        if let Some(idle) = self.kept().idle.take() {
            return Ok((idle, true));
        }
        let mut wait = limits::FIRST_WAIT;
        let mut attempt = 1;
        loop {
            match self.fresh().await {
                Err(error @ (NetError::Unreachable { .. } | NetError::Busy { .. }))
                    if attempt < limits::UNREACHED_ATTEMPTS =>
                {
                    tracing::info!(server = %self.way.server, attempt, %error, "not reached; trying again after a wait");
                }
                other => return other.map(|connection| (connection, false)),
            }
            self.pause.pause(wait).await;
            wait *= 2;
            attempt += 1;
        }
    }

    async fn fresh(&self) -> Result<Connection, NetError> {
        let before = self.kept().address;
        let mut connection = self.way.open(before).await?;
        self.kept().address = Some(connection.address);
        if let Some((name, password)) = &self.bind {
            let outcome = connection.bind(name, password.expose()).await?;
            if outcome.code != code::SUCCESS {
                return Err(refusal::bind(&self.about(&self.way.server.to_string()), &outcome));
            }
        }
        tracing::debug!(server = %self.way.server, "connected");
        Ok(connection)
    }
}

/// The pages of one search.
pub(super) struct Pages {
    pub(super) door: Arc<Door>,
    /// None once it is given back or broken.
    connection: Option<Connection>,
    /// Whether the connection was idle before and may have died since.
    reused: bool,
    pub(super) query: LdapQuery,
    filter: Vec<u8>,
    paged: bool,
    page_size: u32,
    /// Where the next page begins; empty for the first.
    cookie: Vec<u8>,
    /// The request for the next page, where it was sent already: its number, or why it could not be.
    asked: Option<Result<u32, NetError>>,
    ended: bool,
    pub(super) requests: u32,
    pub(super) bytes: u64,
}

#[async_trait]
impl LdapPages for Pages {
    async fn next(&mut self) -> Result<LdapPage, NetError> {
        (self.requests, self.bytes) = (0, 0);
        let mut empty = 0;
        loop {
            // Taken out, so that a page that is given up leaves no connection behind with half an answer in it.
            let Some(mut connection) = self.connection.take().filter(|_| !self.ended) else {
                return Ok(LdapPage { entries: Vec::new(), requests: self.requests });
            };
            let entries = self.page(&mut connection).await?;
            if self.ended {
                let before = self.door.kept().idle.replace(connection);
                if let Some(before) = before {
                    before.close().await;
                }
            } else {
                // The server works on the next page while the caller works on this one. A connection that breaks here is
                // given up, and the next page says why.
                self.asked = Some(self.send(&mut connection).await);
                self.connection = Some(connection);
            }
            if !entries.is_empty() {
                return Ok(LdapPage { entries, requests: self.requests });
            }
            // A page may be empty before the end (RFC 2696); to the caller that would be the end.
            empty += 1;
            if empty > limits::LDAP_EMPTY_PAGES {
                let message = format!("`{}` gives page after page without an entry", self.door.way.server);
                return Err(NetError::Failed { message, hint: None });
            }
        }
    }
}

impl Pages {
    /// Reads one page, with the rest of every attribute that was begun.
    async fn page(&mut self, connection: &mut Connection) -> Result<Vec<LdapEntry>, NetError> {
        let Heard { mut entries, outcome, reference } = loop {
            let asked = self.ask(connection).await;
            let first = self.cookie.is_empty();
            match asked {
                // An idle connection that had died meanwhile: nothing of the search was lost.
                Err(NetError::Lost { .. }) if self.reused && first => {
                    self.reused = false;
                    *connection = self.door.fresh().await?;
                }
                Err(error) => return Err(error),
                Ok(heard) => {
                    self.reused = false;
                    match heard.outcome.code {
                        code::NO_CRITICAL_EXTENSION if self.paged && first => self.paged = false,
                        code::ADMIN_LIMIT | code::SIZE_LIMIT if self.paged && first && self.page_size > 1 => {
                            self.page_size /= 2;
                            tracing::debug!(
                                page_size = self.page_size,
                                "the server takes smaller pages only"
                            );
                        }
                        _ => break heard,
                    }
                }
            }
        };
        self.settle(&outcome)?;
        if let Some(reference) = reference {
            self.refuse_hole(connection, &reference).await?;
        }
        for entry in &mut entries {
            for open in ranges::begin(entry) {
                self.rest(connection, entry, open).await?;
            }
            self.watch(entry)?;
        }
        Ok(entries)
    }

    /// Judges the end of a page.
    fn settle(&mut self, outcome: &Outcome) -> Result<(), NetError> {
        match outcome.code {
            code::SUCCESS => {}
            // Nothing stands there, which is an answer to "what stands there?".
            code::NO_SUCH_OBJECT if self.query.scope == LdapScope::Base => {}
            _ => {
                let server = self.door.way.server.to_string();
                return Err(refusal::search(&self.door.about(&server), &self.query.base, outcome));
            }
        }
        let cookie = outcome.cookie.as_deref().unwrap_or_default();
        self.ended = !self.paged || cookie.is_empty();
        self.cookie = cookie.to_vec();
        Ok(())
    }

    async fn ask(&mut self, connection: &mut Connection) -> Result<Heard, NetError> {
        let id = match self.asked.take() {
            Some(sent) => sent?,
            None => self.send(connection).await?,
        };
        heard(connection, id, &mut self.bytes, self.door.page_bytes).await
    }

    /// Sends the request for the page that the cookie leads to, counts it, and gives its number.
    async fn send(&mut self, connection: &mut Connection) -> Result<u32, NetError> {
        let ask = Ask {
            base: &self.query.base,
            scope: self.query.scope,
            filter: &self.filter,
            attributes: &self.query.attributes,
            paged: self.paged.then_some((self.page_size, &self.cookie[..])),
        };
        self.requests = self.requests.saturating_add(1);
        connection.send(|id| message::search(id, &ask)).await
    }

    /// Fetches what is missing of an attribute.
    async fn rest(
        &mut self,
        connection: &mut Connection,
        entry: &mut LdapEntry,
        open: ranges::Open,
    ) -> Result<(), NetError> {
        let any = filter::encode("(objectClass=*)").map_err(|why| refused(why, None))?;
        let mut open = Some(open);
        while let Some(now) = open {
            let attributes = [now.ask.clone()];
            let ask = Ask {
                base: &entry.dn,
                scope: LdapScope::Base,
                filter: &any,
                attributes: &attributes,
                paged: None,
            };
            self.requests = self.requests.saturating_add(1);
            let Heard { entries: mut found, outcome, .. } =
                answers(connection, &ask, &mut self.bytes, self.door.page_bytes).await?;
            let changed = || NetError::Lost {
                message: format!("an entry of `{}` changed while it was read", self.door.way.server),
            };
            if outcome.code == code::NO_SUCH_OBJECT {
                return Err(changed());
            }
            if outcome.code != code::SUCCESS {
                let server = self.door.way.server.to_string();
                return Err(refusal::search(&self.door.about(&server), &entry.dn, &outcome));
            }
            let answer = found.pop().ok_or_else(changed)?;
            open = ranges::go_on(entry, &now, answer).map_err(|()| changed())?;
        }
        Ok(())
    }

    /// Refuses an entry that holds the password.
    fn watch(&self, entry: &LdapEntry) -> Result<(), NetError> {
        let scrubber = &self.door.scrubber;
        let held = |values: &crate::ldap::LdapValues| {
            scrubber.finds(values.name.as_bytes()) || values.values.iter().any(|value| scrubber.finds(value))
        };
        if !scrubber.finds(entry.dn.as_bytes()) && !entry.attributes.iter().any(held) {
            return Ok(());
        }
        Err(NetError::Denied {
            message: format!("an entry of `{}` holds the password that was signed in with", self.door.way.server),
            hint: Some(
                "nothing of it was handed to the connector; keep the password out of what can be read, then replace it"
                    .to_owned(),
            ),
        })
    }
}

/// What a server answered to a search.
pub(super) struct Heard {
    pub(super) entries: Vec<LdapEntry>,
    pub(super) outcome: Outcome,
    /// Where a part of it lies that is not among the entries.
    reference: Option<String>,
}

/// Sends a search and reads its answers up to the end.
pub(super) async fn answers(
    connection: &mut Connection,
    ask: &Ask<'_>,
    bytes: &mut u64,
    most: u64,
) -> Result<Heard, NetError> {
    let id = connection.send(|id| message::search(id, ask)).await?;
    heard(connection, id, bytes, most).await
}

/// Reads the answers to a search up to the end.
async fn heard(connection: &mut Connection, id: u32, bytes: &mut u64, most: u64) -> Result<Heard, NetError> {
    let (mut entries, mut reference) = (Vec::new(), None);
    loop {
        let (answer, length) = connection.next(id).await?;
        let weight = if let Answer::Entry(entry) = &answer { message::weight(entry) } else { 0 };
        *bytes = bytes.saturating_add(length.max(weight) as u64);
        if *bytes > most || entries.len() > limits::LDAP_PAGE_ENTRIES {
            return Err(over_limit("a page of the directory", most));
        }
        match answer {
            Answer::Entry(entry) => entries.push(entry),
            Answer::Done(outcome) => return Ok(Heard { entries, outcome, reference }),
            Answer::Reference(url) => reference = reference.or(Some(url)),
            Answer::TooMuch => {
                let message = format!("an entry has more than {} values", limits::LDAP_MESSAGE_ELEMENTS);
                return Err(refused(message, None));
            }
            Answer::Other => {}
        }
    }
}
