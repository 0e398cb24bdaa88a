//! An LDAP server by its URL.

use std::fmt;

use url::Url;

use crate::origin::Origin;

/// The usual port without and with TLS.
const PORTS: [u16; 2] = [389, 636];

/// `ldap://host[:port]` or `ldaps://host[:port]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LdapServer {
    secure: bool,
    /// The host, as HTTP would compare it.
    host: Origin,
    port: u16,
}

impl LdapServer {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// Gives what is wrong with it as one clause.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or_else(|| format!("`{text}` is no URL"))?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "ldaps" => true,
            "ldap" => false,
            other => return Err(format!("`{other}` is neither `ldaps` nor `ldap`")),
        };
        // The URL parser makes hosts comparable for the schemes that it knows, and drops a port that is theirs.
        let as_http = |scheme: &str| {
            Url::parse(&format!("{scheme}://{rest}")).map_err(|error| format!("`{text}` is no URL: {error}"))
        };
        let url = as_http("http")?;
        let host = Origin::of(&url)?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(format!("`{text}` must end with its host or port"));
        }
        let port = url.port().or(as_http("https")?.port()).unwrap_or(PORTS[usize::from(secure)]);
        // Without its port, which HTTP has another usual one for.
        let host = Origin::parse(&format!("http://{}", host.host()))?;
        Ok(Self { secure, host, port })
    }

    /// Tells whether the connection begins with TLS.
    pub fn is_encrypted(&self) -> bool {
        self.secure
    }

    /// Tells whether the server is this machine by its name.
    pub fn is_loopback(&self) -> bool {
        self.host.is_loopback()
    }

    /// Gives the host as it is compared, an IPv6 address without brackets.
    pub fn host(&self) -> String {
        self.host.host().trim_matches(['[', ']']).to_owned()
    }

    /// Gives the port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for LdapServer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}://{}", if self.secure { "ldaps" } else { "ldap" }, self.host.host())?;
        if self.port == PORTS[usize::from(self.secure)] { Ok(()) } else { write!(out, ":{}", self.port) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_and_written() {
        let check = |text: &str, expect: Result<&str, &str>| {
            let got = LdapServer::parse(text).map(|server| server.to_string());
            assert_eq!(got.as_deref().map_err(String::as_str), expect);
        };
        check("ldaps://DC1.Corp.Example.", Ok("ldaps://dc1.corp.example"));
        check("LDAPS://dc1.corp.example:636/", Ok("ldaps://dc1.corp.example"));
        check("ldap://dc1:389", Ok("ldap://dc1"));
        check("ldap://dc1:80", Ok("ldap://dc1:80"));
        check("ldaps://dc1:443", Ok("ldaps://dc1:443"));
        check("ldap://0x7f.1:1389", Ok("ldap://127.0.0.1:1389"));
        check("ldap://[::1]:1389", Ok("ldap://[::1]:1389"));
        check("dc1", Err("`dc1` is no URL"));
        check("https://dc1", Err("`https` is neither `ldaps` nor `ldap`"));
        check("ldap://u:p@dc1", Err("a URL must not carry user information"));
        check("ldap://dc1/dc=x", Err("`ldap://dc1/dc=x` must end with its host or port"));
    }

    #[test]
    fn the_usual_port_may_be_written() {
        assert_eq!(LdapServer::parse("ldaps://DC1:636"), LdapServer::parse("ldaps://dc1"));
        assert_ne!(LdapServer::parse("ldap://dc1:636"), LdapServer::parse("ldaps://dc1"));
    }

    #[test]
    fn this_machine_is_known() {
        for (text, expect) in [("ldap://localhost", true), ("ldap://127.1", true), ("ldap://dc1", false)] {
            assert_eq!(LdapServer::parse(text).unwrap().is_loopback(), expect, "{text}");
        }
    }
}
