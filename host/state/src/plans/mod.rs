//! Plan files: a header, one line a change, the order, and a last line that authenticates all of them.
//!
//! A plan file leaves this machine, so it carries no code: where a change sets one, the file has a number, and the state
//! keeps the sealed code beside the plan's row until the plan is applied or forgotten.

mod read;
mod rows;
mod write;

pub(crate) use rows::spend_plan;

use std::collections::BTreeMap;

use ring::hmac;
use rollcall_core::{Diagnostic, RecordId, codes};
use rollcall_edges::plans::PlanFileError;
use serde::{Deserialize, Serialize};

use crate::changes::{HeldChange, HeldDiagnostic, HeldMove};
use crate::seal::Seal;

/// The version of the format. A reader takes its own and every earlier one.
const VERSION: u32 = 2;
/// How every plan file begins.
const MAGIC: &str = "{\"rollcall_plan\":";
/// How the last line begins.
const LAST: &str = "{\"mac\":";

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    rollcall_plan: u32,
    id: String,
    /// Which state wrote it.
    state: String,
    created: i64,
    job: String,
    file: String,
    decided_by: BTreeMap<String, String>,
    directories: BTreeMap<String, String>,
    office: Option<String>,
    directory_users: BTreeMap<String, usize>,
    complete: bool,
    applyable: bool,
    errored: bool,
    owned: usize,
    vanished: usize,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    accepted: BTreeMap<String, usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undoes: Option<String>,
}

/// Any line between the first and the last.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Change(Box<HeldChange>),
    Order(Vec<HeldMove>),
    Pending {
        key: String,
        name: Option<String>,
        extension: Option<String>,
        why: String,
    },
    Unchanged(String, String, Option<String>),
    Note(HeldDiagnostic),
    Refused(HeldDiagnostic),
    /// A leaver that the reading lacked.
    Missing {
        directory: String,
        native: String,
    },
    /// A leaver whose grace was ended by hand.
    Ended {
        directory: String,
        native: String,
    },
}

/// The last line.
#[derive(Serialize, Deserialize)]
struct Last {
    /// HMAC-SHA256, by a key derived from the state's, of the SHA-256 of everything before this line.
    mac: String,
}

/// Gives the key that authenticates plan files.
fn mac_key(seal: &Seal) -> hmac::Key {
    seal.derived("plan file")
}

/// Gives the name of a state: it says nothing about the key, and differs where the key does.
fn state_name(seal: &Seal) -> String {
    hex(hmac::sign(&seal.derived("state name"), b"").as_ref().get(..8).unwrap_or_default())
}

/// What a kept code's row is called: the code is bound to it.
fn code_row(plan: &str, place: u32) -> String {
    format!("plan|{plan}|{place}")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn refused(found: Diagnostic) -> PlanFileError {
    PlanFileError::Refused(Box::new(found))
}

fn no_plan(path: &std::path::Path, why: &str) -> PlanFileError {
    let message = format!("`{}` is no plan file: {why}", path.display());
    refused(Diagnostic::error(codes::PLAN_ALTERED, message).hint("`rollcall preview --out PLAN` writes one"))
}

fn record_id(directory: String, native: String) -> RecordId {
    RecordId { directory: directory.into(), native: native.into() }
}
