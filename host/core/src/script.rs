//! What core needs of the operator's expressions and rules: a pure function of one value.

use std::collections::BTreeMap;

use crate::diag::Diagnostic;
use crate::field::{Field, Value};
use crate::phone::PhoneUser;
use crate::record::Record;
use crate::text::Text;

/// For each mapped field its values in order of preference; an unset field has an empty list.
///
/// `GroupMembership` has at most one candidate, a [`Value::List`]. Codes are [`Value::Secret`].
pub type Candidates = BTreeMap<Field, Vec<Value>>;

/// A range of extension numbers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberRange {
    /// The first number.
    pub first: u64,
    /// The last number.
    pub last: u64,
    /// How many digits a number has; shorter ones are filled with zeros in front.
    pub width: usize,
}

impl NumberRange {
    /// Gives the numbers in ascending order.
    pub fn numbers(self) -> impl Iterator<Item = String> {
        (self.first..=self.last).map(move |number| format!("{number:0width$}", width = self.width))
    }
}

/// What a new user's telephone is made from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExtensionKind {
    /// An extension template by name; it beats a type.
    Template(Text),
    /// `H323`, `SIP`, `IP DECT` or `SIP DECT`.
    Type(Text),
}

/// A provisioning rule that matched a user; its closures have been called, so it is plain data.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Rule {
    /// Its name.
    pub name: Text,
    /// The system by name, FQDN or address.
    pub system: Option<Text>,
    /// The numbers that it allocates from.
    pub range: Option<NumberRange>,
    /// The user template by name.
    pub user_template: Option<Text>,
    /// The extension record to make.
    pub extension: Option<ExtensionKind>,
}

/// The operator's expressions and rules. Every answer depends on the argument alone.
pub trait Script: Send + Sync {
    /// Evaluates the field expressions. An error skips the user with its reasons.
    fn fields(&self, user: &Record) -> Result<Candidates, Vec<Diagnostic>>;

    /// Gives the rule of that exact name (`wanted`, from the field `user_provisioning_rule`), else the first whose
    /// condition holds, else `None`. A `wanted` that names no rule is an error, as is a condition that fails.
    fn rule(&self, user: &Record, wanted: Option<&str>) -> Result<Option<Rule>, Vec<Diagnostic>>;

    /// Tells whether the account is disabled in the directory and the job keeps such accounts as they stand
    /// (`[leavers] disabled = "keep"`); never where it does not.
    fn disabled(&self, _user: &Record) -> Result<bool, Vec<Diagnostic>> {
        Ok(false)
    }

    /// Tells whether `[leavers] protect` holds for a phone user.
    fn protects(&self, phone: &PhoneUser) -> Result<bool, Vec<Diagnostic>>;

    /// Tells why mobile twinning must not point to a number: premium rate, an emergency number, or a country that
    /// `[numbers] twinning_countries` does not list. `None`: it may.
    fn twinning_refusal(&self, number: &str) -> Option<String>;
}
