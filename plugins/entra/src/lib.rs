//! Users of a Microsoft Entra tenant, or of groups in it, through Microsoft Graph.
//!
//! This file is the connector as the host sees it; `wire` is what Graph wants to be asked and what its answers mean,
//! `schema` the attributes, `listing` the walk over everything, `delta` and `changes` the way to what has changed since,
//! `settings` what a job may say.
#![deny(unsafe_code)]

mod changes;
mod delta;
mod limits;
mod listing;
mod schema;
mod settings;
#[cfg(test)]
mod tests;
mod wire;

use rollcall_connector::walk::{Found, Step, Steps, Walk};
use rollcall_connector::{AttributeInfo, Connection, Connector, Error, Fault, passed, register};

use crate::changes::Changes;
use crate::listing::Everything;
use crate::settings::{Scope, Settings};

/// The Entra connector.
pub struct Entra;

impl Connector for Entra {
    type Settings = Settings;
    type Listing = Walk<Reading>;

    fn validate(settings: &Settings) -> Vec<Fault> {
        settings.faults()
    }

    fn identity(settings: &Settings) -> Result<String, Error> {
        Ok(settings.tenant_id.to_ascii_lowercase())
    }

    fn check(settings: &Settings) -> Result<Connection, Error> {
        let mut findings = Vec::new();
        let mut users = Some(0);
        let sources = wire::sources(settings)?;
        for source in &sources {
            let page = wire::fetch(wire::count(settings, source), settings, source)?;
            if findings.is_empty() {
                let tenant = &settings.tenant_id;
                findings.push(passed("sign-in", format!("signed in to tenant `{tenant}`")));
            }
            // Members that the app may not read come with status 200 and nothing but their id.
            page.rows.iter().try_for_each(wire::visible)?;
            // Groups overlap, so that the sizes of several say nothing of how many users they have together.
            users = users.filter(|_| sources.len() == 1).and(page.count);
        }
        findings.push(passed(wire::USERS, "users can be read"));
        if settings.scope == Scope::Group {
            findings.push(passed(wire::GROUPS, "the members of every group can be read"));
        }
        Ok(Connection { users, findings })
    }

    fn attributes(settings: &Settings) -> Result<Vec<AttributeInfo>, Error> {
        Ok(schema::attributes(&settings.select))
    }

    fn open(settings: Settings, since: Option<Vec<u8>>) -> Result<Walk<Reading>, Error> {
        Ok(Walk::new(match since {
            None => Reading::Everything(Everything::new(settings)?),
            Some(token) => Reading::Changes(Changes::since(settings, &token).ok_or(Error::TokenExpired)?),
        }))
    }
}

/// One reading of the directory.
pub enum Reading {
    /// From the beginning.
    Everything(Everything),
    /// From where an earlier one ended.
    Changes(Changes),
}

impl Steps for Reading {
    fn columns(&self) -> Vec<String> {
        match self {
            Self::Everything(reading) => reading.columns(),
            Self::Changes(reading) => reading.columns(),
        }
    }

    fn step(&mut self, found: &mut Found) -> Result<Step, Error> {
        match self {
            Self::Everything(reading) => reading.step(found),
            Self::Changes(reading) => reading.step(found),
        }
    }
}

register!(Entra, manifest = "../connector.toml");
