//! The one trait of a connector, and the small values that it hands back.

use serde::de::DeserializeOwned;

use crate::{AttributeInfo, Connection, Error, Fault, Finding, Kind, Page, State};

/// A directory that can be listed. No value of it is ever made: everything is in the settings and in the token.
pub trait Connector: 'static {
    /// The job's `[directory.settings]`, with the manifest's presets and defaults filled in. The host has checked
    /// names, types and required ones already.
    type Settings: DeserializeOwned;

    /// One reading of the directory.
    type Listing: Listing;

    /// Names the mistakes between settings ("scope = group needs group_id"). No capability answers meanwhile.
    ///
    /// The SDK asks this before every other call too, so that no other function meets such settings.
    fn validate(_settings: &Self::Settings) -> Vec<Fault> {
        Vec::new()
    }

    /// Gives which directory this is (tenant, base DN, organisation); empty where there is no such thing.
    ///
    /// # Errors
    /// What the one request to find out, if any, ended with.
    fn identity(_settings: &Self::Settings) -> Result<String, Error> {
        Ok(String::new())
    }

    /// Tests the connection: reaches, signs in, counts, names the permission that is missing.
    ///
    /// # Errors
    /// Whatever a listing would meet at its first request.
    fn check(_settings: &Self::Settings) -> Result<Connection, Error> {
        Ok(Connection { users: None, findings: Vec::new() })
    }

    /// Gives the attributes that a listing can yield.
    ///
    /// # Errors
    /// What asking the directory for its schema ended with.
    fn attributes(_settings: &Self::Settings) -> Result<Vec<AttributeInfo>, Error> {
        Ok(Vec::new())
    }

    /// Begins a listing, from the beginning or from a token of an earlier page or run.
    ///
    /// # Errors
    /// [`Error::TokenExpired`] where the token is not (or no longer) known: the host begins again without one.
    fn open(settings: Self::Settings, since: Option<Vec<u8>>) -> Result<Self::Listing, Error>;
}

/// One listing. Not asked again after its end or an error.
pub trait Listing: 'static {
    /// Gives the next page, with about `max` changes.
    ///
    /// # Errors
    /// Whatever stopped the listing; the host then takes nothing of it as complete.
    fn next(&mut self, max: u32) -> Result<Page, Error>;
}

/// Describes an attribute with one value.
pub fn attribute(name: &str, kind: Kind, about: &str) -> AttributeInfo {
    AttributeInfo { name: name.to_owned(), kind, many: false, about: about.to_owned() }
}

/// Makes a finding that is as it should be.
pub fn passed(subject: &str, message: impl Into<String>) -> Finding {
    finding(subject, State::Passed, message.into())
}

/// Makes a finding that works and that somebody should look at.
pub fn warned(subject: &str, message: impl Into<String>) -> Finding {
    finding(subject, State::Warned, message.into())
}

/// Makes a finding that does not work.
pub fn failed(subject: &str, message: impl Into<String>) -> Finding {
    finding(subject, State::Failed, message.into())
}

fn finding(subject: &str, state: State, message: String) -> Finding {
    Finding { subject: subject.to_owned(), state, message, hint: None }
}
