//! Turns the HTTP client's errors into ours. Its own words are nested and change between versions, so that the cases
//! are told apart by the types of the causes.

use std::error::Error;
use std::io;

use crate::error::NetError;
use crate::resolver::NoAddress;
use crate::verifier::Distrust;

/// Says what an error of the HTTP client means.
pub(crate) fn explain(error: &reqwest::Error, about: &str) -> NetError {
    if let Some(said) = cause::<NoAddress>(error) {
        return match said {
            NoAddress::Blocked(diagnostic) => NetError::Refused(diagnostic.clone()),
            NoAddress::Unknown(message) => NetError::Unreachable {
                message: message.clone(),
                hint: Some("is the host name right, and does this machine have a network?".to_owned()),
            },
        };
    }
    let host = host(error);
    if let Some(said) = cause::<rustls::Error>(error).and_then(Distrust::within) {
        return untrusted(said, &host);
    }
    let last = innermost(error);
    if error.is_connect() {
        let timeout = error.is_timeout();
        let (said, hint) = match cause::<rustls::Error>(error) {
            Some(rustls::Error::InvalidMessage(_)) => (
                "what answers there does not speak TLS".to_owned(),
                Some("is it the port of `https://`? Plain `http://` has another one"),
            ),
            Some(_) => (last, Some("does the server speak TLS on this port?")),
            None if timeout => ("no connection in time".to_owned(), None),
            None => (last, None),
        };
        let hint = hint.map(str::to_owned);
        return NetError::Unreachable { message: format!("`{host}` cannot be reached: {said}"), hint };
    }
    let said = if error.is_timeout() { "it did not answer in time".to_owned() } else { last };
    NetError::Lost { message: format!("the answer to `{about}` was lost: {said}") }
}

fn untrusted(said: &Distrust, host: &str) -> NetError {
    let Distrust { fingerprint, reason, pinned } = said;
    let message = format!(
        "the certificate of `{host}` is not trusted: {reason}; its SHA-256 fingerprint is {fingerprint}"
    );
    let hint = if *pinned {
        format!("if it was renewed, and only then, write `certificate_sha256 = \"{fingerprint}\"`")
    } else {
        "if it is the right server, name the PEM file of who signed it as `ca_file` under `[directory.network]`".to_owned()
    };
    NetError::Untrusted { fingerprint: fingerprint.clone(), message, hint }
}

fn host(error: &reqwest::Error) -> String {
    let url = error.url();
    let name = url.and_then(|url| url.host_str()).unwrap_or("the server").to_owned();
    match url.and_then(url::Url::port_or_known_default) {
        None | Some(443) => name,
        Some(port) => format!("{name}:{port}"),
    }
}

/// Finds a cause of a type. An I/O error hides what it wraps from `source`, so that it is opened here.
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = beneath(error);
    }
    None
}

fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = beneath(last) {
        last = next;
    }
    last.to_string().chars().filter(|letter| !letter.is_control()).take(300).collect()
}

fn beneath<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}
