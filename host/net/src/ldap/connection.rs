//! A connection to an LDAP server: checked addresses, TLS from the beginning or by StartTLS, one message after the other.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::error::NetError;
use crate::http::Patience;
use crate::ldap::ber;
use crate::ldap::message::{self, Answer, Outcome, START_TLS};
use crate::ldap::refusal::{self, code};
use crate::ldap::server::LdapServer;
use crate::limits;
use crate::resolver::{Filtering, NoAddress};

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// How a server is reached.
pub(crate) struct Way {
    pub(crate) server: LdapServer,
    /// What judges its certificate; none where the connection stays plain.
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    pub(crate) addresses: Filtering,
    pub(crate) patience: Patience,
}

/// An open connection.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    received: Vec<u8>,
    /// How far what was received has been taken.
    taken: usize,
    last_id: u32,
    silence: Duration,
    server: String,
    /// Where it leads, so that the next one leads there too.
    pub(crate) address: SocketAddr,
}

impl Way {
    /// Opens a connection, to `before` first, where there was one.
    pub(crate) async fn open(&self, before: Option<SocketAddr>) -> Result<Connection, NetError> {
        let mut addresses = self.resolved().await?;
        // A directory of several machines is read from one, or a listing would mix what they know.
        addresses.sort_by_key(|address| Some(*address) != before);
        let mut last = io::Error::other("it has no address");
        for address in addresses {
            match within(self.patience.connect, TcpStream::connect(address)).await {
                Ok(stream) => return self.secured(stream, address).await,
                Err(error) => last = error,
            }
        }
        Err(refusal::connection(&self.server.to_string(), &last, false))
    }

    async fn resolved(&self) -> Result<Vec<SocketAddr>, NetError> {
        let (host, port) = (self.server.host(), self.server.port());
        if let Ok(address) = host.parse::<IpAddr>() {
            let checked = self.addresses.policy.check(&host, address);
            checked.map_err(|refused| NetError::Refused(Box::new(refused)))?;
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        match self.addresses.addresses(&host).await {
            Ok(found) => Ok(found.into_iter().map(|address| SocketAddr::new(address.ip(), port)).collect()),
            Err(NoAddress::Blocked(diagnostic)) => Err(NetError::Refused(diagnostic)),
            Err(NoAddress::Unknown(message)) => Err(NetError::Unreachable {
                message,
                hint: Some("is the host name right, and does this machine have a network?".to_owned()),
            }),
        }
    }

    async fn secured(&self, stream: TcpStream, address: SocketAddr) -> Result<Connection, NetError> {
        let server = self.server.to_string();
        let failed = |error: io::Error| refusal::connection(&server, &error, false);
        stream.set_nodelay(true).map_err(failed)?;
        let plain = Connection::new(Box::new(stream), server.clone(), self.patience.silence, address);
        let Some(tls) = &self.tls else { return Ok(plain) };
        let stream = if self.server.is_encrypted() { plain.stream } else { plain.started_tls().await? };
        let name = ServerName::try_from(self.server.host())
            .map_err(|error| refusal::connection(&server, &io::Error::other(error), false))?;
        let shaken = TlsConnector::from(Arc::clone(tls)).connect(name, stream);
        let stream = within(self.patience.connect, shaken).await.map_err(failed)?;
        Ok(Connection::new(Box::new(stream), server, self.patience.silence, address))
    }
}

impl Connection {
    fn new(stream: Box<dyn Stream>, server: String, silence: Duration, address: SocketAddr) -> Self {
        Self { stream, received: Vec::new(), taken: 0, last_id: 0, silence, server, address }
    }

    /// Asks for TLS and gives the stream that it is to be spoken on.
    async fn started_tls(mut self) -> Result<Box<dyn Stream>, NetError> {
        let id = self.send(|id| message::extended(id, START_TLS)).await?;
        let outcome = self.done(id).await?;
        if outcome.code != code::SUCCESS {
            let message =
                format!("`{}` does not begin TLS on this connection (result {})", self.server, outcome.code);
            let hint = "does it have a certificate? `ldaps://` on its own port may work".to_owned();
            return Err(NetError::Failed { message, hint: Some(hint) });
        }
        // Whatever came in the clear behind the answer was put there by somebody else.
        if self.taken < self.received.len() {
            return Err(self.garbled());
        }
        Ok(self.stream)
    }

    /// Signs in with a name and a password and gives the server's word on it.
    pub(crate) async fn bind(&mut self, name: &str, password: &str) -> Result<Outcome, NetError> {
        let id = self.send(|id| message::bind(id, name, password)).await?;
        self.done(id).await
    }

    /// Sends a request, made for its number, and gives the number.
    pub(crate) async fn send(&mut self, request: impl FnOnce(u32) -> Vec<u8>) -> Result<u32, NetError> {
        // Numbers are positive 31-bit ones; no connection lives that long.
        self.last_id = self.last_id.wrapping_add(1) & 0x7fff_ffff;
        let bytes = request(self.last_id);
        let stream = &mut self.stream;
        let sent = within(self.silence, async {
            stream.write_all(&bytes).await?;
            stream.flush().await
        })
        .await;
        sent.map_err(|error| self.lost(&error))?;
        Ok(self.last_id)
    }

    /// Waits for the end of a request that has no entries.
    async fn done(&mut self, id: u32) -> Result<Outcome, NetError> {
        match self.next(id).await? {
            (Answer::Done(outcome), _) => Ok(outcome),
            _ => Err(self.garbled()),
        }
    }

    /// Gives the next message that answers a request, and its length.
    pub(crate) async fn next(&mut self, id: u32) -> Result<(Answer, usize), NetError> {
        let message = self.message().await?;
        let length = message.len();
        match message::read(&message) {
            Ok((of, answer)) if of == id => Ok((answer, length)),
            // The notice that the server is about to hang up (RFC 4511, 4.4.1).
            Ok((0, Answer::Done(outcome))) => {
                let said = format!("it says good-bye with result {}", outcome.code);
                Err(self.lost(&io::Error::other(said)))
            }
            _ => Err(self.garbled()),
        }
    }

    async fn message(&mut self) -> Result<Vec<u8>, NetError> {
        loop {
            let whole = ber::frame(&self.received[self.taken..]).map_err(|_| self.garbled())?;
            if whole.is_some_and(|length| length > limits::LDAP_MESSAGE_BYTES) {
                return Err(crate::wire::over_limit(
                    "a message of the directory",
                    limits::LDAP_MESSAGE_BYTES as u64,
                ));
            }
            if let Some(end) =
                whole.map(|length| self.taken + length).filter(|end| *end <= self.received.len())
            {
                let message = self.received[self.taken..end].to_vec();
                self.taken = end;
                return Ok(message);
            }
            self.received.drain(..self.taken);
            self.taken = 0;
            let read = within(self.silence, self.stream.read_buf(&mut self.received)).await;
            match read {
                Ok(0) => return Err(self.lost(&io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => {}
                Err(error) => return Err(self.lost(&error)),
            }
        }
    }

    /// Says good-bye; whether it is heard changes nothing.
    pub(crate) async fn close(mut self) {
        let _ = self.send(message::unbind).await;
        let _ = within(Duration::from_secs(1), self.stream.shutdown()).await;
    }

    pub(crate) fn garbled(&self) -> NetError {
        NetError::Failed {
            message: format!("what `{}` answers is no LDAP", self.server),
            hint: Some("are host and port those of the directory?".to_owned()),
        }
    }

    fn lost(&self, error: &io::Error) -> NetError {
        refusal::connection(&self.server, error, true)
    }
}

async fn within<T>(time: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match tokio::time::timeout(time, work).await {
        Ok(done) => done,
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "it did not answer in time")),
    }
}
