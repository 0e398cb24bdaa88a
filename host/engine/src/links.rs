//! Ownership by hand: `link` ties a directory user to a phone user that stands already, `unlink` lets one go, and
//! `links import` ties many at once. Nothing is written to a telephone; every one of them is a run of the history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use rollcall_core::adoption;
use rollcall_core::map::{Draft, Mapped, map};
use rollcall_core::memory::{Link, MatchedBy, Memory};
use rollcall_core::order::Move;
use rollcall_core::phone::{PhoneUser, Standing};
use rollcall_core::plan::{Change, Plan, Reading};
use rollcall_core::policy::{Limits, Policy};
use rollcall_core::text::fold;
use rollcall_core::{Diagnostic, Field, Guid, Record, RecordId, Text, codes};
use rollcall_edges::mirror::Mirror;
use rollcall_job::job::Job;

use crate::delete_now::is_key;
use crate::durations::Durations;
use crate::error::RunError;
use crate::execute::{Begun, Behind, Confirm, Order, Render, Writer};
use crate::explain::{is_mapped, is_phone, is_record};
use crate::named;
use crate::prepare::{identities, pull_all, same_ends};
use crate::recall::others;
use crate::report::Report;
use crate::run::Parts;

/// How many records are read at once.
const BATCH_RECORDS: u32 = 1_000;

/// A tie that somebody asks for, each side by whatever names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where it was asked for, for people: `line 3`; empty on the command line.
    pub place: String,
    /// The directory user.
    pub user: User,
    /// The phone user.
    pub phone: Phone,
}

/// How a directory user is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum User {
    /// By user identification, name, extension, e-mail, login name or the directory's own id.
    Any(Text),
    /// By the directory's own id alone.
    Id(Text),
    /// By user identification alone.
    Key(Text),
}

/// How a phone user is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phone {
    /// By name, extension or GUID.
    Any(Text),
    /// By GUID alone.
    Guid(Guid),
}

/// Ties directory users to phone users, all of them or none. `None`: somebody said no.
///
/// Where all of them are tied already there is nothing to do, nobody is asked, and it is no run of the history.
///
/// # Errors
/// [`RunError::NotFound`] with every reason where one of them cannot be tied, [`RunError::Invalid`] where they come from
/// a file; then nothing is.
pub async fn tie<'a>(
    mut parts: Parts<'a>,
    wanted: &[Wanted],
    by: MatchedBy,
    wait_ms: u64,
    confirm: Confirm<'_>,
    render: Render<'a>,
) -> Result<Option<Report>, RunError> {
    let writer = parts.writer(render);
    let Begun { office, lease, found } = writer.begin(wait_ms).await?;
    let known = writer.state.job(&writer.job.name).await?;
    let directories = identities(&mut parts.directories).await?;
    same_ends(writer.job, &known, &directories, &office)?;
    let mut memory = Memory { links: links(&writer).await?, ..Memory::default() };
    others(&mut memory, writer.state, writer.job, &directories, &office).await?;
    let standing = writer.office.read().await?;
    let people = people(&mut parts, wanted).await?;
    let registry = Registry { policy: &writer.job.policy, memory: &memory, standing: &standing, people, by };
    let (planned, emails) = registry.plan(wanted).map_err(|why| match by {
        MatchedBy::Import => RunError::Invalid(why),
        _ => RunError::NotFound(why),
    })?;
    let plan = Plan { diagnostics: found.into_iter().chain(emails).collect(), ..planned };
    if plan.changes.is_empty() {
        return Ok(Some(Report::new(writer.job.name.clone(), plan, Vec::new())));
    }
    let kind = if by == MatchedBy::Hand { "link" } else { "import" };
    let order = order(kind, plan, &standing, memory.links);
    let report = writer.execute(&*lease, order, confirm).await?;
    if report.is_some() {
        // From the first link on the job belongs to these two ends, and other jobs know whose its people are.
        writer.state.identify(&writer.job.name, &directories, &office).await?;
    }
    Ok(report)
}

/// Lets a phone user go: the job no longer owns it, and nothing is written to it.
///
/// # Errors
/// [`RunError::NotFound`] where no link, or several, fit.
pub async fn release(
    writer: &Writer<'_>,
    mirror: &mut dyn Mirror,
    user: &str,
    wait_ms: u64,
) -> Result<Option<Report>, RunError> {
    let Begun { lease, found, .. } = writer.begin(wait_ms).await?;
    let links = links(writer).await?;
    let standing = writer.office.read().await?;
    let wanted = fold(user.trim());
    let logins = records(mirror, writer.job, |record| is_record(record, &wanted)).await?;
    let fits = |link: &&Link| {
        let phone = standing.users.get(&link.guid);
        let written = |field| {
            rollcall_core::field::text_of(&link.written, field).is_some_and(|text| fold(text) == wanted)
        };
        is_key(link, &wanted)
            || fold(&link.guid) == wanted
            || phone.map_or_else(|| LOOKED_AT.into_iter().any(written), |phone| is_phone(phone, &wanted))
            || logins.iter().any(|record| record.id == link.id)
    };
    let fitting: Vec<&Link> = links.values().filter(fits).collect();
    let link = match fitting.as_slice() {
        [link] => *link,
        [] => {
            let message = format!("the job `{}` owns no phone user for `{user}`", writer.job.name);
            return Err(wrong(message, "`rollcall links JOB` lists what it owns"));
        }
        several => {
            let users: Vec<_> = several.iter().map(|link| (&*link.key, &link.id)).collect();
            return Err(RunError::NotFound(vec![named::several(user, &users)]));
        }
    };
    let change = adoption::release(link, standing.users.get(&link.guid));
    let plan = Plan { diagnostics: found, ..plan_of(vec![change], 1) };
    let order = order("unlink", plan, &standing, links);
    writer.execute(&*lease, order, &|_| true).await
}

async fn links(writer: &Writer<'_>) -> Result<BTreeMap<RecordId, Link>, RunError> {
    let links = writer.state.links(&writer.job.name).await?;
    Ok(links.into_iter().map(|link| (link.id.clone(), link)).collect())
}

/// By what a phone user that is gone can still be named.
const LOOKED_AT: [Field; 4] = [Field::Name, Field::FullName, Field::Email, Field::Extension];

fn wrong(message: String, hint: &str) -> RunError {
    RunError::NotFound(vec![Diagnostic::error(codes::USER_NOT_FOUND, message).hint(hint)])
}

fn plan_of(changes: Vec<Change>, users: usize) -> Plan {
    let order: Vec<Move> = (0..changes.len()).map(Move::Do).collect();
    let reading = Reading::counted(users);
    Plan { applyable: !order.is_empty(), complete: true, changes, order, reading, ..Plan::default() }
}

/// A plan of the ledger alone passes the guard: it rests on no reading and writes to no telephone.
fn order<'a>(
    kind: &'a str,
    plan: Plan,
    standing: &'a Standing,
    links: BTreeMap<RecordId, Link>,
) -> Order<'a> {
    static NO_GUARD: LazyLock<(Limits, BTreeMap<Text, usize>)> = LazyLock::new(Default::default);
    Order {
        kind,
        plan,
        standing,
        memory: Memory { links, ..Memory::default() },
        limits: &NO_GUARD.0,
        accept: &NO_GUARD.1,
        reading: Behind::Nothing,
        durations: Durations::default(),
    }
}

/// Gives the directory users that are named, as the last reading knows them; with a fresh one where some are missing.
async fn people(parts: &mut Parts<'_>, wanted: &[Wanted]) -> Result<People, RunError> {
    let known = People::named(parts, wanted).await?;
    if wanted.iter().all(|one| !known.fitting(&one.user).is_empty()) {
        return Ok(known);
    }
    pull_all(parts).await?;
    People::named(parts, wanted).await
}

/// Directory users that somebody named.
struct People {
    all: Vec<(Record, Mapped)>,
    by_id: BTreeMap<Text, Vec<usize>>,
    by_key: BTreeMap<String, Vec<usize>>,
}

impl People {
    async fn named(parts: &mut Parts<'_>, wanted: &[Wanted]) -> Result<Self, RunError> {
        let (script, policy) = (parts.script.clone(), &parts.job.policy);
        let (mut ids, mut keys, mut any) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for one in wanted {
            match &one.user {
                User::Id(id) => _ = ids.insert(id.clone()),
                User::Key(key) => _ = keys.insert(fold(key)),
                User::Any(text) => _ = any.insert(fold(text.trim())),
            }
        }
        let mut people = People { all: Vec::new(), by_id: BTreeMap::new(), by_key: BTreeMap::new() };
        // As of somebody who is linked: what only a new user needs stops nobody here.
        let mapped = |record: &Record| map(record, &*script, policy, true);
        let is_named = |record: &Record| {
            let mapped = mapped(record);
            let key = key_of(&mapped).map(|key| fold(key));
            ids.contains(&record.id.native)
                || key.is_some_and(|key| keys.contains(&key))
                || any.iter().any(|text| is_record(record, text) || is_mapped(&mapped, text))
        };
        for record in records(parts.mirror, parts.job, is_named).await? {
            let (place, mapped) = (people.all.len(), mapped(&record));
            people.by_id.entry(record.id.native.clone()).or_default().push(place);
            if let Some(key) = key_of(&mapped) {
                people.by_key.entry(fold(key)).or_default().push(place);
            }
            people.all.push((record, mapped));
        }
        Ok(people)
    }

    fn fitting(&self, user: &User) -> Vec<&(Record, Mapped)> {
        let at = |places: Option<&Vec<usize>>| {
            places.into_iter().flatten().filter_map(|place| self.all.get(*place)).collect()
        };
        match user {
            User::Id(id) => at(self.by_id.get(id)),
            User::Key(key) => at(self.by_key.get(&fold(key))),
            User::Any(text) => {
                let text = fold(text.trim());
                let fits = |(record, mapped): &&(Record, Mapped)| {
                    is_record(record, &text) || is_mapped(mapped, &text)
                };
                self.all.iter().filter(fits).collect()
            }
        }
    }
}

/// Warns of two that are tied although their e-mails say that they are two people.
fn other_email(draft: &Draft, phone: &PhoneUser) -> Option<Diagnostic> {
    let given = draft.fields.get(&Field::Email)?.first()?.text()?;
    let stands = phone.fields.get(&Field::Email)?.text()?;
    let message = format!("`{}` has the e-mail `{stands}`, and the directory gives `{given}`", phone.name());
    let warning = Diagnostic::warning(codes::LINK_EMAILS, message).user(draft.key.clone());
    (fold(given) != fold(stands))
        .then(|| warning.hint("are they the same person? `rollcall unlink JOB USER` takes a link back"))
}

fn key_of(mapped: &Mapped) -> Option<&Text> {
    match mapped {
        Mapped::Draft(draft) => Some(&draft.key),
        Mapped::Skipped(_) => None,
    }
}

/// Gives the records of the last readings that somebody wants.
async fn records(
    mirror: &mut dyn Mirror,
    job: &Job,
    wants: impl Fn(&Record) -> bool + Send,
) -> Result<Vec<Record>, RunError> {
    let mut found = Vec::new();
    for directory in &job.directories {
        let mut after = None::<Text>;
        loop {
            let batch = mirror.records(&directory.name, after.as_deref(), BATCH_RECORDS).await?;
            let Some(last) = batch.last() else { break };
            after = Some(last.id.native.clone());
            found.extend(batch.into_iter().filter(|record| wants(record)));
        }
    }
    Ok(found)
}

impl User {
    fn text(&self) -> &Text {
        match self {
            User::Any(text) | User::Id(text) | User::Key(text) => text,
        }
    }
}

/// Both sides, and what is tied already.
struct Registry<'a> {
    policy: &'a Policy,
    memory: &'a Memory,
    standing: &'a Standing,
    people: People,
    by: MatchedBy,
}

impl Registry<'_> {
    /// Checks everything that is wanted and gives the plan with whatever looks odd of it, or every reason why not.
    fn plan(&self, wanted: &[Wanted]) -> Result<(Plan, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut odd = Vec::new();
        let (mut why, mut changes, mut unchanged) = (Vec::new(), Vec::<Change>::new(), Vec::new());
        // Who is named already, on either side, with the directory user.
        let (mut ids, mut guids) = (BTreeMap::new(), BTreeMap::new());
        for one in wanted {
            let told = |found: Diagnostic| match one.place.as_str() {
                "" => found,
                place => Diagnostic { message: format!("{place}: {}", found.message), ..found },
            };
            match self.one(one) {
                Ok((draft, phone)) => {
                    let before = ids.insert(draft.id.clone(), draft.key.clone());
                    let before = before.or(guids.insert(phone.guid.clone(), draft.key.clone()));
                    if let Some(key) = before {
                        let message = format!(
                            "`{}` or `{}` is named twice, before for `{key}`",
                            draft.key,
                            phone.name()
                        );
                        why.push(told(
                            Diagnostic::error(codes::LINK_REFUSED, message).hint("name each user once"),
                        ));
                    } else if self.memory.links.contains_key(&draft.id) {
                        unchanged.push((
                            draft.key.clone(),
                            phone.name().into(),
                            phone.extension().map(Text::from),
                        ));
                    } else {
                        odd.extend(other_email(draft, phone));
                        changes.push(adoption::tie(draft, phone, self.by, self.policy));
                    }
                }
                Err(found) => why.push(told(found)),
            }
        }
        if why.is_empty() {
            changes.sort_by(|a, b| (&a.key, &a.id).cmp(&(&b.key, &b.id)));
            return Ok((Plan { unchanged, ..plan_of(changes, wanted.len()) }, odd));
        }
        Err(why)
    }

    /// Gives the two that shall be tied, where they may be or are already.
    fn one(&self, wanted: &Wanted) -> Result<(&Draft, &PhoneUser), Diagnostic> {
        let draft = self.person(&wanted.user)?;
        let phone = self.phone(&wanted.phone)?;
        let refuse =
            |message: String, hint: &str| Err(Diagnostic::error(codes::LINK_REFUSED, message).hint(hint));
        if phone.built_in() {
            return refuse(
                format!("`{}` comes with the system and belongs to nobody", phone.name()),
                "name another phone user",
            );
        }
        if let Some(link) = self.memory.links.get(&draft.id) {
            if link.guid == phone.guid {
                return Ok((draft, phone));
            }
            let whom = self.standing.users.get(&link.guid).map_or(&*link.guid, PhoneUser::name);
            return refuse(
                format!("`{}` is tied to `{whom}` already", draft.key),
                "`rollcall unlink JOB USER` lets that one go first",
            );
        }
        if let Some(owner) = self.memory.others_records.get(&draft.id) {
            let message = format!("the phone user of `{}` belongs to the job `{}`", draft.key, owner.job);
            return refuse(message, "`rollcall unlink` lets it go there first");
        }
        if let Some(link) = self.memory.links.values().find(|link| link.guid == phone.guid) {
            let message = format!("`{}` is tied to `{}` already", phone.name(), link.key);
            return refuse(message, "`rollcall unlink JOB USER` lets it go first");
        }
        if let Some(owner) = self.memory.elsewhere.get(&phone.guid) {
            let message =
                format!("`{}` belongs to the job `{}`, for `{}`", phone.name(), owner.job, owner.key);
            return refuse(message, "`rollcall unlink` lets it go there first");
        }
        Ok((draft, phone))
    }

    fn person(&self, user: &User) -> Result<&Draft, Diagnostic> {
        let fitting = self.people.fitting(user);
        let missing =
            |message: String, hint: &str| Err(Diagnostic::error(codes::USER_NOT_FOUND, message).hint(hint));
        match fitting.as_slice() {
            [(_, Mapped::Draft(draft))] => Ok(draft),
            [(_, Mapped::Skipped(skip))] => {
                let why: Vec<&str> = skip.why.iter().map(|why| why.message.as_str()).collect();
                missing(
                    format!("`{}` cannot be mapped: {}", skip.key, why.join("; ")),
                    "mend the record or the job first",
                )
            }
            [] => missing(
                format!("the directory has no user `{}` in the job's scope", user.text()),
                "give user identification, name, extension, e-mail or login name; `rollcall fields JOB` shows what there is",
            ),
            several => {
                let key = |mapped: &Mapped| match mapped {
                    Mapped::Draft(draft) => draft.key.clone(),
                    Mapped::Skipped(skip) => skip.key.clone(),
                };
                let keys: Vec<_> = several.iter().map(|(record, mapped)| (key(mapped), &record.id)).collect();
                let users: Vec<_> = keys.iter().map(|(key, id)| (&**key, *id)).collect();
                Err(named::several(user.text(), &users))
            }
        }
    }

    fn phone(&self, wanted: &Phone) -> Result<&PhoneUser, Diagnostic> {
        let missing =
            |message: String, hint: &str| Err(Diagnostic::error(codes::USER_NOT_FOUND, message).hint(hint));
        const LIST: &str = "`rollcall office users JOB --unlinked` lists the phone users that no job owns";
        let text = match wanted {
            Phone::Guid(guid) => {
                return match self.standing.users.get(guid) {
                    Some(phone) => Ok(phone),
                    None => missing(format!("no phone user has the GUID `{guid}`"), LIST),
                };
            }
            Phone::Any(text) => text.trim(),
        };
        if let Some(phone) = self.standing.users.get(text) {
            return Ok(phone);
        }
        let is = |phone: &&PhoneUser| fold(phone.name()) == fold(text) || phone.extension() == Some(text);
        let fitting: Vec<&PhoneUser> = self.standing.users.values().filter(is).collect();
        match fitting.as_slice() {
            [phone] => Ok(phone),
            [] => missing(format!("no phone user has the name, extension or GUID `{text}`"), LIST),
            several => {
                let list: Vec<String> =
                    several.iter().map(|phone| format!("`{}` ({})", phone.name(), phone.guid)).collect();
                missing(format!("several phone users fit `{text}`: {}", list.join(", ")), "give the GUID")
            }
        }
    }
}
