//! The audit chain: what was done, one entry after another, each bound to the one before.
//!
//! An entry holds digests only. What it speaks of is a list of leaves; a leaf is committed to under a salt of its own,
//! and salt and record stand apart from the entry. So a person's records can be erased, salts included, and the chain
//! still verifies, while nobody can guess from a commitment what was erased. The head is authenticated with a key that
//! is derived from the state's: a tail that was cut off, or a chain that was written anew, does not fit it.
//!
//! The state's key and its database together, copied back from an earlier day, are an earlier state and not a broken
//! one. Whoever must tell that apart keeps the head elsewhere: `doctor --json` gives it.

mod append;
mod rows;
mod verify;

use rollcall_edges::clock::Instant;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::keyed;

pub(crate) use append::begin;
pub(crate) use rows::{DOCUMENT, change};
pub use verify::Chain;

/// The length of a leaf's salt, in bytes.
const SALT_BYTES: usize = 32;

/// What an entry binds besides its leaves.
struct Entry<'a> {
    seq: i64,
    at: Instant,
    kind: &'a str,
    /// The run it is about; empty where it is about none.
    run: &'a str,
}

impl Entry<'_> {
    /// Gives the digest that the next entry is bound to.
    fn digest(&self, previous: &[u8], root: &[u8]) -> [u8; 32] {
        let mut sha = Sha256::new();
        for part in [
            b"rollcall audit entry 1".as_slice(),
            &self.seq.to_le_bytes(),
            &self.at.0.to_le_bytes(),
            self.kind.as_bytes(),
            self.run.as_bytes(),
            previous,
            root,
        ] {
            sha.update((part.len() as u64).to_le_bytes());
            sha.update(part);
        }
        sha.finalize().into()
    }
}

/// Gives the digest of an entry's leaves.
fn root<'a>(commitments: impl ExactSizeIterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut sha = Sha256::new();
    sha.update((commitments.len() as u64).to_le_bytes());
    for commitment in commitments {
        sha.update(commitment);
    }
    sha.finalize().into()
}

/// Commits to a record: what it is, and its bytes.
fn commitment(salt: &[u8], what: &str, record: &str) -> [u8; 32] {
    keyed::hash(salt, "rollcall audit leaf 1", &[what.as_bytes(), record.as_bytes()])
}

/// One thing that an entry commits to.
pub(crate) struct Leaf {
    /// What it is: `act`, `plan`, `end`, `document`, `change 7`.
    what: String,
    record: String,
    /// Whether the record is kept with the leaf; else it stands in the table that `what` says.
    kept: bool,
}

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunStep {
    /// It begins; its plan stands.
    Begun,
    /// It goes on: what was said of its end no longer holds.
    Resumed,
    /// It ended, with every change and its operations.
    Ended,
    /// A later run looked after what it left, likewise.
    Recovered,
}

impl RunStep {
    fn kind(self) -> &'static str {
        match self {
            RunStep::Begun => "run begun",
            RunStep::Resumed => RESUMED,
            RunStep::Ended => "run ended",
            RunStep::Recovered => "run recovered",
        }
    }

    /// Tells whether what the run did is committed to, besides its plan.
    fn is_end(self) -> bool {
        matches!(self, RunStep::Ended | RunStep::Recovered)
    }
}

/// The kind of an entry behind which a run's rows may move again.
const RESUMED: &str = "run resumed";

/// Something that was done to the state besides a run.
///
/// Its record is erased with the person that it names, so whatever it says beyond kind and run goes in there.
#[derive(Clone, Debug)]
pub struct Act<'a> {
    /// `link`, `unlink`, `accept`, `erase`, …
    pub kind: &'a str,
    /// When.
    pub at: Instant,
    /// The run it belongs to, if any.
    pub run: Option<&'a str>,
    record: Map<String, Value>,
}

impl<'a> Act<'a> {
    /// Begins an act.
    pub fn new(kind: &'a str, at: Instant) -> Self {
        Self { kind, at, run: None, record: Map::new() }
    }

    /// Says which run it belongs to.
    #[must_use]
    pub fn run(self, run: &'a str) -> Self {
        Self { run: Some(run), ..self }
    }

    /// Says something of it. A person is named by `directory`, `native` and `key`, so that erasing finds the act.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.record.insert(name.to_owned(), value.into());
        self
    }

    fn leaf(&self) -> Leaf {
        // A map's keys come in the order in which they were given: the bytes are kept as they are, not made again.
        Leaf { what: "act".to_owned(), record: Value::Object(self.record.clone()).to_string(), kept: true }
    }
}
