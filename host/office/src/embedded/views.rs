//! The office as a Management API's server shows it: users and extension records with all their elements.
//!
//! These calls replace whole objects, as the API does; what a request leaves out is the server's affair.

use rollcall_core::Text;
use rollcall_edges::office::OfficeError;
use sqlx::{Connection, SqliteConnection};

use super::check::{self, Strictness, refused};
use super::records::{self, NewExtension};
use super::rows::{self, ExtensionView, UserView, broken};
use super::write::{self, NewUser};
use super::{Embedded, read, schema};

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
    pub async fn user_views(&self, system: Option<&str>) -> Result<Vec<UserView>, OfficeError> {
        let mut connection = self.connection().await?;
        users(&mut connection, system).await
    }

    /// Writes the whole office as an office file, from one consistent view. Without `reveal` codes are left out.
    ///
    /// # Errors
    /// `Damaged` or `Unreachable`.
    pub async fn export(&self, reveal: bool) -> Result<String, OfficeError> {
        let mut connection = self.connection().await?;
        let mut transaction = connection.begin().await.map_err(broken)?;
        let standing = read::standing(&mut transaction).await?;
        let users = users(&mut transaction, None).await?;
        let extensions = extensions(&mut transaction, None).await?;
        transaction.rollback().await.map_err(broken)?;
        Ok(crate::import::export(&standing, &users, &extensions, reveal))
    }

    /// Gives one user.
    ///
    /// # Errors
    /// `Damaged` or `Unreachable`.
    pub async fn user_view(&self, guid: &str) -> Result<Option<UserView>, OfficeError> {
        let mut connection = self.connection().await?;
        rows::user_by_guid(&mut connection, guid).await
    }

    /// Makes a user that has exactly these elements. `system`: by name; `None`: the primary.
    ///
    /// # Errors
    /// `Refused` where the store's constraints forbid it.
    pub async fn create_view(
        &self,
        system: Option<&str>,
        elements: Elements,
    ) -> Result<UserView, OfficeError> {
        let mut connection = self.connection().await?;
        let mut transaction = schema::begin(&mut connection).await?;
        let system = match system {
            Some(system) => Text::from(system),
            None => primary(&mut transaction).await?,
        };
        let new = NewUser { guid: None, system: &system, template: None, elements };
        let guid = write::insert(&mut transaction, new, Strictness::Write).await?;
        let view = rows::user_by_guid(&mut transaction, &guid).await?;
        schema::commit(transaction).await?;
        view.ok_or_else(|| OfficeError::Damaged("a new user is not there".into()))
    }

    /// Gives a user exactly these elements.
    ///
    /// # Errors
    /// `Stale` where `if_match` does not hold, `Refused` where there is no such user or the constraints forbid it.
    pub async fn replace_view(
        &self,
        guid: &str,
        elements: &Elements,
        if_match: IfMatch,
    ) -> Result<UserView, OfficeError> {
        let mut connection = self.connection().await?;
        let mut transaction = schema::begin(&mut connection).await?;
        let Some(user) = rows::user_by_guid(&mut transaction, guid).await? else {
            return Err(refused(format!("there is no user with the GUID `{guid}`")));
        };
        check::not_built_in(&user)?;
        if let IfMatch::Etag(etag) = if_match
            && etag != user.etag
        {
            let message = format!("the user `{}` was changed meanwhile", check::shown(&user));
            return Err(OfficeError::Stale(message));
        }
        write::replace(&mut transaction, &user, elements).await?;
        let view = rows::user_by_guid(&mut transaction, guid).await?;
        schema::commit(transaction).await?;
        view.ok_or_else(|| OfficeError::Damaged("a changed user is not there".into()))
    }

    /// Deletes a user with its memberships; gives whether there was one.
    ///
    /// # Errors
    /// `Refused` for a built-in user.
    pub async fn delete_view(&self, guid: &str) -> Result<bool, OfficeError> {
        let mut connection = self.connection().await?;
        let mut transaction = schema::begin(&mut connection).await?;
        let there = rows::user_by_guid(&mut transaction, guid).await?.is_some();
        write::delete(&mut transaction, guid).await?;
        schema::commit(transaction).await?;
        Ok(there)
    }

    /// Gives all extension records by number, or those of one system (by its exact name).
    ///
    /// # Errors
    /// `Damaged` or `Unreachable`.
    pub async fn extension_views(&self, system: Option<&str>) -> Result<Vec<ExtensionView>, OfficeError> {
        let mut connection = self.connection().await?;
        extensions(&mut connection, system).await
    }

    /// Gives one extension record.
    ///
    /// # Errors
    /// `Damaged` or `Unreachable`.
    pub async fn extension_view(&self, guid: &str) -> Result<Option<ExtensionView>, OfficeError> {
        let mut connection = self.connection().await?;
        rows::extension_by_guid(&mut connection, guid).await
    }

    /// Makes an extension record. `system`: by name; `None`: the primary.
    ///
    /// # Errors
    /// `Refused` where the number is taken or invalid.
    pub async fn create_extension_view(
        &self,
        system: Option<&str>,
        number: &str,
        kind: Option<Text>,
        elements: Elements,
    ) -> Result<ExtensionView, OfficeError> {
        let mut connection = self.connection().await?;
        let mut transaction = schema::begin(&mut connection).await?;
        let system = match system {
            Some(system) => Text::from(system),
            None => primary(&mut transaction).await?,
        };
        let new = NewExtension {
            guid: None,
            number,
            system: &system,
            kind,
            template: None,
            hardware: false,
            elements,
        };
        let guid = records::insert_extension(&mut transaction, new, Strictness::Write).await?;
        let view = rows::extension_by_guid(&mut transaction, &guid).await?;
        schema::commit(transaction).await?;
        view.ok_or_else(|| OfficeError::Damaged("a new extension record is not there".into()))
    }

    /// Gives an extension record exactly these elements; its number is the element `Extension`, where that is there.
    ///
    /// # Errors
    /// `Refused` where there is no such record or the new number is taken or invalid.
    pub async fn replace_extension_view(
        &self,
        guid: &str,
        elements: &Elements,
    ) -> Result<ExtensionView, OfficeError> {
        let mut connection = self.connection().await?;
        let mut transaction = schema::begin(&mut connection).await?;
        let record = existing(rows::extension_by_guid(&mut transaction, guid).await?, guid)?;
        if let Some(to) = elements.get(element::EXTENSION).filter(|number| !number.is_empty()) {
            records::renumber(&mut transaction, &record.extension.number, to).await?;
        }
        let mut kept = elements.clone();
        kept.remove(element::EXTENSION);
        sqlx::query("UPDATE extension SET elements = ?2 WHERE guid = ?1")
            .bind(guid)
            .bind(rows::json(&kept)?)
            .execute(&mut *transaction)
            .await
            .map_err(broken)?;
        let view = existing(rows::extension_by_guid(&mut transaction, guid).await?, guid)?;
        schema::commit(transaction).await?;
        Ok(view)
    }

    /// Deletes an extension record; gives whether there was one.
    ///
    /// # Errors
    /// `Refused` for a port of the hardware, or while a user has the number.
    pub async fn delete_extension_view(&self, guid: &str) -> Result<bool, OfficeError> {
        let mut connection = self.connection().await?;
        let mut transaction = schema::begin(&mut connection).await?;
        let record = rows::extension_by_guid(&mut transaction, guid).await?;
        if let Some(record) = &record {
            records::delete_extension(&mut transaction, &record.extension.number).await?;
        }
        schema::commit(transaction).await?;
        Ok(record.is_some())
    }
}

fn existing(view: Option<ExtensionView>, guid: &str) -> Result<ExtensionView, OfficeError> {
    view.ok_or_else(|| refused(format!("there is no extension record with the GUID `{guid}`")))
}

async fn primary(connection: &mut SqliteConnection) -> Result<Text, OfficeError> {
    let row = sqlx::query("SELECT name FROM system ORDER BY main DESC, place LIMIT 1")
        .fetch_optional(connection)
        .await
        .map_err(broken)?;
    row.map_or(Ok(None), |row| rows::text(&row, 0))?
        .ok_or_else(|| OfficeError::Damaged("the office has no system".into()))
}

async fn users(
    connection: &mut SqliteConnection,
    system: Option<&str>,
) -> Result<Vec<UserView>, OfficeError> {
    let query = "SELECT guid, system, template, elements, etag, modified FROM user
                 WHERE ?1 IS NULL OR system = ?1 ORDER BY guid";
    let rows = sqlx::query(query).bind(system).fetch_all(connection).await.map_err(broken)?;
    rows.iter().map(rows::user).collect()
}

async fn extensions(
    connection: &mut SqliteConnection,
    system: Option<&str>,
) -> Result<Vec<ExtensionView>, OfficeError> {
    let query = "SELECT id, guid, number, system, kind, template, hardware, elements FROM extension
                 WHERE ?1 IS NULL OR system = ?1 ORDER BY number";
    let rows = sqlx::query(query).bind(system).fetch_all(connection).await.map_err(broken)?;
    rows.iter().map(rows::extension).collect()
}
