//! Step 3, the part for users that stand already: which phone user is a directory user's own, by `[adopt]`.
//!
//! One to one, or not at all. What is tried first decides; where several fit on either side, all of them are left alone
//! and listed.

use std::collections::{BTreeMap, BTreeSet};

use crate::codes;
use crate::diag::Diagnostic;
use crate::field::{Field, Value, text_of};
use crate::map::Draft;
use crate::memory::{MatchedBy, Memory};
use crate::pair::{Pairing, skip};
use crate::phone::{PhoneUser, Standing};
use crate::policy::Policy;
use crate::text::{Guid, Text, fold};

/// Matches users that nobody owns with directory users that have no phone user of this job yet.
pub(crate) fn adopt<'a>(
    pairings: Vec<Pairing<'a>>,
    memory: &Memory,
    standing: &'a Standing,
    policy: &Policy,
) -> Vec<Pairing<'a>> {
    let Some(adopt) = &policy.adopt else { return pairings };
    let owned = memory.links.values().map(|link| (&link.guid, &link.key)).collect();
    let mut matching = Matching {
        may: policy.attended || adopt.unattended,
        memory,
        standing,
        owned,
        taken: BTreeMap::new(),
        disputed: BTreeSet::new(),
    };
    adopt.by.iter().fold(pairings, |pairings, by| matching.round(pairings, *by))
}

struct Matching<'a, 'm> {
    /// Whether this run may adopt.
    may: bool,
    memory: &'m Memory,
    standing: &'a Standing,
    /// Phone users of this job, with the user identification.
    owned: BTreeMap<&'m Guid, &'m Text>,
    /// Phone users that this plan adopts, each with the user identification.
    taken: BTreeMap<Guid, Text>,
    /// Phone users that several directory users fit, or that are one of several for one.
    disputed: BTreeSet<Guid>,
}

/// Whether a phone user with the equal value is a candidate.
enum Verdict {
    /// It is.
    Fits,
    /// It is not, with the reason.
    Not(String),
    /// It is not known whose it is, so that the directory user is left alone too.
    Unsure(String),
}

impl<'a> Matching<'a, '_> {
    /// Tries one way of matching for everybody who is still new.
    fn round(&mut self, mut pairings: Vec<Pairing<'a>>, by: MatchedBy) -> Vec<Pairing<'a>> {
        let Some(field) = by.field() else { return pairings };
        let index = self.index(field);
        let mut found: Vec<Vec<&'a PhoneUser>> = Vec::with_capacity(pairings.len());
        let mut unsure: BTreeMap<usize, Diagnostic> = BTreeMap::new();
        // Who else wants the same phone user.
        let mut wanted: BTreeMap<&'a Guid, Vec<Text>> = BTreeMap::new();
        for (place, pairing) in pairings.iter_mut().enumerate() {
            let mut fitting = Vec::new();
            if let Pairing::New(draft) = pairing
                && let Some(value) = preferred(draft, field)
            {
                for phone in index.get(&value).into_iter().flatten() {
                    match self.verdict(phone, draft, field) {
                        Verdict::Fits => fitting.push(*phone),
                        Verdict::Not(why) => refuse(draft, phone, by, &why),
                        Verdict::Unsure(why) => _ = unsure.insert(place, in_doubt(draft, phone, &why)),
                    }
                }
                for phone in &fitting {
                    wanted.entry(&phone.guid).or_default().push(draft.key.clone());
                }
            }
            found.push(fitting);
        }
        let contested = |phone: &PhoneUser| wanted.get(&phone.guid).is_some_and(|keys| keys.len() > 1);
        let mut out = Vec::with_capacity(pairings.len());
        for (place, (pairing, fitting)) in pairings.into_iter().zip(found).enumerate() {
            let Pairing::New(draft) = pairing else {
                out.push(pairing);
                continue;
            };
            out.push(match (unsure.remove(&place), fitting.as_slice()) {
                (Some(why), _) => Pairing::Skipped(skip(draft, vec![why])),
                (None, []) => Pairing::New(draft),
                (None, [phone]) if !contested(phone) && !self.disputed.contains(&phone.guid) => {
                    self.taken.insert(phone.guid.clone(), draft.key.clone());
                    self.take(draft, phone, by)
                }
                (None, several) => {
                    let why = ambiguous(&draft, several, by, &wanted);
                    self.disputed.extend(several.iter().map(|phone| phone.guid.clone()));
                    Pairing::Skipped(skip(draft, vec![why]))
                }
            });
        }
        out
    }

    fn take(&self, draft: Draft, phone: &'a PhoneUser, by: MatchedBy) -> Pairing<'a> {
        if self.may {
            return Pairing::Adopted(draft, phone, by);
        }
        let message =
            format!("{} fits by its {}, and a run that nobody watches adopts nobody", shown(phone), word(by));
        let why = Diagnostic::warning(codes::ADOPT_UNATTENDED, message)
            .path(&["adopt", "unattended"])
            .hint("run `rollcall sync` by hand once, or set `unattended = true` under [adopt]")
            .user(draft.key.clone());
        Pairing::Skipped(skip(draft, vec![why]))
    }

    /// Gives the phone users by a field's value, without regard to case.
    fn index(&self, field: Field) -> BTreeMap<String, Vec<&'a PhoneUser>> {
        let mut index: BTreeMap<String, Vec<&'a PhoneUser>> = BTreeMap::new();
        for phone in self.standing.users.values() {
            if let Some(value) = text_of(&phone.fields, field) {
                index.entry(fold(value)).or_default().push(phone);
            }
        }
        index
    }

    fn verdict(&self, phone: &PhoneUser, draft: &Draft, field: Field) -> Verdict {
        if phone.built_in() {
            return Verdict::Not("it comes with the system".into());
        }
        if let Some(key) = self.owned.get(&phone.guid) {
            return Verdict::Not(format!("it is this job's own, for `{key}`"));
        }
        if let Some(owner) = self.memory.elsewhere.get(&phone.guid) {
            return Verdict::Not(format!("it belongs to the job `{}`, for `{}`", owner.job, owner.key));
        }
        if let Some(key) = self.taken.get(&phone.guid) {
            return Verdict::Not(format!("it is taken over for `{key}`"));
        }
        if field != Field::Email
            && let Some(theirs) = text_of(&phone.fields, Field::Email)
            && let Some(ours) = differing_email(draft, theirs)
        {
            return Verdict::Not(format!("the e-mail addresses differ: `{ours}` and `{theirs}`"));
        }
        match self.memory.unsure.iter().find(|unsure| may_be(unsure, phone)) {
            Some(unsure) => Verdict::Unsure(unsure.run.to_string()),
            None => Verdict::Fits,
        }
    }
}

fn may_be(unsure: &crate::memory::Unsure, phone: &PhoneUser) -> bool {
    unsure.name.as_deref().is_some_and(|name| fold(name) == fold(phone.name()))
        || unsure.extension.as_deref().is_some_and(|number| phone.extension() == Some(number))
}

/// Gives the value that the directory prefers, case-folded. Only that one is compared: further candidates, such as a
/// name with a number behind it, are likely to be somebody else's.
fn preferred(draft: &Draft, field: Field) -> Option<String> {
    draft.fields.get(&field)?.first().and_then(Value::text).map(fold)
}

/// Gives the directory's e-mail address where it has one and none of its candidates is `theirs`.
fn differing_email<'d>(draft: &'d Draft, theirs: &str) -> Option<&'d str> {
    let ours: Vec<&str> = crate::provision::texts(draft, Field::Email);
    let equal = ours.iter().any(|ours| fold(ours) == fold(theirs));
    ours.first().copied().filter(|_| !equal)
}

/// Notes on the draft why a phone user with the equal value is not its own.
fn refuse(draft: &mut Draft, phone: &PhoneUser, by: MatchedBy, why: &str) {
    let (phone, known) = (shown(phone), &draft.notes);
    // The same reason is told once, whatever else is equal.
    if known.iter().any(|note| note.message.starts_with(&phone) && note.message.ends_with(why)) {
        return;
    }
    let message = format!("{phone} has the same {} and is not taken over: {why}", word(by));
    draft.notes.push(Diagnostic::note(codes::ADOPT_REFUSED, message).user(draft.key.clone()));
}

fn in_doubt(draft: &Draft, phone: &PhoneUser, run: &str) -> Diagnostic {
    let message = format!(
        "{} fits, but the run {run} was interrupted and may have made it, so it is not taken over",
        shown(phone)
    );
    Diagnostic::error(codes::ADOPT_REFUSED, message)
        .hint("look at the user; if it is the right one, `rollcall link JOB USER PHONE_USER` ties the two together")
        .user(draft.key.clone())
}

fn ambiguous(
    draft: &Draft,
    phones: &[&PhoneUser],
    by: MatchedBy,
    wanted: &BTreeMap<&Guid, Vec<Text>>,
) -> Diagnostic {
    let message = match phones {
        [phone] => {
            let keys: Vec<String> =
                wanted.get(&phone.guid).into_iter().flatten().map(|key| format!("`{key}`")).collect();
            if keys.len() > 1 {
                let (count, keys) = (keys.len(), keys.join(", "));
                format!("{count} directory users fit {} by its {}: {keys}", shown(phone), word(by))
            } else {
                format!("{} fits by its {}, and others fit it too", shown(phone), word(by))
            }
        }
        several => {
            let list: Vec<String> = several.iter().map(|phone| shown(phone)).collect();
            format!("{} phone users have the same {}: {}", several.len(), word(by), list.join(", "))
        }
    };
    Diagnostic::error(codes::ADOPT_AMBIGUOUS, message)
        .hint("nobody is taken over by guess: mend the directory, or tie the right two together with `rollcall link JOB USER PHONE_USER`")
        .user(draft.key.clone())
}

/// Names a phone user so that a person finds it.
fn shown(phone: &PhoneUser) -> String {
    match phone.extension() {
        Some(number) => format!("the phone user `{}` ({number})", phone.name()),
        None => format!("the phone user `{}`", phone.name()),
    }
}

const fn word(by: MatchedBy) -> &'static str {
    match by {
        MatchedBy::Email => "e-mail address",
        MatchedBy::Extension => "extension",
        MatchedBy::Name => "name",
        MatchedBy::Hand | MatchedBy::Import => "link",
    }
}
