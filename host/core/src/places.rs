//! Where a new user goes: its system, its templates, and whether there is room and a licence.

use std::collections::{BTreeMap, BTreeSet};

use crate::codes;
use crate::diag::Diagnostic;
use crate::field::Field;
use crate::map::Draft;
use crate::phone::Standing;
use crate::provision::texts;
use crate::script::{ExtensionKind, Rule};
use crate::text::{Guid, Text, count, fold};

/// Profiles that take no licence.
const FREE_PROFILES: [&str; 2] = ["basic user", "non-licensed user"];

/// What is left of room and licences while a plan is made.
pub(crate) struct Places<'a> {
    standing: &'a Standing,
    users: BTreeMap<&'a str, u32>,
    licences: BTreeMap<String, u32>,
}

impl<'a> Places<'a> {
    /// Starts with what stands, less the users that the plan deletes.
    pub(crate) fn new(standing: &'a Standing, deleted: &BTreeSet<Guid>) -> Self {
        let mut users = BTreeMap::new();
        let mut freed: BTreeMap<String, u32> = BTreeMap::new();
        for user in standing.users.values() {
            if deleted.contains(&user.guid) {
                *freed.entry(fold(user.profile.as_deref().unwrap_or_default())).or_default() += 1;
            } else {
                *users.entry(&*user.system).or_default() += 1;
            }
        }
        let licences = standing
            .licences
            .iter()
            .map(|licence| {
                let profile = fold(&licence.profile);
                let free =
                    licence.quantity.saturating_sub(licence.used) + freed.get(&profile).copied().unwrap_or(0);
                (profile, free)
            })
            .collect();
        Self { standing, users, licences }
    }

    /// Decides the system: the rule's, then the field's, then the primary.
    pub(crate) fn find(&self, draft: &Draft, rule: &Rule) -> Result<usize, Diagnostic> {
        let given = texts(draft, Field::System);
        let (value, from) = match (&rule.system, given.first()) {
            (Some(value), _) => (Some(&**value), format!("the rule `{}`", rule.name)),
            (None, Some(value)) => (Some(*value), "the field `system`".to_owned()),
            (None, None) => (None, String::new()),
        };
        let system = match value {
            Some(value) => self.standing.system(value),
            None => self.standing.primary(),
        };
        let index = system.and_then(|system| self.standing.systems.iter().position(|other| other == system));
        index.ok_or_else(|| match value {
            Some(value) => {
                let known: Vec<&str> = self.standing.systems.iter().map(|system| &*system.name).collect();
                Diagnostic::error(
                    codes::SYSTEM_UNKNOWN,
                    format!("{from} gives `{value}`, which names no system"),
                )
                .hint(format!("the systems are {}", known.join(", ")))
            }
            None => Diagnostic::error(codes::SYSTEM_UNKNOWN, "the phone system has no primary system"),
        })
    }

    /// Gives a system's name.
    pub(crate) fn name(&self, place: usize) -> Text {
        self.standing.systems.get(place).map(|system| system.name.clone()).unwrap_or_default()
    }

    /// Checks that the rule's templates exist.
    pub(crate) fn templates(&self, rule: &Rule) -> Result<(), Vec<Diagnostic>> {
        let mut why = Vec::new();
        let missing = |kind: &str, name: &str| {
            let message = format!("the rule `{}` names the {kind} `{name}`, which does not exist", rule.name);
            Diagnostic::error(codes::TEMPLATE_UNKNOWN, message)
                .hint("templates come from the office file or from `[phone_system] templates`")
        };
        if let Some(name) =
            rule.user_template.as_ref().filter(|name| !self.standing.user_templates.contains_key(*name))
        {
            why.push(missing("user template", name));
        }
        if let Some(ExtensionKind::Template(name)) = &rule.extension
            && !self.standing.extension_templates.contains_key(name)
        {
            why.push(missing("extension template", name));
        }
        if why.is_empty() { Ok(()) } else { Err(why) }
    }

    /// Checks that the system has room and that the template's profile has a licence left.
    pub(crate) fn room(&self, place: usize, rule: &Rule) -> Result<(), Diagnostic> {
        if let Some(system) = self.standing.systems.get(place)
            && let Some(most) = system.max_users
            && self.users.get(&*system.name).copied().unwrap_or(0) >= most
        {
            let message =
                format!("the system `{}` has room for {} and is full", system.name, count(most, "user"));
            return Err(Diagnostic::error(codes::CAPACITY, message));
        }
        match self.profile(rule) {
            Some(profile) if self.licences.get(&profile).copied() == Some(0) => Err(Diagnostic::error(
                codes::CAPACITY,
                format!("no licence for the profile `{profile}` is left"),
            )),
            _ => Ok(()),
        }
    }

    /// Takes the room and the licence.
    pub(crate) fn settle(&mut self, place: usize, rule: &Rule) {
        if let Some(system) = self.standing.systems.get(place) {
            *self.users.entry(&*system.name).or_default() += 1;
        }
        if let Some(free) = self.profile(rule).and_then(|profile| self.licences.get_mut(&profile)) {
            *free = free.saturating_sub(1);
        }
    }

    fn profile(&self, rule: &Rule) -> Option<String> {
        let template = self.standing.user_templates.get(rule.user_template.as_ref()?)?;
        let profile = fold(template.profile.as_deref()?);
        (!FREE_PROFILES.contains(&profile.as_str())).then_some(profile)
    }
}
