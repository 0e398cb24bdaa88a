//! Step 4, provision: names, numbers, systems and templates, in the order of the user identification.
//!
//! Users that stand keep what they have while it is among their candidates. Those that must change give their value up
//! first, so that others may have it; one that finds nothing else keeps its old value after all, and the round is
//! played again. New users follow, one after another, and take name and number together or neither.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::adoption;
use crate::claims::Claims;
use crate::codes;
use crate::diag::{Diagnostic, Severity};
use crate::field::{Field, Fields, Value, text_of};
use crate::map::{Draft, Skip};
use crate::memory::{Link, MatchedBy, Memory};
use crate::pair::{Pairing, skip};
use crate::phone::{PhoneUser, Standing};
use crate::places::Places;
use crate::policy::{NumberPrecedence, OnUpdate, Policy, WhenEmpty};
use crate::script::{ExtensionKind, Rule};
use crate::text::{Guid, Text};

/// A phone user as it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// The draft that it comes from; candidates have been decided.
    pub draft: Draft,
    /// What every mapped field should hold; absent where the directory gives nothing.
    pub fields: Fields,
    /// The system's name.
    pub system: Text,
    /// What only a new user gets.
    pub birth: Option<Birth>,
    /// What somebody should know.
    pub notes: Vec<Diagnostic>,
}

/// What a new user gets besides its fields.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Birth {
    /// The rule that decided.
    pub rule: Option<Text>,
    /// Whether the number came from the rule's range.
    pub number_by_rule: bool,
    /// The user template by name.
    pub user_template: Option<Text>,
    /// The extension record to make; `None` where the number has one or needs none.
    pub extension: Option<ExtensionKind>,
    /// What the link shall say that this job wrote, where that is not everything: of a user that is made again, what was
    /// set by hand before stays so.
    pub written: Option<Fields>,
}

/// Somebody who stands already.
pub(crate) struct Stands<'a> {
    /// The link; of somebody who is being adopted the one that the adoption makes, with nothing written yet.
    pub(crate) link: Cow<'a, Link>,
    /// The phone user.
    pub(crate) phone: &'a PhoneUser,
    /// Whether it is being adopted.
    pub(crate) adopted: Option<MatchedBy>,
}

/// The link and the phone user of somebody who stands already; `None` for a new user.
pub(crate) type Owner<'a> = Option<Stands<'a>>;

/// What provisioning gives.
#[derive(Default)]
pub(crate) struct Provisioned<'a> {
    pub(crate) desired: Vec<(Desired, Owner<'a>)>,
    pub(crate) skipped: Vec<Skip>,
    pub(crate) left: Vec<(&'a Link, Option<&'a PhoneUser>)>,
}

/// An owned user on its way through the rounds.
struct Owned<'a> {
    draft: Draft,
    link: Cow<'a, Link>,
    phone: &'a PhoneUser,
    adopted: Option<MatchedBy>,
    /// Why it stays as it is, once it is known.
    stuck: Option<Diagnostic>,
}

/// Provisions everybody. `deleted` are the phone users that this plan deletes.
pub(crate) fn provision<'a>(
    pairings: Vec<Pairing<'a>>,
    standing: &'a Standing,
    memory: &'a Memory,
    policy: &'a Policy,
    deleted: &BTreeSet<Guid>,
) -> (Provisioned<'a>, Claims<'a>) {
    let mut out = Provisioned::default();
    let mut owned = Vec::new();
    let mut new = Vec::new();
    for pairing in pairings {
        let adopts = matches!(pairing, Pairing::Adopted(..));
        match pairing {
            Pairing::Linked(draft, link, phone) => {
                owned.push(Owned { draft, link: Cow::Borrowed(link), phone, adopted: None, stuck: None });
            }
            Pairing::Adopted(draft, _, _) | Pairing::New(draft) if !policy.new => {
                out.skipped.push(skip_with(draft, vec![no_tick(adopts)]));
            }
            Pairing::Adopted(draft, phone, by) => {
                let link = Cow::Owned(adopted_link(&draft, phone, by, policy));
                owned.push(Owned { draft, link, phone, adopted: Some(by), stuck: None });
            }
            Pairing::New(draft) => new.push(draft),
            Pairing::Left(link, phone) => out.left.push((link, phone)),
            Pairing::Skipped(skip) => out.skipped.push(skip),
        }
    }
    let mut promised = promised(&owned, &new);
    // Rules allocate no number that stands anywhere, also none that this plan frees.
    promised.extend(standing.users.values().filter_map(|user| user.extension().map(Text::from)));
    let mut claims = loop {
        let vacated_names = vacated(&owned, deleted, false, |owned| wants_name(owned, policy));
        let vacated_numbers = vacated(&owned, deleted, true, |owned| wants_number(owned, policy));
        let mut claims =
            Claims::new(standing, memory, policy, promised.clone(), &vacated_names, &vacated_numbers);
        match round(&mut owned, &mut claims, policy) {
            Some(desired) => {
                out.desired = desired;
                break claims;
            }
            None => continue,
        }
    };
    for owned in owned {
        if let Some(why) = owned.stuck {
            out.skipped.push(skip_with(owned.draft, vec![why]));
        }
    }
    claims.close_freed_names();
    let mut places = Places::new(standing, deleted);
    for draft in new {
        match birth(draft, &mut claims, &mut places, policy) {
            Ok(desired) => out.desired.push((desired, None)),
            Err(skip) => out.skipped.push(skip),
        }
    }
    out.desired.sort_by(|(a, _), (b, _)| (&a.draft.key, &a.draft.id).cmp(&(&b.draft.key, &b.draft.id)));
    (out, claims)
}

fn no_tick(adopts: bool) -> Diagnostic {
    let message = match adopts {
        true => "the tick `new` is off, so the user that stands already is not linked",
        false => "the tick `new` is off, so the user is not made",
    };
    Diagnostic::note(codes::TICK_OFF, message).path(&["synchronize", "new"])
}

/// Makes the link of a user that is being adopted. What it keeps is what the directory gives now and the phone system
/// holds otherwise.
fn adopted_link(draft: &Draft, phone: &PhoneUser, by: MatchedBy, policy: &Policy) -> Link {
    Link {
        id: draft.id.clone(),
        key: draft.key.clone(),
        guid: phone.guid.clone(),
        written: Fields::new(),
        kept: adoption::kept(draft, phone, policy),
        matched_by: Some(by),
        rule: None,
        number_by_rule: false,
        user_template: None,
        extension: None,
        record: None,
        missing: None,
    }
}

fn skip_with(draft: Draft, why: Vec<Diagnostic>) -> Skip {
    let why = why.into_iter().map(|reason| reason.user(draft.key.clone())).collect();
    skip(draft, why)
}

/// Gives every number that the directory gives in this run.
fn promised(owned: &[Owned<'_>], new: &[Draft]) -> BTreeSet<Text> {
    owned
        .iter()
        .map(|owned| &owned.draft)
        .chain(new)
        .flat_map(|draft| draft.fields.get(&Field::Extension).into_iter().flatten())
        .filter_map(|value| value.text().map(Text::from))
        .collect()
}

fn vacated(
    owned: &[Owned<'_>],
    deleted: &BTreeSet<Guid>,
    with_deleted: bool,
    wants: impl Fn(&Owned<'_>) -> bool,
) -> BTreeSet<Guid> {
    // A deleted user's name goes into quarantine at once, so nobody else gets it in this plan; its number may be given
    // by the directory at once.
    let freed = deleted.iter().filter(|_| with_deleted).cloned();
    owned
        .iter()
        .filter(|owned| owned.stuck.is_none() && wants(owned))
        .map(|owned| owned.phone.guid.clone())
        .chain(freed)
        .collect()
}

/// Tells whether the plan must find an owned user another name.
fn wants_name(owned: &Owned<'_>, policy: &Policy) -> bool {
    follows(owned, Field::Name, policy) && !texts(&owned.draft, Field::Name).contains(&owned.phone.name())
}

/// Tells whether the plan must find an owned user another number.
fn wants_number(owned: &Owned<'_>, policy: &Policy) -> bool {
    let candidates = texts(&owned.draft, Field::Extension);
    if owned.link.number_by_rule && policy.number_precedence == NumberPrecedence::Rule {
        return false;
    }
    if candidates.is_empty() {
        return clears_number(owned, policy);
    }
    follows(owned, Field::Extension, policy)
        && owned.phone.extension().is_none_or(|number| !candidates.contains(&number))
}

fn clears_number(owned: &Owned<'_>, policy: &Policy) -> bool {
    policy.update
        && policy.abilities.writes(Field::Extension)
        && policy
            .fields
            .get(&Field::Extension)
            .is_some_and(|p| p.when_empty == WhenEmpty::Clear && p.on_update == OnUpdate::Always)
        && owned.phone.extension().is_some()
        && text_of(&owned.link.written, Field::Extension) == owned.phone.extension()
}

fn follows(owned: &Owned<'_>, field: Field, policy: &Policy) -> bool {
    let given = owned.draft.fields.get(&field).and_then(|values| values.first());
    policy.update
        && !owned.link.keeps(field, given)
        && policy.abilities.writes(field)
        && policy.fields.get(&field).is_some_and(|field_policy| match field_policy.on_update {
            OnUpdate::Always => true,
            OnUpdate::Once => !owned.phone.fields.contains_key(&field),
            OnUpdate::Never => false,
        })
}

/// Gives the text candidates of a field.
pub(crate) fn texts(draft: &Draft, field: Field) -> Vec<&str> {
    draft.fields.get(&field).into_iter().flatten().filter_map(Value::text).collect()
}

/// Plays one round over the owned users; `None` where somebody got stuck, so that it must be played again.
fn round<'a>(
    owned: &mut [Owned<'a>],
    claims: &mut Claims<'a>,
    policy: &Policy,
) -> Option<Vec<(Desired, Owner<'a>)>> {
    let mut again = false;
    let mut desired = Vec::with_capacity(owned.len());
    for user in owned.iter_mut().filter(|user| user.stuck.is_none()) {
        let (draft, phone) = (&user.draft, user.phone);
        let name = if wants_name(user, policy) {
            claims.take_name(&texts(draft, Field::Name), &draft.id, &draft.key)
        } else {
            Ok(phone.name().into())
        };
        let number = if !wants_number(user, policy) {
            Ok(phone.extension().map(Text::from))
        } else if texts(draft, Field::Extension).is_empty() {
            Ok(None)
        } else {
            claims.take_given(&texts(draft, Field::Extension), &draft.key).map(Some)
        };
        match (name, number) {
            (Ok(name), Ok(number)) => {
                let stands = Stands { link: user.link.clone(), phone, adopted: user.adopted };
                desired.push((standing_user(user, name, number), Some(stands)))
            }
            (Err(why), _) | (_, Err(why)) => {
                user.stuck = Some(why);
                again = true;
            }
        }
    }
    (!again).then_some(desired)
}

fn standing_user(user: &Owned<'_>, name: Text, number: Option<Text>) -> Desired {
    let mut fields = decided(&user.draft);
    fields.insert(Field::Name, Value::Text(name));
    match number {
        Some(number) => _ = fields.insert(Field::Extension, Value::Text(number)),
        None => _ = fields.remove(&Field::Extension),
    }
    Desired {
        draft: user.draft.clone(),
        fields,
        system: user.phone.system.clone(),
        birth: None,
        notes: Vec::new(),
    }
}

/// Takes the first candidate of every field; name and number are decided elsewhere.
fn decided(draft: &Draft) -> Fields {
    draft
        .fields
        .iter()
        .filter(|(field, _)| !matches!(field, Field::UserProvisioningRule | Field::System))
        .filter_map(|(field, values)| values.first().map(|value| (*field, value.clone())))
        .collect()
}

/// Provisions one new user, or gives back whatever it took.
pub(crate) fn birth(
    draft: Draft,
    claims: &mut Claims<'_>,
    places: &mut Places<'_>,
    policy: &Policy,
) -> Result<Desired, Skip> {
    let rule = draft.rule.clone().unwrap_or_default();
    let mut why = Vec::new();
    let place = places.find(&draft, &rule).map_err(|reason| why.push(reason)).ok();
    why.extend(places.templates(&rule).err().into_iter().flatten());
    if why.is_empty() {
        why.extend(place.and_then(|place| places.room(place, &rule).err()));
    }
    let Some(place) = place.filter(|_| why.is_empty()) else {
        return Err(skip_with(draft, why));
    };
    let name = claims.take_name(&texts(&draft, Field::Name), &draft.id, &draft.key);
    let number = number(&draft, &rule, claims, policy);
    let (name, (number, by_rule)) = match (name, number) {
        (Ok(name), Ok(number)) => (name, number),
        (name, number) => {
            claims.give_back(name.as_deref().ok(), number.as_ref().ok().and_then(|(n, _)| n.as_deref()));
            let why: Vec<Diagnostic> = name.err().into_iter().chain(number.err()).collect();
            return Err(skip_with(draft, why));
        }
    };
    places.settle(place, &rule);
    let mut fields = decided(&draft);
    fields.insert(Field::Name, Value::Text(name));
    fields.remove(&Field::Extension);
    let mut notes = Vec::new();
    let extension = match (&number, rule.extension) {
        (Some(_), Some(kind)) => policy.abilities.extensions.then_some(kind),
        (None, Some(_)) => {
            let note = "the rule names an extension template or type, but the user gets no number, so no extension is made";
            notes.push(
                Diagnostic { severity: Severity::Warning, ..Diagnostic::note(codes::USER_MISSING, note) }
                    .user(draft.key.clone()),
            );
            None
        }
        (_, None) => None,
    };
    fields.extend(number.map(|number| (Field::Extension, Value::Text(number))));
    let birth = Birth {
        rule: draft.rule.as_ref().map(|rule| rule.name.clone()),
        number_by_rule: by_rule,
        user_template: rule.user_template,
        extension,
        written: None,
    };
    Ok(Desired { system: places.name(place), fields, birth: Some(birth), notes, draft })
}

/// Decides a new user's number, and whether the rule gave it.
fn number(
    draft: &Draft,
    rule: &Rule,
    claims: &mut Claims<'_>,
    policy: &Policy,
) -> Result<(Option<Text>, bool), Diagnostic> {
    let given = texts(draft, Field::Extension);
    let range = rule.range.filter(|_| given.is_empty() || policy.number_precedence == NumberPrecedence::Rule);
    match range {
        Some(range) => {
            claims.allocate(range, &rule.name, &draft.id, &draft.key).map(|number| (Some(number), true))
        }
        None if given.is_empty() => Ok((None, false)),
        None => claims.take_given(&given, &draft.key).map(|number| (Some(number), false)),
    }
}
