//! Step 9, verify: what was planned against what stands afterwards.

use crate::codes;
use crate::diag::Diagnostic;
use crate::field::{Field, Value};
use crate::phone::PhoneUser;
use crate::plan::{Action, Change};

/// How a change went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not tried yet.
    Planned,
    /// Everything that was planned stands.
    Applied,
    /// It was not done, or not wholly, with the reason.
    Failed(Diagnostic),
    /// It is not known whether it was done.
    Unknown(Diagnostic),
}

impl Outcome {
    /// The word in JSON.
    pub const fn word(&self) -> &'static str {
        match self {
            Outcome::Planned => "planned",
            Outcome::Applied => "applied",
            Outcome::Failed(_) => "failed",
            Outcome::Unknown(_) => "unknown",
        }
    }
}

/// Compares a written user with its change and gives what is not as planned. A code that the phone system does not let
/// be read cannot be compared.
pub fn verify(change: &Change, stands: &PhoneUser) -> Result<(), Diagnostic> {
    if !matches!(change.action, Action::Create | Action::Adopt | Action::Update) {
        return Ok(());
    }
    let wrong: Vec<&str> = change
        .fields
        .iter()
        .filter(|planned| differs(planned.field, planned.to.as_ref(), stands))
        .map(|planned| planned.field.key())
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the phone system took the change, but these fields do not stand as planned: {}",
        wrong.join(", ")
    );
    Err(Diagnostic::error(codes::OFFICE_UNEXPECTED, message).user(change.key.clone()))
}

fn differs(field: Field, planned: Option<&Value>, stands: &PhoneUser) -> bool {
    match (stands.fields.get(&field), planned) {
        (None, _) if field.secret() => false,
        // What was drawn is known to the write alone, which has compared it.
        (Some(Value::Secret(code)), Some(Value::Random(digits))) => {
            code.expose().len() != usize::from(*digits)
        }
        (found, _) => field != Field::UserIdentification && found != planned,
    }
}
