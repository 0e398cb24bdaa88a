//! The table of fields of "Synchronize User Fields", and the values that they hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::text::{Secret, Text};

/// One line of the tab "Synchronize User Fields", in the order in which plans show them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Mandatory and unique: what ties a directory user to a phone user.
    UserIdentification,
    /// Mandatory, unique in the network without regard to case, 1-15 characters.
    Name,
    /// Shown on telephones and in the directory.
    FullName,
    /// The voicemail e-mail address.
    Email,
    /// The extension number, 2-15 digits.
    Extension,
    /// The external number of mobile twinning.
    MobileTwinningNumber,
    /// Names of hunt groups.
    GroupMembership,
    /// 4-15 digits, New only.
    LoginCode,
    /// 0-31 digits, New only.
    VoicemailCode,
    /// The exact name of a provisioning rule, New only.
    UserProvisioningRule,
    /// System name, FQDN, LAN1 or LAN2 address, New only.
    System,
}

impl Field {
    /// Every field, in order.
    pub const ALL: [Field; 11] = [
        Field::UserIdentification,
        Field::Name,
        Field::FullName,
        Field::Email,
        Field::Extension,
        Field::MobileTwinningNumber,
        Field::GroupMembership,
        Field::LoginCode,
        Field::VoicemailCode,
        Field::UserProvisioningRule,
        Field::System,
    ];

    /// The field's key in a job file and in JSON.
    pub const fn key(self) -> &'static str {
        match self {
            Field::UserIdentification => "user_identification",
            Field::Name => "name",
            Field::FullName => "full_name",
            Field::Email => "email",
            Field::Extension => "extension",
            Field::MobileTwinningNumber => "mobile_twinning_number",
            Field::GroupMembership => "group_membership",
            Field::LoginCode => "login_code",
            Field::VoicemailCode => "voicemail_code",
            Field::UserProvisioningRule => "user_provisioning_rule",
            Field::System => "system",
        }
    }

    /// Finds a field by its key.
    pub fn by_key(key: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|field| field.key() == key)
    }

    /// Tells whether a job must map the field.
    pub const fn mandatory(self) -> bool {
        matches!(self, Field::UserIdentification | Field::Name)
    }

    /// Tells whether the table has a Y under Update.
    pub const fn updatable(self) -> bool {
        matches!(
            self,
            Field::Name
                | Field::FullName
                | Field::Email
                | Field::Extension
                | Field::MobileTwinningNumber
                | Field::GroupMembership
        )
    }

    /// Tells whether the value is a code that is sealed where it is kept and hidden where it is shown.
    pub const fn secret(self) -> bool {
        matches!(self, Field::LoginCode | Field::VoicemailCode)
    }

    /// Tells whether the value must be text because leading zeros count.
    pub const fn digits(self) -> bool {
        matches!(self, Field::Extension | Field::LoginCode | Field::VoicemailCode)
    }
}

/// What a field holds. "Not set" is the absence of a value, never an empty one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// Plain text.
    Text(Text),
    /// Several texts: hunt groups, sorted and without repetition.
    List(Arc<[Text]>),
    /// A code.
    Secret(Secret),
    /// A code of so many digits that is drawn when the user is written, and then stands in the handover only.
    Random(u8),
    /// A random code that has been drawn. The journal alone holds one, sealed, until the code is handed over.
    Drawn(Secret),
}

impl Value {
    /// Gives plain text, or `None` for a list or a code.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            Value::List(_) | Value::Secret(_) | Value::Random(_) | Value::Drawn(_) => None,
        }
    }

    /// Gives the members of a list, or nothing.
    pub fn list(&self) -> &[Text] {
        match self {
            Value::List(list) => list,
            Value::Text(_) | Value::Secret(_) | Value::Random(_) | Value::Drawn(_) => &[],
        }
    }

    /// Gives a code that is known, drawn or not.
    pub fn code(&self) -> Option<&Secret> {
        match self {
            Value::Secret(code) | Value::Drawn(code) => Some(code),
            Value::Text(_) | Value::List(_) | Value::Random(_) => None,
        }
    }

    /// Gives the value as it is remembered after the write: a drawn code is forgotten, only its length stays.
    #[must_use]
    pub fn remembered(&self) -> Value {
        match self {
            Value::Drawn(code) => Value::Random(u8::try_from(code.expose().len()).unwrap_or(u8::MAX)),
            other => other.clone(),
        }
    }

    /// Makes a list value: sorted, without repetition; `None` where it is empty.
    pub fn list_of(names: impl IntoIterator<Item = Text>) -> Option<Value> {
        let mut names: Vec<Text> = names.into_iter().collect();
        names.sort();
        names.dedup();
        if names.is_empty() { None } else { Some(Value::List(names.into())) }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}

/// The values of one user, by field.
pub type Fields = BTreeMap<Field, Value>;

/// Gives a field's plain text.
pub fn text_of(fields: &Fields, field: Field) -> Option<&str> {
    fields.get(&field).and_then(Value::text)
}

/// Gives the hunt groups in `fields`.
pub fn groups_of(fields: &Fields) -> &[Text] {
    fields.get(&Field::GroupMembership).map(Value::list).unwrap_or_default()
}
