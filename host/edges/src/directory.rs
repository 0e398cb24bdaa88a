//! The directory side: one reading of one directory.

use async_trait::async_trait;
use rollcall_core::{Cell, Diagnostic, Record, Text};

/// Opaque to the engine: "everything up to here has been handed over". At most 64 KiB.
pub type Token = Vec<u8>;

/// One directory of a job, signed in to on first use.
///
/// Every call but [`open`](Directory::open) stands alone. Nothing is written to the directory, ever.
#[async_trait]
pub trait Directory: Send {
    /// Gives which directory this is (tenant, base DN, organisation); empty where it cannot tell.
    async fn identity(&mut self) -> Result<Text, DirectoryError>;

    /// Reaches, signs in, counts, names what is missing: the directory's half of `test-connection`.
    async fn check(&mut self) -> Result<Connection, DirectoryError>;

    /// Gives the attributes that a listing can yield.
    async fn attributes(&mut self) -> Result<Attributes, DirectoryError>;

    /// Begins a listing, from the beginning or from a token of an earlier page or run.
    ///
    /// The listing ends well only with a page whose `end` is set. Anything else is an incomplete reading.
    async fn open(&mut self, since: Option<Token>) -> Result<Box<dyn Listing>, DirectoryError>;
}

/// One listing. Not to be asked again after an `end` or an error.
#[async_trait]
pub trait Listing: Send {
    /// Gives the next page.
    async fn next(&mut self) -> Result<Page, DirectoryError>;
}

/// A part of a listing.
#[derive(Debug, Default)]
pub struct Page {
    /// The changes; order means nothing and the last one of an id wins.
    pub changes: Vec<RecordChange>,
    /// Where a later run may begin, on the last page.
    pub token: Option<Token>,
    /// Set on the last page only.
    pub end: Option<Coverage>,
}

/// What happened to one user.
#[derive(Debug)]
pub enum RecordChange {
    /// The whole user.
    Whole(Record),
    /// Some attributes; those not named stay as they were.
    Part(Text, Vec<(Text, Edit)>),
    /// Left the directory or the scope.
    Gone(Text),
}

/// What happened to one attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Has this value now.
    Replace(Cell),
    /// Has these values besides.
    Add(Vec<Text>),
    /// Has these values no longer.
    Remove(Vec<Text>),
}

impl Edit {
    /// Applies it to a cell.
    pub fn apply(&self, cell: &Cell) -> Cell {
        let texts: Vec<Text> = match cell {
            Cell::Texts(texts) => texts.to_vec(),
            Cell::Text(text) => vec![text.clone()],
            _ => Vec::new(),
        };
        match self {
            Edit::Replace(cell) => cell.clone(),
            Edit::Add(more) => {
                let new = more.iter().filter(|text| !texts.contains(text)).cloned();
                Cell::Texts(texts.iter().cloned().chain(new).collect())
            }
            Edit::Remove(less) => {
                let kept: Vec<Text> = texts.into_iter().filter(|text| !less.contains(text)).collect();
                if kept.is_empty() { Cell::None } else { Cell::Texts(kept.into()) }
            }
        }
    }
}

/// What a listing that ended well has covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// Every user in scope: whoever was not named is gone.
    Everything,
    /// Only what changed since the token: whoever was not named is as before.
    Changes,
}

/// What a directory says of its attributes.
#[derive(Clone, Debug, Default)]
pub struct Attributes {
    /// The attributes that it knows.
    pub known: Vec<AttributeInfo>,
    /// Whether a record may have others too, so that an unknown name is a warning and not an error.
    pub open: bool,
}

/// One attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeInfo {
    /// Its name.
    pub name: Text,
    /// What it holds: `text`, `integer`, `boolean` or `bytes`.
    pub kind: Text,
    /// Whether it holds several values.
    pub many: bool,
    /// One sentence on it.
    pub about: String,
}

/// What a connection test found.
#[derive(Clone, Debug, Default)]
pub struct Connection {
    /// How many users are in scope, where that is cheap to tell.
    pub users: Option<u32>,
    /// One finding for each thing looked at.
    pub findings: Vec<Finding>,
}

/// One thing that a connection test looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at (`sign-in`, `User.Read.All`).
    pub subject: String,
    /// How it went.
    pub state: FindingState,
    /// One clause.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// How a finding went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingState {
    /// As it should be.
    Passed,
    /// Works, and somebody should look.
    Warned,
    /// Does not work.
    Failed,
}

/// Why a call to a directory did not succeed. The case decides the exit code.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// May succeed later (13).
    #[error("{message}")]
    Transient {
        /// What happened.
        message: String,
        /// How long the directory asked to wait, in milliseconds.
        retry_after_ms: Option<u32>,
    },
    /// The credential or a permission was refused (4).
    #[error("{message}")]
    Denied {
        /// What happened.
        message: String,
        /// The missing permission by the directory's own name.
        missing: Option<String>,
        /// What to do.
        hint: Option<String>,
    },
    /// The settings cannot work (12); places are paths from `directory`.
    #[error("the directory's settings are invalid")]
    Invalid(Vec<Diagnostic>),
    /// The token is too old or unknown: begin again without one.
    #[error("the directory no longer knows the position of the last reading")]
    TokenExpired,
    /// Not granted, or over a limit (12); the diagnostic has the line to add.
    #[error("{}", .0.message)]
    Refused(Box<Diagnostic>),
    /// The server's certificate is not trusted (13); the message has its fingerprint.
    #[error("{message}")]
    Untrusted {
        /// What happened, with the fingerprint that was seen.
        message: String,
        /// The setting that would trust it.
        hint: String,
    },
    /// The listing did not come to a good end (13).
    #[error("{0}")]
    Incomplete(String),
    /// Will not succeed again either (13).
    #[error("{0}")]
    Permanent(String),
}
