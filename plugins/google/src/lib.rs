//! Users of a Google Workspace or Cloud Identity account, through the Directory API.
//!
//! This file is the connector as the host sees it; `wire` is what Google wants to be asked and what its answers mean,
//! `schema` the attributes, `listing` the walk over pages and groups, `settings` what a job may say.
#![deny(unsafe_code)]

mod limits;
mod listing;
mod schema;
mod settings;
#[cfg(test)]
mod tests;
mod wire;

use rollcall_connector::walk::Walk;
use rollcall_connector::{AttributeInfo, Connection, Connector, Error, Fault, passed, register};

use crate::listing::Reading;
use crate::settings::Settings;
use crate::wire::List;

/// The Google connector.
pub struct Google;

impl Connector for Google {
    type Settings = Settings;
    type Listing = Walk<Reading>;

    fn validate(settings: &Settings) -> Vec<Fault> {
        settings.faults()
    }

    fn identity(settings: &Settings) -> Result<String, Error> {
        Ok(settings.account())
    }

    fn check(settings: &Settings) -> Result<Connection, Error> {
        wire::page(settings, &List::Users, wire::users(settings, 1))?;
        let mut findings = vec![
            passed("sign-in", format!("signed in for `{}`", settings.admin)),
            passed(wire::USERS, "users can be read"),
        ];
        if settings.wants_groups() {
            let page = wire::page(settings, &List::Groups, wire::groups(settings, 1))?;
            findings.push(passed(wire::GROUPS, "groups can be read"));
            if let Some(group) = page.rows.first() {
                let id = wire::id(group)?.to_owned();
                let request = wire::members(settings, &id, 1)?;
                wire::page(settings, &List::Members, request)?;
                findings.push(passed(wire::GROUPS, "members of groups can be read"));
            }
        }
        // The Directory API never says how many users there are.
        Ok(Connection { users: None, findings })
    }

    fn attributes(settings: &Settings) -> Result<Vec<AttributeInfo>, Error> {
        Ok(schema::attributes(&settings.select))
    }

    fn open(settings: Settings, since: Option<Vec<u8>>) -> Result<Walk<Reading>, Error> {
        // The Directory API tells nobody what has changed, so that there is no token to go on from.
        if since.is_some() {
            return Err(Error::TokenExpired);
        }
        Ok(Walk::new(Reading::new(settings)))
    }
}

register!(Google, manifest = "../connector.toml");
