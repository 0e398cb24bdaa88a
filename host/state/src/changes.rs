//! A plan's changes as they stand in a row of the table `change` and in a line of a plan file.
//!
//! The row is sealed with the state's key; a plan file leaves this machine, so its codes are names for values that the
//! state keeps. Keys that a later version adds have a default, so that what an older one wrote is still read.

use rollcall_core::adoption::Adoption;
use rollcall_core::diff::FieldChange;
use rollcall_core::memory::MatchedBy;
use rollcall_core::order::Move;
use rollcall_core::plan::{Action, Change};
use rollcall_core::provision::Birth;
use rollcall_core::script::ExtensionKind;
use rollcall_core::{Code, Diagnostic, Field, Fields, RecordId, Severity, Text, Value, codes};
use rollcall_edges::state::StateError;
use serde::{Deserialize, Serialize};

use crate::seal::damaged;
use crate::shapes::{
    Held, HeldFields, Hide, Shaper, Show, Word, back_value, copied, field, held_value, json, parse,
};

/// A change.
#[derive(Serialize, Deserialize)]
pub(crate) struct HeldChange {
    action: Word,
    directory: String,
    native: String,
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    guid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    extension: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    system: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fields: Vec<HeldField>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    birth: Option<HeldBirth>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    adoption: Option<HeldAdoption>,
    #[serde(default, skip_serializing_if = "is_false")]
    unlinks: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    why: Vec<HeldDiagnostic>,
}

#[derive(Serialize, Deserialize)]
struct HeldField {
    field: Word,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Held>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<Held>,
    #[serde(default, skip_serializing_if = "is_false")]
    drift: bool,
}

#[derive(Serialize, Deserialize)]
struct HeldAdoption {
    by: Word,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    seen: Vec<(Word, Option<Held>)>,
    #[serde(default, skip_serializing_if = "HeldFields::is_empty")]
    written: HeldFields,
    #[serde(default, skip_serializing_if = "HeldFields::is_empty")]
    kept: HeldFields,
}

#[derive(Serialize, Deserialize)]
struct HeldBirth {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    number_by_rule: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_template: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    extension: Option<HeldKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    written: Option<HeldFields>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum HeldKind {
    Template(String),
    Type(String),
}

/// A diagnostic without its place: the file that it points into may be another one by the time it is read back.
#[derive(Serialize, Deserialize)]
pub(crate) struct HeldDiagnostic {
    code: Word,
    severity: Word,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<String>,
}

/// One move of the order.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HeldMove {
    Do(usize),
    Park { change: usize, field: Word, value: String },
}

impl Shaper<'_> {
    /// Writes a change, its codes sealed for this row.
    pub(crate) fn change(&self, change: &Change) -> Result<String, StateError> {
        write_change(change, &mut |code| Ok(Held::Sealed(self.seal.seal(code, self.row)?)))
    }

    /// Reads a change that [`Shaper::change`] wrote for the same row.
    pub(crate) fn change_back(&self, text: &str) -> Result<Change, StateError> {
        read_change(text, &mut |held| self.shown(held))
    }
}

/// Writes a change; `hide` says what stands for a code.
pub(crate) fn write_change(change: &Change, hide: Hide<'_>) -> Result<String, StateError> {
    json(&held_change(change, hide)?)
}

/// Reads a change; `show` gives the code back that something stands for.
pub(crate) fn read_change(text: &str, show: Show<'_>) -> Result<Change, StateError> {
    back_change(parse(text)?, show)
}

/// Gives a change its shape.
pub(crate) fn held_change(change: &Change, hide: Hide<'_>) -> Result<HeldChange, StateError> {
    let fields = change.fields.iter().map(|change| held_field(change, hide)).collect::<Result<_, _>>()?;
    Ok(HeldChange {
        action: change.action.word().into(),
        directory: copied(&change.id.directory),
        native: copied(&change.id.native),
        key: copied(&change.key),
        guid: owned(change.guid.as_ref()),
        name: owned(change.name.as_ref()),
        extension: owned(change.extension.as_ref()),
        system: owned(change.system.as_ref()),
        rule: owned(change.rule.as_ref()),
        reason: change.reason.clone(),
        fields,
        birth: change.birth.as_ref().map(|birth| held_birth(birth, hide)).transpose()?,
        adoption: change.adoption.as_ref().map(|adoption| held_adoption(adoption, hide)).transpose()?,
        record: owned(change.record.as_ref()),
        seen: change.seen.map(|seen| seen.iter().map(|byte| format!("{byte:02x}")).collect()),
        unlinks: change.unlinks,
        why: change.why.iter().map(HeldDiagnostic::from).collect(),
    })
}

/// Makes a change of its shape.
pub(crate) fn back_change(held: HeldChange, show: Show<'_>) -> Result<Change, StateError> {
    let fields = held
        .fields
        .into_iter()
        .map(|held| {
            Ok(FieldChange {
                field: field(&held.field)?,
                from: held.from.map(|held| back_value(held, show)).transpose()?,
                to: held.to.map(|held| back_value(held, show)).transpose()?,
                drift: held.drift,
            })
        })
        .collect::<Result<_, StateError>>()?;
    Ok(Change {
        action: action(&held.action)?,
        id: RecordId { directory: held.directory.into(), native: held.native.into() },
        key: held.key.into(),
        guid: held.guid.map(Text::from),
        name: held.name.map(Text::from),
        extension: held.extension.map(Text::from),
        system: held.system.map(Text::from),
        rule: held.rule.map(Text::from),
        reason: held.reason,
        fields,
        birth: held.birth.map(|birth| back_birth(birth, show)).transpose()?,
        adoption: held.adoption.map(|adoption| back_adoption(adoption, show)).transpose()?,
        record: held.record.map(Text::from),
        seen: held.seen.as_deref().map(fingerprint).transpose()?,
        unlinks: held.unlinks,
        why: held.why.into_iter().map(HeldDiagnostic::back).collect::<Result<_, _>>()?,
    })
}

/// Writes the order of a plan.
pub(crate) fn write_order(order: &[Move]) -> Result<String, StateError> {
    json(&held_moves(order))
}

/// Reads the order of a plan with `changes` changes.
pub(crate) fn read_order(text: &str, changes: usize) -> Result<Vec<Move>, StateError> {
    back_moves(parse(text)?, changes)
}

/// Gives moves their shape.
pub(crate) fn held_moves(order: &[Move]) -> Vec<HeldMove> {
    let held = |step: &Move| match step {
        Move::Do(change) => HeldMove::Do(*change),
        Move::Park { change, field, value } => {
            HeldMove::Park { change: *change, field: field.key().into(), value: copied(value) }
        }
    };
    order.iter().map(held).collect()
}

/// Makes moves of their shape, for a plan with `changes` changes.
pub(crate) fn back_moves(held: Vec<HeldMove>, changes: usize) -> Result<Vec<Move>, StateError> {
    let inside = |change: usize| {
        (change < changes)
            .then_some(change)
            .ok_or_else(|| damaged("the order names a change that is not there"))
    };
    held.into_iter()
        .map(|held| {
            Ok(match held {
                HeldMove::Do(change) => Move::Do(inside(change)?),
                HeldMove::Park { change, field: key, value } => {
                    Move::Park { change: inside(change)?, field: field(&key)?, value: value.into() }
                }
            })
        })
        .collect()
}

/// Writes diagnostics without their places.
pub(crate) fn write_diagnostics(diagnostics: &[Diagnostic]) -> Result<String, StateError> {
    json(&diagnostics.iter().map(HeldDiagnostic::from).collect::<Vec<_>>())
}

/// Reads diagnostics that [`write_diagnostics`] wrote.
pub(crate) fn read_diagnostics(text: &str) -> Result<Vec<Diagnostic>, StateError> {
    parse::<Vec<HeldDiagnostic>>(text)?.into_iter().map(HeldDiagnostic::back).collect()
}

impl From<&Diagnostic> for HeldDiagnostic {
    fn from(diagnostic: &Diagnostic) -> Self {
        Self {
            code: diagnostic.code.0.into(),
            severity: diagnostic.severity.word().into(),
            message: diagnostic.message.clone(),
            hint: diagnostic.hint.clone(),
            user: owned(diagnostic.user.as_ref()),
        }
    }
}

impl HeldDiagnostic {
    pub(crate) fn back(self) -> Result<Diagnostic, StateError> {
        let severity = [Severity::Error, Severity::Warning, Severity::Note]
            .into_iter()
            .find(|severity| severity.word() == self.severity)
            .ok_or_else(|| damaged(&format!("`{}` is no severity", self.severity)))?;
        let found = Diagnostic { severity, ..Diagnostic::note(code(&self.code)?, self.message) };
        Ok(Diagnostic { hint: self.hint, user: self.user.map(Text::from), ..found })
    }
}

fn held_field(change: &FieldChange, hide: Hide<'_>) -> Result<HeldField, StateError> {
    Ok(HeldField {
        field: change.field.key().into(),
        from: change.from.as_ref().map(|value| held_value(value, hide)).transpose()?,
        to: change.to.as_ref().map(|value| held_value(value, hide)).transpose()?,
        drift: change.drift,
    })
}

fn held_adoption(adoption: &Adoption, hide: Hide<'_>) -> Result<HeldAdoption, StateError> {
    let seen = adoption.seen.iter().map(|(field, value)| {
        Ok((field.key().into(), value.as_ref().map(|value| held_value(value, hide)).transpose()?))
    });
    let seen = seen.collect::<Result<_, StateError>>()?;
    let mut fields = |fields: &Fields| {
        let held = |(field, value): (&Field, &Value)| Ok((field.key().into(), held_value(value, hide)?));
        fields.iter().map(held).collect::<Result<HeldFields, StateError>>()
    };
    let (written, kept) = (fields(&adoption.written)?, fields(&adoption.kept)?);
    Ok(HeldAdoption { by: adoption.by.word().into(), seen, written, kept })
}

fn back_adoption(held: HeldAdoption, show: Show<'_>) -> Result<Adoption, StateError> {
    let by = MatchedBy::by_word(&held.by)
        .ok_or_else(|| damaged(&format!("`{}` is no way of matching", held.by)))?;
    let seen = held
        .seen
        .into_iter()
        .map(|(key, held)| Ok((field(&key)?, held.map(|held| back_value(held, show)).transpose()?)))
        .collect::<Result<_, StateError>>()?;
    let mut fields = |held: HeldFields| {
        let back = |(key, held): (Word, Held)| Ok((field(&key)?, back_value(held, show)?));
        held.into_iter().map(back).collect::<Result<Fields, StateError>>()
    };
    let (written, kept) = (fields(held.written)?, fields(held.kept)?);
    Ok(Adoption { by, seen, written, kept })
}

fn held_birth(birth: &Birth, hide: Hide<'_>) -> Result<HeldBirth, StateError> {
    let mut one = |(field, value): (&Field, &Value)| Ok((field.key().into(), held_value(value, hide)?));
    let written = birth.written.as_ref().map(|written| written.iter().map(&mut one).collect());
    Ok(HeldBirth {
        rule: owned(birth.rule.as_ref()),
        number_by_rule: birth.number_by_rule,
        user_template: owned(birth.user_template.as_ref()),
        extension: birth.extension.as_ref().map(|kind| match kind {
            ExtensionKind::Template(name) => HeldKind::Template(copied(name)),
            ExtensionKind::Type(name) => HeldKind::Type(copied(name)),
        }),
        written: written.transpose()?,
    })
}

fn back_birth(held: HeldBirth, show: Show<'_>) -> Result<Birth, StateError> {
    let mut one = |(key, held): (Word, Held)| Ok((field(&key)?, back_value(held, show)?));
    let written = held.written.map(|written| written.into_iter().map(&mut one).collect());
    Ok(Birth {
        rule: held.rule.map(Text::from),
        number_by_rule: held.number_by_rule,
        user_template: held.user_template.map(Text::from),
        extension: held.extension.map(|kind| match kind {
            HeldKind::Template(name) => ExtensionKind::Template(name.into()),
            HeldKind::Type(name) => ExtensionKind::Type(name.into()),
        }),
        written: written.transpose()?,
    })
}

fn action(word: &str) -> Result<Action, StateError> {
    [Action::Create, Action::Adopt, Action::Update, Action::Delete, Action::Skip]
        .into_iter()
        .find(|action| action.word() == word)
        .ok_or_else(|| damaged(&format!("`{word}` is no action")))
}

fn code(text: &str) -> Result<Code, StateError> {
    codes::ALL
        .iter()
        .map(|(code, _)| *code)
        .find(|code| code.0 == text)
        .ok_or_else(|| damaged(&format!("`{text}` is no code")))
}

fn fingerprint(text: &str) -> Result<[u8; 16], StateError> {
    let wrong = || damaged("a fingerprint is malformed");
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u128::from_str_radix(text, 16).ok().filter(|_| digits).map(u128::to_be_bytes).ok_or_else(wrong)
}

fn owned(text: Option<&Text>) -> Option<String> {
    text.map(copied)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
