//! The office as a Management API's server shows it: users and extension records with all their elements.
//!
//! These calls replace whole objects, as the API does; what a request leaves out is the server's affair.

use rollcall_core::Text;
use rollcall_edges::office::OfficeError;
use rollcall_sqlite::{Connection, params};

use super::check::{self, Strictness};
use super::fault::{Fault, refused};
use super::records::{self, NewExtension};
use super::rows::{self, ExtensionView, UserView};
use super::write::{self, NewUser};
use super::{Embedded, read};

use crate::model::{Elements, element};

/// Which state of a user a write is meant for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfMatch {
    /// Whatever stands.
    Any,
    /// Only where the user's etag is this one; else the write is stale.
    Etag(u64),
}

impl Embedded {
    /// Gives all users by GUID, or those of one system (by its exact name).
    ///
    /// # Errors
    /// `Damaged` or `Unreachable`.
    pub fn user_views(&self, system: Option<&str>) -> Result<Vec<UserView>, OfficeError> {
        self.view(|connection| users(connection, system))
    }

    /// Writes the whole office as an office file, from one consistent view. Without `reveal` codes are left out.
    ///
    /// # Errors
    /// `Damaged` or `Unreachable`.
    pub fn export(&self, reveal: bool) -> Result<String, OfficeError> {
        let (standing, users, extensions) = self.view(|connection| {
            Ok((read::standing(connection)?, users(connection, None)?, extensions(connection, None)?))
        })?;
        Ok(crate::import::export(&standing, &users, &extensions, reveal))
    }

    /// Gives one user.
    ///
    /// # Errors
    /// `Damaged` or `Unreachable`.
    pub fn user_view(&self, guid: &str) -> Result<Option<UserView>, OfficeError> {
        self.view(|connection| rows::user_by_guid(connection, guid))
    }

    /// Makes a user that has exactly these elements. `system`: by name; `None`: the primary.
    ///
    /// # Errors
    /// `Refused` where the store's constraints forbid it.
    pub fn create_view(&self, system: Option<&str>, elements: Elements) -> Result<UserView, OfficeError> {
        self.change(|connection| {
            let system = system.map_or_else(|| primary(connection), |system| Ok(system.into()))?;
            let new = NewUser { guid: None, system: &system, template: None, elements };
            write::insert(connection, new, Strictness::Write)
        })
    }

    /// Gives a user exactly these elements.
    ///
    /// # Errors
    /// `Stale` where `if_match` does not hold, `Refused` where there is no such user or the constraints forbid it.
    pub fn replace_view(
        &self,
        guid: &str,
        elements: &Elements,
        if_match: IfMatch,
    ) -> Result<UserView, OfficeError> {
        self.change(|connection| {
            let Some(user) = rows::user_by_guid(connection, guid)? else {
                return Err(refused(format!("there is no user with the GUID `{guid}`")));
            };
            check::not_built_in(&user)?;
            if let IfMatch::Etag(etag) = if_match
                && etag != user.etag
            {
                let message = format!("the user `{}` was changed meanwhile", check::shown(&user));
                return Err(OfficeError::Stale(message).into());
            }
            write::replace(connection, &user, elements)?;
            let view = rows::user_by_guid(connection, guid)?;
            view.ok_or_else(|| OfficeError::Damaged("a changed user is not there".into()).into())
        })
    }

    /// Deletes a user with its memberships; gives whether there was one.
    ///
    /// # Errors
    /// `Refused` for a built-in user.
    pub fn delete_view(&self, guid: &str) -> Result<bool, OfficeError> {
        self.change(|connection| {
            let there = rows::user_by_guid(connection, guid)?.is_some();
            write::delete(connection, guid)?;
            Ok(there)
        })
    }

    /// Gives all extension records by number, or those of one system (by its exact name).
    ///
    /// # Errors
    /// `Damaged` or `Unreachable`.
    pub fn extension_views(&self, system: Option<&str>) -> Result<Vec<ExtensionView>, OfficeError> {
        self.view(|connection| extensions(connection, system))
    }

    /// Gives one extension record.
    ///
    /// # Errors
    /// `Damaged` or `Unreachable`.
    pub fn extension_view(&self, guid: &str) -> Result<Option<ExtensionView>, OfficeError> {
        self.view(|connection| rows::extension_by_guid(connection, guid))
    }

    /// Makes an extension record. `system`: by name; `None`: the primary.
    ///
    /// # Errors
    /// `Refused` where the number is taken or invalid.
    pub fn create_extension_view(
        &self,
        system: Option<&str>,
        number: &str,
        kind: Option<Text>,
        elements: Elements,
    ) -> Result<ExtensionView, OfficeError> {
        self.change(|connection| {
            let system = system.map_or_else(|| primary(connection), |system| Ok(system.into()))?;
            let (guid, template, system) = (None, None, &*system);
            let new = NewExtension { guid, number, system, kind, template, hardware: false, elements };
            let guid = records::insert_extension(connection, new, Strictness::Write)?;
            let view = rows::extension_by_guid(connection, &guid)?;
            view.ok_or_else(|| OfficeError::Damaged("a new extension record is not there".into()).into())
        })
    }

    /// Gives an extension record exactly these elements; its number is the element `Extension`, where that is there.
    ///
    /// # Errors
    /// `Refused` where there is no such record or the new number is taken or invalid.
    pub fn replace_extension_view(
        &self,
        guid: &str,
        elements: &Elements,
    ) -> Result<ExtensionView, OfficeError> {
        self.change(|connection| {
            let record = existing(rows::extension_by_guid(connection, guid)?, guid)?;
            if let Some(to) = elements.get(element::EXTENSION).filter(|number| !number.is_empty()) {
                records::renumber(connection, &record.extension.number, to)?;
            }
            let mut kept = elements.clone();
            kept.remove(element::EXTENSION);
            let update = "UPDATE extension SET elements = ?2 WHERE guid = ?1";
            rows::run(connection, update, params![guid, rows::json(&kept)?])?;
            existing(rows::extension_by_guid(connection, guid)?, guid)
        })
    }

    /// Deletes an extension record; gives whether there was one.
    ///
    /// # Errors
    /// `Refused` for a port of the hardware, or while a user has the number.
    pub fn delete_extension_view(&self, guid: &str) -> Result<bool, OfficeError> {
        self.change(|connection| {
            let record = rows::extension_by_guid(connection, guid)?;
            if let Some(record) = &record {
                records::delete_extension(connection, &record.extension.number)?;
            }
            Ok(record.is_some())
        })
    }
}

fn existing(view: Option<ExtensionView>, guid: &str) -> Result<ExtensionView, Fault> {
    view.ok_or_else(|| refused(format!("there is no extension record with the GUID `{guid}`")))
}

fn primary(connection: &Connection) -> Result<Text, Fault> {
    let query = "SELECT name FROM system ORDER BY main DESC, place LIMIT 1";
    let found = rows::one(connection, query, [], |row| Ok(row.get(0)?))?;
    found.ok_or_else(|| OfficeError::Damaged("the office has no system".into()).into())
}

fn users(connection: &Connection, system: Option<&str>) -> Result<Vec<UserView>, Fault> {
    let query = "SELECT guid, system, template, elements, etag, modified FROM user
                 WHERE ?1 IS NULL OR system = ?1 ORDER BY guid";
    rows::all(connection, query, [system], rows::user)
}

fn extensions(connection: &Connection, system: Option<&str>) -> Result<Vec<ExtensionView>, Fault> {
    let query = "SELECT id, guid, number, system, kind, template, hardware, elements FROM extension
                 WHERE ?1 IS NULL OR system = ?1 ORDER BY number";
    rows::all(connection, query, [system], rows::extension)
}
