//! A small world for the tests of the pure steps: people as rows, a phone system in memory, a plan applied to it.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

use std::collections::BTreeMap;

use rollcall_core::adoption;
use rollcall_core::field::{Field, Fields, Value, groups_of};
use rollcall_core::map::{Mapped, map};
use rollcall_core::memory::{Link, Memory};
use rollcall_core::ops::{self, Write};
use rollcall_core::order::Move;
use rollcall_core::phone::{Extension, Group, PhoneUser, Standing, System};
use rollcall_core::plan::{Action, Change, Plan, Reading, plan};
use rollcall_core::policy::{FieldPolicy, Policy};
use rollcall_core::script::{Candidates, ExtensionKind, NumberRange, Rule, Script};
use rollcall_core::undo::{Past, undo};
use rollcall_core::verify::Outcome;
use rollcall_core::witness::Nobody;
use rollcall_core::{Cell, Diagnostic, Record, RecordId, Secret, Text, codes};

/// Takes each field from the attribute of its key; `range` (as `2000-2009`) makes a rule.
pub struct Rows;

impl Script for Rows {
    fn fields(&self, user: &Record) -> Result<Candidates, Vec<Diagnostic>> {
        if user.get("broken") != &Cell::None {
            return Err(vec![Diagnostic::error(codes::USER_EXPRESSION, "broken on purpose")]);
        }
        let mut out = Candidates::new();
        for field in Field::ALL {
            let values: Vec<Text> = match user.get(field.key()) {
                Cell::Text(text) => vec![text.clone()],
                Cell::Texts(texts) => texts.to_vec(),
                _ => Vec::new(),
            };
            let values = match field {
                Field::GroupMembership => Value::list_of(values).into_iter().collect(),
                _ if field.secret() => {
                    values.into_iter().map(|text| Value::Secret(Secret::new(text))).collect()
                }
                _ => values.into_iter().map(Value::Text).collect(),
            };
            out.insert(field, values);
        }
        Ok(out)
    }

    fn rule(&self, user: &Record, _: Option<&str>) -> Result<Option<Rule>, Vec<Diagnostic>> {
        let Cell::Text(range) = user.get("range") else { return Ok(None) };
        let (first, last) = range.split_once('-').unwrap();
        let range =
            NumberRange { first: first.parse().unwrap(), last: last.parse().unwrap(), width: first.len() };
        let extension = Some(ExtensionKind::Type("SIP".into()));
        let text = |name| match user.get(name) {
            Cell::Text(text) => Some(text.clone()),
            _ => None,
        };
        Ok(Some(Rule {
            name: format!("range {first}").into(),
            range: Some(range),
            extension: text("phone").map(ExtensionKind::Template).or(extension),
            system: text("home"),
            user_template: text("template"),
        }))
    }

    fn protects(&self, phone: &PhoneUser) -> Result<bool, Vec<Diagnostic>> {
        Ok(phone.name().starts_with("Ops"))
    }

    fn twinning_refusal(&self, number: &str) -> Option<String> {
        number.starts_with("+449").then(|| format!("`{number}` is a premium-rate number"))
    }
}

/// Makes a record: `id` and attributes; a value with `|` in it is a list.
pub fn person(id: &str, attributes: &[(&str, &str)]) -> Record {
    let mut columns: Vec<Text> = vec!["user_identification".into()];
    let mut cells = vec![Cell::Text(id.into())];
    for (name, value) in attributes {
        if *name == "user_identification" {
            cells[0] = Cell::Text((*value).into());
            continue;
        }
        columns.push((*name).into());
        cells.push(match *value {
            "" => Cell::None,
            v if v.contains('|') => Cell::Texts(v.split('|').map(Text::from).collect()),
            v => Cell::Text(v.into()),
        });
    }
    let id = RecordId { directory: "test".into(), native: id.into() };
    Record { id, columns: columns.into(), cells: cells.into() }
}

/// Gives a record with one attribute more.
pub fn with(record: &Record, name: &str, value: &str) -> Record {
    let mut columns = record.columns.to_vec();
    let mut cells = record.cells.to_vec();
    columns.push(name.into());
    cells.push(if value.is_empty() { Cell::None } else { Cell::Text(value.into()) });
    Record { id: record.id.clone(), columns: columns.into(), cells: cells.into() }
}

/// A policy with all ticks and all fields.
pub fn policy() -> Policy {
    let fields = Field::ALL.into_iter().map(|field| (field, FieldPolicy::default_of(field))).collect();
    Policy { new: true, update: true, delete: true, fields, ..Policy::default() }
}

/// The phone system, the job's memory, and a counter for GUIDs.
#[derive(Clone, Default)]
pub struct World {
    pub standing: Standing,
    pub memory: Memory,
    /// Whether a delete puts name and number into quarantine.
    pub quarantine: bool,
    guids: u32,
}

impl World {
    /// A single primary system and two hunt groups.
    pub fn new() -> Self {
        let standing = Standing {
            systems: vec![System { name: "Primary".into(), primary: true, ..System::default() }],
            groups: ["Sales", "Support"]
                .into_iter()
                .map(|name| Group { name: name.into(), extension: None, system: "Primary".into() })
                .collect(),
            ..Standing::default()
        };
        Self { standing, ..Self::default() }
    }

    /// Adds a user that somebody made by hand.
    pub fn by_hand(&mut self, name: &str, extension: &str) -> Text {
        let mut fields: Fields = BTreeMap::from([(Field::Name, Value::from(name))]);
        if !extension.is_empty() {
            fields.insert(Field::Extension, Value::from(extension));
        }
        self.add(fields)
    }

    /// Adds a user that somebody made by hand, with any fields.
    pub fn stands(&mut self, values: &[(Field, &str)]) -> Text {
        let value = |field: Field, text: &str| match field {
            Field::GroupMembership => Value::list_of(text.split('|').map(Text::from)).unwrap(),
            _ => Value::from(text),
        };
        self.add(values.iter().map(|(field, text)| (*field, value(*field, text))).collect())
    }

    fn add(&mut self, fields: Fields) -> Text {
        self.guids += 1;
        let guid = Text::from(format!("guid-{}", self.guids));
        let user = PhoneUser {
            guid: guid.clone(),
            fields,
            system: "Primary".into(),
            profile: None,
            user_template: None,
            fingerprint: [0; 16],
        };
        self.standing.users.insert(guid.clone(), user);
        guid
    }

    pub fn plan(&self, people: &[Record], policy: &Policy) -> Plan {
        self.plan_of(people, self.mapped(people, policy), policy)
    }

    /// Maps everybody who is not settled.
    pub fn mapped(&self, people: &[Record], policy: &Policy) -> Vec<Mapped> {
        let mapped = people.iter().filter(|person| !self.memory.settled.contains_key(&person.id));
        mapped.map(|person| map(person, &Rows, policy, self.memory.links.contains_key(&person.id))).collect()
    }

    /// Plans with those of `people` who were mapped.
    pub fn plan_of(&self, people: &[Record], mapped: Vec<Mapped>, policy: &Policy) -> Plan {
        let mut users = BTreeMap::from([(Text::from("test"), 0)]);
        for person in people {
            *users.entry(person.id.directory.clone()).or_default() += 1;
        }
        let reading = Reading { complete: true, users };
        plan(mapped, reading, &self.standing, &self.memory, &Rows, policy, &mut Nobody)
    }

    /// Plans and applies.
    pub fn sync(&mut self, people: &[Record], policy: &Policy) -> Plan {
        let plan = self.plan(people, policy);
        self.apply(&plan);
        plan
    }

    /// Applies a plan as the engine does, with the constraints of a phone system.
    pub fn apply(&mut self, plan: &Plan) {
        let mut parked: BTreeMap<usize, Vec<(Field, Value)>> = BTreeMap::new();
        for step in &plan.order {
            match step {
                Move::Park { change, field, value } => {
                    parked.entry(*change).or_default().push((*field, Value::Text(value.clone())));
                    for write in ops::park(&plan.changes[*change], *field, value) {
                        self.write(&plan.changes[*change], &write);
                    }
                }
                Move::Do(index) => {
                    let change = &plan.changes[*index];
                    let held = parked.get(index).map(Vec::as_slice).unwrap_or_default();
                    let mut guid = None;
                    for write in ops::writes(change, held) {
                        guid = self.write(change, &write).or(guid);
                    }
                    if change.action == Action::Create {
                        for write in ops::memberships(change, &guid.unwrap()) {
                            self.write(change, &write);
                        }
                    }
                    self.link(change);
                }
            }
        }
    }

    fn write(&mut self, change: &Change, write: &Write) -> Option<Text> {
        match write {
            Write::CreateUser { fields, system, template } => {
                self.free(fields, None);
                let guid = self.add(fields.clone());
                let user = self.standing.users.get_mut(&guid).unwrap();
                (user.system, user.user_template) = (system.clone(), template.clone());
                let birth = change.birth.clone().unwrap();
                let link = Link {
                    id: change.id.clone(),
                    key: change.key.clone(),
                    guid: guid.clone(),
                    written: birth.written.unwrap_or_else(|| fields.clone()),
                    rule: birth.rule,
                    number_by_rule: birth.number_by_rule,
                    kept: change.adoption.as_ref().map(|was| was.kept.clone()).unwrap_or_default(),
                    matched_by: change.adoption.as_ref().map(|was| was.by),
                    user_template: birth.user_template,
                    record: birth.extension.as_ref().and(change.extension.clone()),
                    extension: birth.extension,
                    missing: None,
                };
                self.memory.links.insert(change.id.clone(), link);
                return Some(guid);
            }
            Write::Adopt { guid, expect } => {
                for (field, value) in expect {
                    assert_eq!(self.standing.users[guid].fields.get(field), value.as_ref(), "stale");
                }
                let link = adoption::link(change).unwrap();
                assert!(self.memory.links.values().all(|other| other.guid != *guid), "owned twice");
                self.memory.links.insert(change.id.clone(), link);
            }
            Write::Release { .. } => _ = self.memory.links.remove(&change.id),
            Write::UpdateUser { guid, expect, set } => {
                let mut fields = self.standing.users[guid].fields.clone();
                for (field, value) in expect {
                    assert_eq!(fields.get(field), value.as_ref(), "{} is stale", change.key);
                }
                for (field, value) in set {
                    match value {
                        Some(value) => fields.insert(*field, value.clone()),
                        None => fields.remove(field),
                    };
                }
                self.free(&fields, Some(guid));
                self.standing.users.get_mut(guid).unwrap().fields = fields;
            }
            Write::DeleteUser { guid } => _ = self.standing.users.remove(guid),
            Write::CreateExtension { number, .. } if self.standing.extension(number).is_some() => {
                panic!("the extension {number} has a record already")
            }
            Write::CreateExtension { number, system, kind } => {
                let (kind, template) = match kind {
                    ExtensionKind::Type(kind) => (kind.clone(), None),
                    ExtensionKind::Template(name) => ("SIP".into(), Some(name.clone())),
                };
                self.standing.extensions.push(Extension {
                    guid: number.clone(),
                    number: number.clone(),
                    system: system.clone(),
                    kind: Some(kind),
                    template,
                    hardware: false,
                });
            }
            Write::RenumberExtension { from, to } => {
                assert!(self.standing.extension(to).is_none(), "the extension {to} has a record already");
                self.standing.extensions.iter_mut().find(|e| e.number == *from).unwrap().number = to.clone();
                let link = self.memory.links.get_mut(&change.id).unwrap();
                if link.record.as_ref() == Some(from) {
                    link.record = Some(to.clone());
                }
            }
            Write::DeleteExtension { number } => self.standing.extensions.retain(|e| e.number != *number),
            Write::AddMember { group, guid } | Write::RemoveMember { group, guid } => {
                let user = self.standing.users.get_mut(guid).unwrap();
                let mut groups: Vec<Text> = groups_of(&user.fields).to_vec();
                groups.retain(|other| other != group);
                let added = matches!(write, Write::AddMember { .. });
                groups.extend(added.then(|| group.clone()));
                match Value::list_of(groups) {
                    Some(groups) => user.fields.insert(Field::GroupMembership, groups),
                    None => user.fields.remove(&Field::GroupMembership),
                };
            }
        }
        None
    }

    /// The phone system's own constraint: nobody else has the name or the number.
    fn free(&self, fields: &Fields, but: Option<&Text>) {
        for user in self.standing.users.values().filter(|user| Some(&user.guid) != but) {
            let name = fields.get(&Field::Name).unwrap().text().unwrap();
            assert_ne!(user.name().to_lowercase(), name.to_lowercase(), "the name is taken");
            let number = fields.get(&Field::Extension).and_then(Value::text);
            assert!(number.is_none() || user.extension() != number, "the number {number:?} is taken");
        }
    }

    fn link(&mut self, change: &Change) {
        match change.action {
            Action::Delete => {
                self.memory.links.remove(&change.id);
                if self.quarantine {
                    let name = change.name.as_ref().map(|name| name.to_lowercase());
                    self.memory.held_names.extend(name.map(|name| (name.into(), change.id.clone())));
                    self.memory.held_numbers.extend(change.extension.clone().map(|n| (n, change.id.clone())));
                }
            }
            Action::Update if change.unlinks => _ = self.memory.links.remove(&change.id),
            Action::Create | Action::Adopt | Action::Update => {
                let link = self.memory.links.get_mut(&change.id).unwrap();
                link.key = change.key.clone();
                if change.birth.as_ref().is_some_and(|birth| birth.written.is_some()) {
                    return;
                }
                for field in &change.fields {
                    link.kept.remove(&field.field);
                    // Of an adopted user only the memberships that the job made are its own.
                    let found = field.from.as_ref().map(Value::list).unwrap_or_default();
                    if change.action == Action::Adopt && field.field == Field::GroupMembership {
                        let made = field.to.as_ref().map(Value::list).unwrap_or_default();
                        let made = made.iter().filter(|group| !found.contains(group)).cloned();
                        link.written.extend(Value::list_of(made).map(|made| (field.field, made)));
                        continue;
                    }
                    match &field.to {
                        Some(value) => link.written.insert(field.field, value.clone()),
                        None => link.written.remove(&field.field),
                    };
                }
            }
            Action::Skip => {}
        }
    }

    /// Plans the inverse of a plan that was applied.
    pub fn undo(&self, done: &Plan, policy: &Policy) -> Plan {
        let done: Vec<(Change, Outcome)> =
            done.changes.iter().map(|change| (change.clone(), Outcome::Applied)).collect();
        self.undo_of(&done, policy)
    }

    /// Plans the inverse of changes, each with what became of it.
    pub fn undo_of(&self, done: &[(Change, Outcome)], policy: &Policy) -> Plan {
        let none = BTreeMap::new();
        let past = Past { run: &"R1".into(), done, touched: &none, undone: &none };
        undo(&past, &self.standing, &self.memory, &Rows, policy)
    }

    /// Makes everybody due whom `people` lacks.
    pub fn let_grace_pass(&mut self, people: &[Record]) {
        self.memory.due =
            self.memory.links.keys().filter(|id| !people.iter().any(|p| p.id == **id)).cloned().collect();
    }

    pub fn user(&self, name: &str) -> &PhoneUser {
        self.standing
            .users
            .values()
            .find(|user| user.name() == name)
            .unwrap_or_else(|| panic!("no user `{name}`"))
    }
}

/// Writes a plan as one line a change: action, key, name, extension, codes of the reasons.
pub fn shown(plan: &Plan) -> Vec<String> {
    let line = |change: &Change| {
        let codes: Vec<&str> = change.why.iter().map(|why| why.code.0).collect();
        let fields: Vec<&str> = change.fields.iter().map(|field| field.field.key()).collect();
        let tail = if change.action == Action::Skip { codes.join(" ") } else { fields.join(" ") };
        format!(
            "{} {} {} {} [{tail}]",
            change.action.word(),
            change.key,
            change.name.as_deref().unwrap_or("-"),
            change.extension.as_deref().unwrap_or("-")
        )
    };
    plan.changes.iter().map(line).collect()
}
