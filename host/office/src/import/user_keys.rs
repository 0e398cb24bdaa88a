//! A user's keys in an office file, and the elements that they make: reading and writing share this, so that what is
//! exported is read back as it was.

use rollcall_core::field::Fields;
use rollcall_core::phone::UserTemplate;
use rollcall_core::{Field, Text};

use crate::model::{self, Elements, element};
use crate::profile;

/// The keys of a user that stand for elements, each with its field.
pub(super) const FIELD_KEYS: [(&str, Field); 7] = [
    ("name", Field::Name),
    ("full_name", Field::FullName),
    ("extension", Field::Extension),
    ("email", Field::Email),
    ("mobile_twinning_number", Field::MobileTwinningNumber),
    ("login_code", Field::LoginCode),
    ("voicemail_code", Field::VoicemailCode),
];

/// Makes a user's elements: the defaults, then the template's, then the profile, then the fields.
pub(super) fn elements(fields: &Fields, profile: Option<&Text>, template: Option<&UserTemplate>) -> Elements {
    let mut elements = model::defaults();
    if let Some(template) = template {
        elements.extend(template.values.clone());
    }
    if let Some(profile) = profile.or(template.and_then(|template| template.profile.as_ref())) {
        elements.insert(element::PACKAGE.into(), profile::package(profile));
    }
    for (field, value) in fields {
        model::set(&mut elements, *field, Some(value));
    }
    elements
}

/// Gives the elements that the keys do not make and that therefore stand under `values`.
pub(super) fn rest(all: &Elements, made: &Elements) -> Elements {
    all.iter()
        .filter(|(name, text)| made.get(*name) != Some(*text))
        .map(|(name, text)| (name.clone(), text.clone()))
        .collect()
}
