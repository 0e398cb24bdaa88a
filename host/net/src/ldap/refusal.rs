//! What a server's "no" means (RFC 4511, A.2), with the words for what Active Directory hides in a number.

use std::io;

use rollcall_core::{Diagnostic, codes};

use crate::error::NetError;
use crate::ldap::message::Outcome;
use crate::scrub::Scrubber;
use crate::verifier::Distrust;

/// Result codes that somebody looks at.
pub(crate) mod code {
    pub(crate) const SUCCESS: u32 = 0;
    pub(crate) const OPERATIONS_ERROR: u32 = 1;
    pub(crate) const TIME_LIMIT: u32 = 3;
    pub(crate) const SIZE_LIMIT: u32 = 4;
    pub(crate) const STRONGER_AUTH: u32 = 8;
    pub(crate) const REFERRAL: u32 = 10;
    pub(crate) const ADMIN_LIMIT: u32 = 11;
    pub(crate) const NO_CRITICAL_EXTENSION: u32 = 12;
    pub(crate) const CONFIDENTIALITY: u32 = 13;
    pub(crate) const NO_SUCH_OBJECT: u32 = 32;
    pub(crate) const INVALID_DN: u32 = 34;
    pub(crate) const INAPPROPRIATE_AUTH: u32 = 48;
    pub(crate) const INVALID_CREDENTIALS: u32 = 49;
    pub(crate) const INSUFFICIENT_ACCESS: u32 = 50;
    pub(crate) const BUSY: u32 = 51;
    pub(crate) const UNAVAILABLE: u32 = 52;
    pub(crate) const UNWILLING: u32 = 53;
}

/// Whom a message speaks of.
pub(crate) struct About<'a> {
    /// The server as a URL.
    pub(crate) server: &'a str,
    /// Who signed in; none for nobody.
    pub(crate) who: Option<&'a str>,
    pub(crate) scrubber: &'a Scrubber,
}

impl About<'_> {
    fn who(&self) -> &str {
        self.who.unwrap_or("who is not signed in")
    }

    fn said(&self, outcome: &Outcome) -> String {
        let said = plain(&self.scrubber.redact(&outcome.message));
        if said.is_empty() {
            format!("result {}", outcome.code)
        } else {
            format!("result {}: {said}", outcome.code)
        }
    }
}

/// Says that the host itself says no.
pub(super) fn refused(message: String, hint: Option<&str>) -> NetError {
    let mut diagnostic = Diagnostic::error(codes::CONNECTOR_REFUSED, message);
    diagnostic.hint = hint.map(str::to_owned);
    NetError::Refused(Box::new(diagnostic))
}

/// Says that a part of the directory lies elsewhere, by the first URL that the server gave.
pub(super) fn hole(about: &About<'_>, base: &str, reference: &str) -> NetError {
    // Scheme, host and port: what is behind them may name people.
    let there: String =
        plain(&about.scrubber.redact(reference)).split('/').take(3).collect::<Vec<_>>().join("/");
    NetError::Failed {
        message: format!(
            "a part of what lies below `{}` is not on `{}` but on `{there}`, and whoever is there would count as gone",
            plain(base),
            about.server
        ),
        hint: Some(
            "referrals are not followed: narrow `base_dn`, or leave that part out with `skip_referrals = true`".to_owned(),
        ),
    }
}

/// Says why a sign-in was refused.
pub(crate) fn bind(about: &About<'_>, outcome: &Outcome) -> NetError {
    let (server, who, said) = (about.server, about.who(), about.said(outcome));
    match outcome.code {
        code::INVALID_CREDENTIALS => {
            let (why, hint) = active_directory(&outcome.message).unwrap_or((
                "the name or the password is wrong",
                "check `bind_dn` and the password; a server may well say the same of a name that it does not know",
            ));
            let message = format!("`{server}` refused the sign-in of `{who}`: {why} ({said})");
            NetError::Denied { message, hint: Some(hint.to_owned()) }
        }
        code::STRONGER_AUTH | code::CONFIDENTIALITY => {
            let message = format!("`{server}` wants an encrypted connection before a sign-in ({said})");
            NetError::Denied { message, hint: Some("use `ldaps://`, or `start_tls = true`".to_owned()) }
        }
        code::INVALID_DN | code::NO_SUCH_OBJECT | code::INAPPROPRIATE_AUTH | code::UNWILLING => {
            let message = format!("`{server}` refused the sign-in of `{who}` ({said})");
            let hint = "is `bind_dn` a whole DN, or for Active Directory a `name@domain`, and may it sign in with a password?";
            NetError::Denied { message, hint: Some(hint.to_owned()) }
        }
        code::BUSY | code::UNAVAILABLE => busy(server, &said),
        _ => {
            let message = format!("`{server}` refused the sign-in of `{who}` ({said})");
            NetError::Denied { message, hint: None }
        }
    }
}

/// Says why a search did not end well.
pub(crate) fn search(about: &About<'_>, base: &str, outcome: &Outcome) -> NetError {
    let (server, who, said) = (about.server, about.who(), about.said(outcome));
    let base = if base.is_empty() { "its own entry".to_owned() } else { format!("`{}`", plain(base)) };
    match outcome.code {
        code::INSUFFICIENT_ACCESS => NetError::Denied {
            message: format!("`{server}` does not let `{who}` read {base} ({said})"),
            hint: Some(format!("give `{who}` the right to search and read below {base}")),
        },
        // What Active Directory answers to whom it does not know.
        code::OPERATIONS_ERROR
            if outcome.message.contains("bind must be completed") || about.who.is_none() =>
        {
            NetError::Denied {
                message: format!("`{server}` answers only to who is signed in ({said})"),
                hint: Some("set `bind_dn` and the credential `bind_password`".to_owned()),
            }
        }
        code::STRONGER_AUTH | code::CONFIDENTIALITY | code::INAPPROPRIATE_AUTH => NetError::Denied {
            message: format!("`{server}` does not answer on this connection ({said})"),
            hint: Some("use `ldaps://`, or `start_tls = true`, and sign in".to_owned()),
        },
        code::BUSY | code::UNAVAILABLE => busy(server, &said),
        code::SIZE_LIMIT | code::ADMIN_LIMIT => NetError::Failed {
            message: format!("`{server}` cut the search of {base} short at its limit of size ({said})"),
            hint: Some(format!(
                "raise that limit for `{who}` (OpenLDAP: `limits … size.pr=500 size.prtotal=unlimited`), or narrow `base_dn` or `filter`"
            )),
        },
        code::TIME_LIMIT => NetError::Failed {
            message: format!("`{server}` cut the search of {base} short at its limit of time ({said})"),
            hint: Some(format!("raise that limit for `{who}`, or narrow `base_dn` or `filter`")),
        },
        code::NO_SUCH_OBJECT => NetError::Failed {
            message: format!("`{server}` has no {base}, or does not show it to `{who}` ({said})"),
            hint: Some("check the DN".to_owned()),
        },
        code::REFERRAL => NetError::Failed {
            message: format!("`{server}` says that another server has {base} ({said})"),
            hint: Some("referrals are not followed: name that server in `url`".to_owned()),
        },
        _ => NetError::Failed {
            message: format!("`{server}` refused the search of {base} ({said})"),
            hint: None,
        },
    }
}

fn busy(server: &str, said: &str) -> NetError {
    let message = format!("`{server}` cannot answer now ({said})");
    NetError::Busy { status: 0, message, retry_after_ms: None }
}

/// `… comment: AcceptSecurityContext error, data 52e, v4563`: the number of the Windows error in hexadecimal.
fn active_directory(message: &str) -> Option<(&'static str, &'static str)> {
    let (_, rest) = message.split_once("data ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    Some(match digits.to_ascii_lowercase().as_str() {
        "525" => ("there is no such account", "check `bind_dn`: a DN, or `name@domain`"),
        "52e" => ("the name or the password is wrong", "check `bind_dn` and the password"),
        "530" => ("the account may not sign in at this time", "look at the account's logon hours"),
        "531" => ("the account may not sign in from this machine", "look at the account's workstations"),
        "532" => (
            "the account's password has expired",
            "set a new password, and let it never expire for this account",
        ),
        "533" => ("the account is disabled", "enable the account"),
        "701" => ("the account has expired", "move the account's expiry date"),
        "773" => (
            "the account must change its password first",
            "set a password without `User must change password at next logon`",
        ),
        "775" => ("the account is locked out", "unlock the account, and see who tries wrong passwords"),
        _ => return None,
    })
}

/// Says why a connection did not come about, or broke.
pub(crate) fn connection(server: &str, error: &io::Error, sent: bool) -> NetError {
    let rustls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    if let Some(distrust) = rustls.and_then(Distrust::within) {
        return untrusted(server, distrust);
    }
    let said = match error.kind() {
        io::ErrorKind::UnexpectedEof => "it hung up".to_owned(),
        _ => plain(&error.to_string()),
    };
    if sent {
        return NetError::Lost { message: format!("the connection to `{server}` was lost: {said}") };
    }
    let hint = rustls.map(|_| "does the server speak TLS on this port?".to_owned());
    NetError::Unreachable { message: format!("`{server}` cannot be reached: {said}"), hint }
}

fn untrusted(server: &str, distrust: &Distrust) -> NetError {
    let Distrust { fingerprint, reason, pinned } = distrust;
    let message = format!(
        "the certificate of `{server}` is not trusted: {reason}; its SHA-256 fingerprint is {fingerprint}"
    );
    let pin = format!("`certificate_sha256 = \"{fingerprint}\"`");
    let hint = if *pinned {
        format!("if it was renewed, and only then, write {pin}")
    } else {
        format!(
            "if it is the right server, name the PEM file of who signed it as `ca_file` under `[directory.settings]`; where \
             the certificate names no host or signed itself, believe this one alone with {pin}"
        )
    };
    NetError::Untrusted { fingerprint: fingerprint.clone(), message, hint }
}

fn plain(text: &str) -> String {
    let line: String =
        text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(300).collect();
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(code: u32, message: &str) -> Outcome {
        Outcome { code, message: message.to_owned(), cookie: None }
    }

    #[test]
    fn active_directory_says_it_in_numbers() {
        let check = |data: &str, expect: &str| {
            let said = format!(
                "80090308: LdapErr: DSID-0C090449, comment: AcceptSecurityContext error, data {data}, v4563\0"
            );
            let scrubber = Scrubber::default();
            let about = About { server: "ldaps://dc1", who: Some("reader@corp"), scrubber: &scrubber };
            let NetError::Denied { message, hint } = bind(&about, &outcome(49, &said)) else { panic!() };
            assert!(message.starts_with(&format!(
                "`ldaps://dc1` refused the sign-in of `reader@corp`: {expect} (result 49: "
            )));
            assert!(hint.is_some());
        };
        check("52e", "the name or the password is wrong");
        check("533", "the account is disabled");
        check("701", "the account has expired");
        check("773", "the account must change its password first");
        check("775", "the account is locked out");
        check("fff", "the name or the password is wrong");
    }

    #[test]
    fn a_code_decides_the_kind() {
        let scrubber = Scrubber::default();
        let about = About { server: "ldaps://dc1", who: None, scrubber: &scrubber };
        let kind = |code: u32, message: &str| match search(&about, "dc=x", &outcome(code, message)) {
            NetError::Denied { .. } => "denied",
            NetError::Failed { .. } => "failed",
            error if error.is_transient() => "transient",
            _ => "other",
        };
        for (code, expect) in [
            (1, "denied"),
            (3, "failed"),
            (4, "failed"),
            (8, "denied"),
            (10, "failed"),
            (50, "denied"),
            (51, "transient"),
            (80, "failed"),
        ] {
            assert_eq!(kind(code, ""), expect, "{code}");
        }
    }

    #[test]
    fn a_password_that_comes_back_in_a_message_is_not_shown() {
        let scrubber = Scrubber::default();
        scrubber.add(&rollcall_core::Secret::new("correct horse"));
        let about = About { server: "ldaps://dc1", who: Some("cn=a"), scrubber: &scrubber };
        let error = bind(&about, &outcome(49, "no account with correct horse"));
        assert!(!error.to_string().contains("correct horse"), "{error}");
    }
}
