//! What a connector asks for, in words that an operator can judge: each grant and login with its author's reason. Read
//! from the manifest alone, before anything of the connector runs.

use std::fmt;

use crate::manifest::{Login, LoginKind, Manifest, SettingKind};

/// One thing that a connector asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What is asked for: `http`, `ldap`, `files` or `login`.
    pub kind: &'static str,
    /// What it is: `GET https://hr.example`.
    pub what: String,
    /// Why, in the author's words.
    pub reason: String,
    /// Whether what is read of the directory may go there: the server is written into the connector, and it is none that
    /// a login signs in to, nor one that the job's settings name.
    pub may_receive: bool,
}

/// Gives everything that a manifest asks for: one for each method of each server, then directories, files and logins.
pub fn asks(manifest: &Manifest) -> Vec<Ask> {
    let mut asks = Vec::new();
    for grant in &manifest.grant.http {
        let may_receive = !is_directory(manifest, &grant.origin);
        asks.extend(grant.methods.iter().map(|method| Ask {
            kind: "http",
            what: match server(manifest, &grant.origin) {
                Server::Written(url) => format!("{method} {url}"),
                other => format!("{method} at {other}"),
            },
            reason: grant.reason.clone(),
            may_receive,
        }));
    }
    let own = |kind, what, reason: &String| Ask { kind, what, reason: reason.clone(), may_receive: false };
    for grant in &manifest.grant.ldap {
        let url = manifest.login.get(&grant.login).and_then(|ways| ways.first()?.url.as_ref());
        let url = url.map_or_else(String::new, |url| format!(", the server in the setting `{url}`"));
        asks.push(own("ldap", format!("searches of the login `{}`{url}", grant.login), &grant.reason));
    }
    for grant in &manifest.grant.files {
        let what = format!("the file or folder in the setting `{}`", grant.folder_of);
        asks.push(own("files", what, &grant.reason));
    }
    for (name, ways) in &manifest.login {
        asks.extend(ways.iter().map(|way| own("login", login(manifest, name, way), &way.reason)));
    }
    asks
}

/// Gives what `new` asks for and `old` did not. Another reason for the same thing is nothing more.
pub fn more(old: &Manifest, new: &Manifest) -> Vec<Ask> {
    let before = asks(old);
    let known = |ask: &Ask| before.iter().any(|known| (known.kind, &known.what) == (ask.kind, &ask.what));
    asks(new).into_iter().filter(|ask| !known(ask)).collect()
}

/// Says whether a server is the directory's own: named by the job's settings, or one that a login signs in to.
fn is_directory(manifest: &Manifest, origin: &str) -> bool {
    let logins = manifest.login.values().flatten().flat_map(|way| &way.origins);
    setting(manifest, origin).is_some() || logins.into_iter().any(|one| bare(one) == bare(origin))
}

/// Gives the setting of kind `url` whose server a text means.
fn setting<'a>(manifest: &Manifest, text: &'a str) -> Option<&'a str> {
    let (name, rest) = text.strip_prefix('{')?.split_once('}')?;
    let is_url = manifest.settings.get(name)?.kind == Some(SettingKind::Url);
    (is_url && (rest.is_empty() || rest.starts_with('/'))).then_some(name)
}

/// A server that is asked for.
#[derive(Clone, PartialEq, Eq)]
enum Server {
    /// As it is written into the connector: scheme, host and port.
    Written(String),
    /// The one in a setting of the job, or else the setting's default.
    OfSetting(String, Option<String>),
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Written(url) => f.write_str(url),
            Self::OfSetting(name, None) => write!(f, "the server in the setting `{name}`"),
            Self::OfSetting(name, Some(default)) => {
                write!(f, "the server in the setting `{name}`, else {default}")
            }
        }
    }
}

fn server(manifest: &Manifest, text: &str) -> Server {
    let Some(name) = setting(manifest, text) else { return Server::Written(bare(text).to_owned()) };
    let default = manifest.settings.get(name).and_then(|setting| setting.default.as_ref()?.as_str());
    Server::OfSetting(name.to_owned(), default.map(|url| bare(url).to_owned()))
}

/// Leaves the path of a URL out: what is granted is scheme, host and port.
fn bare(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url[host..].find('/').map_or(url.len(), |at| host + at);
    &url[..end]
}

fn login(manifest: &Manifest, name: &str, way: &Login) -> String {
    let kind = match way.kind {
        LoginKind::ClientCredentials => "as a client",
        LoginKind::Token => "by a fixed token",
        LoginKind::Basic => "by user name and password",
        LoginKind::ServiceAccount => "as a service account",
        LoginKind::LdapBind => "by an LDAP bind",
    };
    let mut what = format!("the login `{name}` {kind}");
    let mut credentials: Vec<String> = way.credentials().map(|(_, name)| format!("`{name}`")).collect();
    credentials.dedup();
    if !credentials.is_empty() {
        what += &format!(" with {}", credentials.join(", "));
    }
    if let Some(scope) = &way.scope {
        what += &format!(", asking for `{scope}`");
    }
    // Who is acted for, and by what the server is known: an update that moves them asks for something new.
    let further = [
        ("as", &way.client_id),
        ("acting for", &way.subject),
        ("under the word", &way.scheme),
        ("with the name in the setting", &way.bind_dn),
        ("with the authority in the setting", &way.ca_file),
        ("with the fingerprint in the setting", &way.certificate_sha256),
        ("with StartTLS by the setting", &way.start_tls),
    ];
    for (words, value) in further.into_iter().filter_map(|(words, value)| Some((words, value.as_ref()?))) {
        what += &format!(", {words} `{value}`");
    }
    let origins: Vec<Server> = way.origins.iter().map(|origin| server(manifest, origin)).collect();
    if let Some(token) = way.token_url.as_ref().map(|url| server(manifest, url))
        && !origins.contains(&token)
    {
        what += &format!(", signing in at {token}");
    }
    if let Some(url) = &way.url {
        what += &format!(", to the server in the setting `{url}`");
    }
    if !origins.is_empty() {
        let origins: Vec<String> = origins.iter().map(ToString::to_string).collect();
        what += &format!(", for {}", origins.join(" and "));
    }
    what
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "name = \"x\"\nversion = \"1.0.0\"\nabout = \"x\"\ncontract = \"0.1\"\n\
        settings.url = { type = \"text\", about = \"x\", kind = \"url\" }\n\
        credentials.key = { about = \"x\" }\n\
        login.hr = { kind = \"token\", token = \"key\", origins = [\"https://hr.example\"], reason = \"Signs in.\" }\n";

    fn manifest(grants: &[(&str, &str)]) -> Manifest {
        let grant = |(origin, methods): &(&str, &str)| {
            format!("[[grant.http]]\norigin = \"{origin}\"\nmethods = {methods}\nreason = \"Reads.\"\n")
        };
        let text: String = std::iter::once(HEAD.to_owned()).chain(grants.iter().map(grant)).collect();
        Manifest::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn who_may_receive_what_was_read_is_told() {
        let check = |origin: &str, what: &str, may_receive: bool| {
            let asks = asks(&manifest(&[(origin, "[\"GET\"]")]));
            assert_eq!((asks[0].what.as_str(), asks[0].may_receive), (what, may_receive));
        };
        check("{url}", "GET at the server in the setting `url`", false);
        check("{url}/api", "GET at the server in the setting `url`", false);
        check("https://hr.example/api", "GET https://hr.example", false);
        check("https://hr.example:444", "GET https://hr.example:444", true);
        check("https://elsewhere.example/x", "GET https://elsewhere.example", true);
    }

    #[test]
    fn more_is_what_was_not_asked_before() {
        let what = |old: &[(&str, &str)], new: &[(&str, &str)]| {
            let more = more(&manifest(old), &manifest(new));
            more.into_iter().map(|ask| ask.what).collect::<Vec<_>>()
        };
        let old = [("{url}", "[\"GET\"]")];
        assert_eq!(what(&old, &old), Vec::<String>::new());
        assert_eq!(what(&old, &[]), Vec::<String>::new());
        let post = "POST at the server in the setting `url`";
        assert_eq!(what(&old, &[("{url}", "[\"GET\", \"POST\"]")]), [post]);
        let both = [("{url}", "[\"GET\"]"), ("https://a.example", "[\"GET\"]")];
        assert_eq!(what(&old, &both), ["GET https://a.example"]);
    }
}
