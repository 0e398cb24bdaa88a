//! What the server needs of the office behind it: users and extension records with all their elements.

use async_trait::async_trait;
use rollcall_core::phone::{Licence, System};
use rollcall_core::{Guid, Text};
use rollcall_edges::office::OfficeError;

use crate::model::Elements;

/// A user or an extension record with everything that the phone system keeps of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its immutable name.
    pub guid: Guid,
    /// The system that it is configured on, by name.
    pub system: Text,
    /// Its elements by Avaya's names. Users carry `Etag` and `Last-Modified` among them.
    pub elements: Elements,
}

/// An office that keeps every element of its users and extension records.
///
/// A write does everything or nothing and holds the office's constraints: names and numbers unique, reserved names,
/// capacities, licences. Refusals are [`OfficeError::Refused`] with the reason as text.
#[async_trait]
pub trait ElementStore: Send + Sync {
    /// Gives which office this is.
    async fn identity(&self) -> Result<Text, OfficeError>;

    /// Gives the systems; the primary first.
    async fn systems(&self) -> Result<Vec<System>, OfficeError>;

    /// Gives the licences that are counted.
    async fn licences(&self) -> Result<Vec<Licence>, OfficeError>;

    /// Gives the users of every system.
    async fn users(&self) -> Result<Vec<Object>, OfficeError>;

    /// Gives one user.
    async fn user(&self, guid: &str) -> Result<Option<Object>, OfficeError>;

    /// Makes a user from elements that hold at least a `Name`.
    async fn insert_user(&self, system: &str, elements: Elements) -> Result<Guid, OfficeError>;

    /// Replaces all elements of a user; `Etag` and `Last-Modified` among them are the store's own business. `etag`
    /// given: only if the user still carries it, else [`OfficeError::Stale`].
    async fn replace_user(
        &self,
        guid: &str,
        elements: Elements,
        etag: Option<&str>,
    ) -> Result<(), OfficeError>;

    /// Deletes a user with its memberships. Gives false where there is none.
    async fn delete_user(&self, guid: &str) -> Result<bool, OfficeError>;

    /// Gives the extension records of every system. The type stands in `TypeInfo`.
    async fn extensions(&self) -> Result<Vec<Object>, OfficeError>;

    /// Gives one extension record.
    async fn extension(&self, guid: &str) -> Result<Option<Object>, OfficeError>;

    /// Makes an extension record from elements that hold at least an `Extension`.
    async fn insert_extension(&self, system: &str, elements: Elements) -> Result<Guid, OfficeError>;

    /// Replaces all elements of an extension record.
    async fn replace_extension(&self, guid: &str, elements: Elements) -> Result<(), OfficeError>;

    /// Deletes an extension record. Gives false where there is none.
    async fn delete_extension(&self, guid: &str) -> Result<bool, OfficeError>;
}
