//! Users of an Okta organisation, or of groups in it, through Okta's management API.
//!
//! This file is the connector as the host sees it; `wire` is what Okta wants to be asked and what its answers mean,
//! `schema` the attributes, `listing` the walk over pages and groups, `mark` the token from which the next run goes on,
//! `settings` what a job may say.
#![deny(unsafe_code)]

mod limits;
mod listing;
mod mark;
mod schema;
mod settings;
#[cfg(test)]
mod tests;
mod wire;

use rollcall_connector::walk::Walk;
use rollcall_connector::{AttributeInfo, Connection, Connector, Error, Fault, passed, register, warned};

use crate::listing::Reading;
use crate::settings::Settings;
use crate::wire::Place;

/// The Okta connector.
pub struct Okta;

impl Connector for Okta {
    type Settings = Settings;
    type Listing = Walk<Reading>;

    fn validate(settings: &Settings) -> Vec<Fault> {
        settings.faults()
    }

    fn identity(settings: &Settings) -> Result<String, Error> {
        Ok(settings.host())
    }

    fn check(settings: &Settings) -> Result<Connection, Error> {
        let mut findings = Vec::new();
        for place in settings.places() {
            wire::users(&place, place.first(settings, 1)?)?;
            if findings.is_empty() {
                findings.push(passed("sign-in", format!("signed in to `{}`", settings.host())));
            }
            if let Place::Group(id) = &place {
                findings.push(passed(wire::GROUPS, format!("the members of the group `{id}` can be read")));
            }
        }
        if settings.group_id.is_empty() {
            findings.push(passed(wire::USERS, "users can be read"));
        }
        findings.push(match wire::schema(settings)? {
            Some(_) => passed(wire::SCHEMAS, "the attributes of users can be read"),
            None => {
                warned(wire::SCHEMAS, "the attributes of users cannot be read; Okta's usual ones are assumed")
            }
        });
        if settings.wants_groups() {
            wire::groups(wire::first_groups(settings, 1))?;
            findings.push(passed(wire::GROUPS, "groups can be read"));
        }
        // Okta never says how many users there are.
        Ok(Connection { users: None, findings })
    }

    fn attributes(settings: &Settings) -> Result<Vec<AttributeInfo>, Error> {
        let schema = wire::schema(settings)?;
        Ok(schema::attributes(schema.as_ref(), &settings.select))
    }

    fn open(settings: Settings, since: Option<Vec<u8>>) -> Result<Walk<Reading>, Error> {
        Ok(Walk::new(Reading::open(settings, since.as_deref())?))
    }
}

register!(Okta, manifest = "../connector.toml");
