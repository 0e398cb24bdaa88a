//! What a script sees of the outside: `user`, a directory's record, and `phone`, a user of the phone system.

use std::sync::Arc;

use rhai::{Array, Dynamic, Engine, ImmutableString};
use rollcall_core::phone::PhoneUser;
use rollcall_core::{Cell, Field, Record, Value};

/// The record behind `user`. Cloning it copies a pointer.
#[derive(Clone)]
pub(crate) struct User(Arc<Record>);

impl User {
    /// Takes a record; its texts are shared, not copied.
    pub(crate) fn new(record: &Record) -> Self {
        Self(Arc::new(record.clone()))
    }

    /// Gives an attribute, `()` where it is absent.
    pub(crate) fn get(&self, attribute: &str) -> Dynamic {
        value(self.0.get(attribute))
    }

    /// Gives an attribute as text: of a list the first one.
    pub(crate) fn text(&self, attribute: &str) -> Option<String> {
        match self.0.get(attribute) {
            Cell::Text(text) => Some(text.to_string()),
            Cell::Texts(texts) => texts.first().map(ToString::to_string),
            Cell::Integer(number) => Some(number.to_string()),
            Cell::None | Cell::Boolean(_) | Cell::Bytes(_) => None,
        }
    }
}

/// Makes a Rhai value of a cell. Empty text and empty lists are absent.
pub(crate) fn value(cell: &Cell) -> Dynamic {
    match cell {
        Cell::None => Dynamic::UNIT,
        Cell::Text(text) if text.is_empty() => Dynamic::UNIT,
        Cell::Text(text) => Dynamic::from(ImmutableString::from(&**text)),
        Cell::Integer(number) => Dynamic::from_int(*number),
        Cell::Boolean(yes) => Dynamic::from_bool(*yes),
        Cell::Bytes(bytes) => Dynamic::from_blob(bytes.to_vec()),
        Cell::Texts(texts) if texts.is_empty() => Dynamic::UNIT,
        Cell::Texts(texts) => {
            let list: Array =
                texts.iter().map(|text| Dynamic::from(ImmutableString::from(&**text))).collect();
            Dynamic::from_array(list)
        }
    }
}

/// The phone user behind `phone`.
#[derive(Clone)]
pub(crate) struct Phone(Arc<PhoneUser>);

/// What `phone` has.
pub(crate) const PHONE_PROPERTIES: [&str; 8] =
    ["name", "full_name", "email", "extension", "system", "profile", "user_template", "groups"];

impl Phone {
    /// Takes a phone user.
    pub(crate) fn new(user: &PhoneUser) -> Self {
        Self(Arc::new(user.clone()))
    }

    fn get(&self, property: &str) -> Dynamic {
        let user = &self.0;
        match property {
            "name" => field(user, Field::Name),
            "full_name" => field(user, Field::FullName),
            "email" => field(user, Field::Email),
            "extension" => field(user, Field::Extension),
            "groups" => field(user, Field::GroupMembership),
            "system" => text(Some(&user.system)),
            "profile" => text(user.profile.as_deref()),
            "user_template" => text(user.user_template.as_deref()),
            _ => Dynamic::UNIT,
        }
    }
}

fn text(text: Option<&str>) -> Dynamic {
    text.filter(|text| !text.is_empty())
        .map_or(Dynamic::UNIT, |text| Dynamic::from(ImmutableString::from(text)))
}

fn field(user: &PhoneUser, field: Field) -> Dynamic {
    match user.fields.get(&field) {
        Some(Value::Text(value)) => text(Some(value)),
        Some(Value::List(list)) => Dynamic::from_array(list.iter().map(|item| text(Some(item))).collect()),
        Some(Value::Secret(_) | Value::Random(_) | Value::Drawn(_)) | None => Dynamic::UNIT,
    }
}

/// Teaches an engine both types. There are no setters: a script cannot change what it sees.
pub(crate) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<User>("the user")
        .register_indexer_get(|user: &mut User, name: ImmutableString| user.get(&name))
        .register_fn("contains", |user: User, name: ImmutableString| !user.get(&name).is_unit())
        .register_type_with_name::<Phone>("the phone user")
        .register_indexer_get(|phone: &mut Phone, name: ImmutableString| phone.get(&name));
}
