//! Step 2, map: a directory's record becomes a draft of a phone user, or the reasons why it cannot.

use crate::codes;
use crate::constraint;
use crate::diag::{Diagnostic, Severity};
use crate::field::{Field, Value};
use crate::policy::{Policy, WhenNoRule};
use crate::record::{Record, RecordId};
use crate::script::{Candidates, Rule, Script};
use crate::text::Text;
use crate::weak::{self, Weakness};

/// A user as the directory and the operator's expressions want it: valid values in order of preference.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Whose record it is.
    pub id: RecordId,
    /// The user identification.
    pub key: Text,
    /// The valid values of each mapped field, the preferred one first; empty where the directory gives none.
    pub fields: Candidates,
    /// The provisioning rule that holds for the user now.
    pub rule: Option<Rule>,
    /// What somebody should know, and what does not stop the user.
    pub notes: Vec<Diagnostic>,
    /// What is easy to guess about the codes of a new user.
    pub weak: Vec<(Field, Weakness)>,
}

/// A user who is left alone, with the reasons.
#[derive(Clone, Debug, PartialEq)]
pub struct Skip {
    /// Whose record it is.
    pub id: RecordId,
    /// The user identification, or the native id where there is none.
    pub key: Text,
    /// The name that the user would have had.
    pub name: Option<Text>,
    /// Why; an error among them makes the run end with 3.
    pub why: Vec<Diagnostic>,
}

impl Skip {
    /// Tells whether somebody must mend something.
    pub fn is_error(&self) -> bool {
        self.why.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Mapped {
    /// It can be matched.
    Draft(Draft),
    /// It is left alone. It was read all the same, so its owner is no leaver.
    Skipped(Skip),
}

impl Mapped {
    /// Gives whose record it is.
    pub fn id(&self) -> &RecordId {
        match self {
            Mapped::Draft(draft) => &draft.id,
            Mapped::Skipped(skip) => &skip.id,
        }
    }
}

/// Maps one record. `linked` tells whether this job owns a phone user for it: then only fields that an update may
/// write are validated, and a rule that fails is a warning, because rules never change an existing user.
pub fn map(user: &Record, script: &dyn Script, policy: &Policy, linked: bool) -> Mapped {
    let id = user.id.clone();
    match script.disabled(user) {
        Ok(false) => {}
        Ok(true) => return disabled(user, script),
        Err(why) => return skipped(id.clone(), id.native, None, why),
    }
    let mut fields = match script.fields(user) {
        Ok(fields) => fields,
        Err(why) => return skipped(id.clone(), id.native, None, why),
    };
    let key = key_of(fields.remove(&Field::UserIdentification).as_deref());
    let Some(key) = key else {
        let why = Diagnostic::error(codes::USER_MISSING, "the user has no value for `user_identification`")
            .path(&["fields", "user_identification"])
            .hint("map an attribute that every user has, such as the directory's own id");
        return skipped(id.clone(), id.native, None, vec![why]);
    };
    let name = fields.get(&Field::Name).and_then(|names| names.first()).and_then(Value::text).map(Text::from);
    fields.extend(policy.random.iter().map(|(&field, &digits)| (field, vec![Value::Random(digits)])));
    let mut why = Vec::new();
    for (&field, values) in &mut fields {
        if !linked || field.updatable() {
            why.extend(keep_valid(field, values, script));
        }
    }
    if why.is_empty() && fields.get(&Field::Name).is_none_or(Vec::is_empty) {
        why.push(
            Diagnostic::error(codes::USER_MISSING, "the user has no value for `name`")
                .path(&["fields", "name"]),
        );
    }
    let mut notes = Vec::new();
    let wanted = fields.get(&Field::UserProvisioningRule).and_then(|v| v.first()).and_then(Value::text);
    let rule = match script.rule(user, wanted) {
        Ok(rule) => rule,
        Err(reasons) if linked => {
            notes.extend(
                reasons.into_iter().map(|reason| Diagnostic { severity: Severity::Warning, ..reason }),
            );
            None
        }
        Err(reasons) => {
            why.extend(reasons);
            None
        }
    };
    if why.is_empty() && rule.is_none() && !linked {
        why.extend(no_rule(policy.when_no_rule));
    }
    if why.is_empty() {
        let notes = notes.into_iter().map(|note| note.user(key.clone())).collect();
        let weak = if linked { Vec::new() } else { weak::of_mapped(user, &key, &fields) };
        Mapped::Draft(Draft { id, key, fields, rule, notes, weak })
    } else {
        skipped(id, key, name, why)
    }
}

/// Gives the user identification among its candidates.
fn key_of(values: Option<&[Value]>) -> Option<Text> {
    values?.iter().find_map(|value| value.text().filter(|text| !text.is_empty()).map(Text::from))
}

/// Leaves a disabled account alone: it was read, so its owner is no leaver, and nothing is made or changed for it.
fn disabled(user: &Record, script: &dyn Script) -> Mapped {
    // What the expressions make of a disabled account matters to nobody; they may fail for it.
    let fields = script.fields(user).unwrap_or_default();
    let key = key_of(fields.get(&Field::UserIdentification).map(Vec::as_slice));
    let name = fields.get(&Field::Name).and_then(|names| names.first()).and_then(Value::text).map(Text::from);
    let why = Diagnostic::note(
        codes::ACCOUNT_DISABLED,
        "the account is disabled in the directory; the user is kept as it stands",
    )
    .path(&["leavers", "disabled"]);
    skipped(user.id.clone(), key.unwrap_or_else(|| user.id.native.clone()), name, vec![why])
}

fn skipped(id: RecordId, key: Text, name: Option<Text>, why: Vec<Diagnostic>) -> Mapped {
    let why = why.into_iter().map(|reason| reason.user(key.clone())).collect();
    Mapped::Skipped(Skip { id, key, name, why })
}

fn no_rule(when: WhenNoRule) -> Option<Diagnostic> {
    match when {
        WhenNoRule::Defaults => None,
        WhenNoRule::Skip => {
            Some(Diagnostic::note(codes::NO_RULE, "no provisioning rule matches, and such users are skipped"))
        }
        WhenNoRule::Error => Some(
            Diagnostic::error(codes::NO_RULE, "no provisioning rule matches")
                .path(&["rules", "when_no_rule"])
                .hint("add a rule, or set `when_no_rule` to \"defaults\" or \"skip\""),
        ),
    }
}

/// Drops the candidates that break a constraint; where none is left of some, gives the reason of the first.
pub fn keep_valid(field: Field, values: &mut Vec<Value>, script: &dyn Script) -> Option<Diagnostic> {
    let mut first = None;
    values.retain(|value| match check(field, value, script) {
        Ok(()) => true,
        Err(reason) => {
            first.get_or_insert(reason);
            false
        }
    });
    let reason = first.filter(|_| values.is_empty())?;
    let why = Diagnostic::error(codes::USER_INVALID, reason);
    // A code's line in the job file may be the code itself, so it is not underlined.
    Some(if field.secret() { why } else { why.path(&["fields", field.key()]) })
}

fn check(field: Field, value: &Value, script: &dyn Script) -> Result<(), String> {
    match (field, value) {
        (Field::Name, Value::Text(text)) => constraint::name(text),
        (Field::FullName, Value::Text(text)) => constraint::full_name(text),
        (Field::Email, Value::Text(text)) => constraint::email(text),
        (Field::Extension, Value::Text(text)) => constraint::extension(text),
        (Field::MobileTwinningNumber, Value::Text(text)) => {
            constraint::external_number(text)?;
            script.twinning_refusal(text).map_or(Ok(()), Err)
        }
        (Field::LoginCode, Value::Secret(code)) => constraint::login_code(code.expose()),
        (Field::VoicemailCode, Value::Secret(code)) => constraint::voicemail_code(code.expose()),
        (Field::LoginCode | Field::VoicemailCode, Value::Random(_)) => Ok(()),
        (Field::GroupMembership, Value::List(_))
        | (Field::UserIdentification | Field::UserProvisioningRule | Field::System, Value::Text(_)) => Ok(()),
        (field, _) => Err(format!("the value of `{}` has the wrong type", field.key())),
    }
}
