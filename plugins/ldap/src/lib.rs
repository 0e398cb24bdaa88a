//! Users of an LDAP directory: Active Directory, OpenLDAP, and what speaks like them.
//!
//! This file is the connector as the host sees it; `server` is what a server says of itself, `schema` its attributes,
//! `groups` who is in which, `listing` the walk over pages, `reading` what it walks over, `mark` the token from which
//! the next run goes on, `values` what attributes hold, `settings` what a job may say.
//!
//! Unless `changes_only` is set there is no token: who is deleted is seen by reading everybody.
#![deny(unsafe_code)]

mod dn;
mod groups;
mod limits;
mod listing;
mod mark;
mod reading;
mod schema;
mod server;
mod settings;
#[cfg(test)]
mod tests;
mod values;

use rollcall_connector::{AttributeInfo, Connection, Connector, Error, Fault, passed, register, warned};

use crate::limits::COUNTED_PAGES;
use crate::listing::{Survey, Walk};
use crate::mark::Mark;
use crate::server::Server;
use crate::settings::Settings;

/// The LDAP connector.
pub struct Ldap;

impl Connector for Ldap {
    type Settings = Settings;
    type Listing = Walk;

    fn validate(settings: &Settings) -> Vec<Fault> {
        settings.faults()
    }

    fn identity(settings: &Settings) -> Result<String, Error> {
        Ok(dn::normal(&Server::read(settings)?.context))
    }

    fn check(settings: &Settings) -> Result<Connection, Error> {
        let server = Server::read(settings)?;
        let kind = if server.active_directory { "Active Directory" } else { "an LDAP directory" };
        let signed_in = format!("`{}` is {kind}, signed in as {}", settings.url, settings.who());
        let mut findings = vec![passed("sign-in", signed_in)];
        let Survey { users, empty, hindrance } = Walk::new(settings.clone(), None).survey(COUNTED_PAGES)?;
        let base = &settings.base_dn;
        findings.push(match users {
            Some(0) => {
                let mut none = warned("users", format!("nobody below `{base}` is in scope"));
                none.hint = Some(format!(
                    "look at `filter`, `user_schema` and `group_dn`, and at what {} may read",
                    settings.who()
                ));
                none
            }
            Some(_) => passed("users", format!("users below `{base}` can be read")),
            None => passed("users", format!("very many users below `{base}` can be read")),
        });
        if settings.changes_only {
            findings.push(match hindrance {
                None => passed(
                    "changes_only",
                    "only changed entries are read between full readings; a deleted user is noticed at the next \
                     full one",
                ),
                Some(why) => {
                    let mut none = warned("changes_only", format!("everything is read every time: {why}"));
                    none.hint = Some("nobody is missed; take `changes_only` out, or what stands in its way".to_owned());
                    none
                }
            });
        }
        for name in empty {
            let mut none = warned(&name, format!("no user of the first page has `{name}`"));
            none.hint = Some(format!("it is empty for all of them, or {} may not read it", settings.who()));
            findings.push(none);
        }
        Ok(Connection { users, findings })
    }

    fn attributes(settings: &Settings) -> Result<Vec<AttributeInfo>, Error> {
        Ok(Server::read(settings)?.schema()?.attributes(&settings.select))
    }

    fn open(settings: Settings, since: Option<Vec<u8>>) -> Result<Walk, Error> {
        let mark = since.map(|token| Mark::of_token(&token).ok_or(Error::TokenExpired)).transpose()?;
        if mark.is_some() && !settings.changes_only {
            return Err(Error::TokenExpired);
        }
        Ok(Walk::new(settings, mark))
    }
}

register!(Ldap, manifest = "../connector.toml");
