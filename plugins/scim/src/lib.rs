//! Users of any service that speaks SCIM 2.0 (RFC 7643, RFC 7644, cursor paging of RFC 9865).
//!
//! This file is the connector as the host sees it; `wire` is what is asked and what the answers mean, `schema` the
//! attributes, `listing` the walk over pages, `settings` what a job may say.
#![deny(unsafe_code)]

mod limits;
mod listing;
mod schema;
mod settings;
#[cfg(test)]
mod tests;
mod wire;

use rollcall_connector::walk::Walk;
use rollcall_connector::{AttributeInfo, Connection, Connector, Error, Fault, passed, register, warned};

use crate::listing::Reading;
use crate::settings::Settings;

/// The SCIM connector.
pub struct Scim;

impl Connector for Scim {
    type Settings = Settings;
    type Listing = Walk<Reading>;

    fn validate(settings: &Settings) -> Vec<Fault> {
        settings.faults()
    }

    fn identity(settings: &Settings) -> Result<String, Error> {
        Ok(settings.place())
    }

    fn check(settings: &Settings) -> Result<Connection, Error> {
        let page = wire::page(settings, wire::by_index(settings, 1, 1))?;
        let mut findings = vec![
            passed("sign-in", format!("signed in to `{}`", settings.place())),
            passed(wire::USERS, "users can be read"),
        ];
        findings.push(match wire::config(settings)? {
            Some(config) if config.cursor => passed("paging", "the service pages by cursor"),
            Some(_) => passed("paging", "the service pages by index"),
            None => warned("paging", "the service does not say how it pages; by index is assumed"),
        });
        findings.push(match wire::schemas(settings)? {
            Some(_) => passed(wire::SCHEMAS, "the attributes of users can be read"),
            None => warned(
                wire::SCHEMAS,
                "the service does not show its attributes; those of the standard are assumed",
            ),
        });
        // The total counts users that are not active too.
        let users = page.total.filter(|_| settings.include_disabled);
        Ok(Connection { users: users.and_then(|users| u32::try_from(users).ok()), findings })
    }

    fn attributes(settings: &Settings) -> Result<Vec<AttributeInfo>, Error> {
        let schemas = wire::schemas(settings)?;
        Ok(schema::attributes(&schemas.unwrap_or_default(), &settings.select))
    }

    fn open(settings: Settings, since: Option<Vec<u8>>) -> Result<Walk<Reading>, Error> {
        // SCIM has no feed of deletions, so that there is no token to go on from.
        if since.is_some() {
            return Err(Error::TokenExpired);
        }
        Ok(Walk::new(Reading::new(settings)))
    }
}

register!(Scim, manifest = "../connector.toml");
