//! Steps 1 to 6: both ends are read, and a plan is made of it, or known from the run before.

use std::collections::BTreeMap;
use std::sync::Arc;

use rollcall_core::memory::Memory;
use rollcall_core::phone::Standing;
use rollcall_core::plan::{Plan, Reading, plan};
use rollcall_core::policy::Policy;
use rollcall_core::witness::{Step, Witness};
use rollcall_core::{Diagnostic, Record, RecordId, Text, codes, map::Mapped, settled};
use rollcall_edges::clock::Instant;
use rollcall_edges::directory::DirectoryError;
use rollcall_edges::mirror::{self, Mirror};
use rollcall_edges::office::Office;
use rollcall_edges::state::{Identities, JobState, State, Steady};
use rollcall_job::expiry::expiring;
use rollcall_job::job::Job;

use crate::attributes;
use crate::delete_now::end_grace;
use crate::durations::{Durations, Watch};
use crate::error::RunError;
use crate::grace::at;
use crate::mapping::{AllMapped, Interest, Mapping, Whom, map_all};
use crate::observe::{Event, Silent};
use crate::pull::{OVERTAKEN, Pull, Pulled, Source};
use crate::recall::{Moment, recall};
use crate::run::{Options, Parts, may_pass};
use crate::scope::digests;
use crate::settled::Marks;
use crate::steady::{self, Ground};
use crate::undo::again;

/// A plan with what it was made from.
pub(crate) struct Prepared {
    pub(crate) plan: Plan,
    pub(crate) standing: Standing,
    pub(crate) memory: Memory,
    pub(crate) policy: Policy,
    pub(crate) moment: Moment,
    pub(crate) directories: Identities,
    pub(crate) office: Text,
    pub(crate) seen: Vec<(Record, Mapped)>,
    pub(crate) durations: Durations,
    /// What to note of the plan once it has passed: that there was nothing to do, if so.
    pub(crate) steady: Option<Steady>,
}

/// What was read before a plan is made.
struct Found<'a> {
    known: JobState,
    directories: Identities,
    office: Text,
    moment: Moment,
    policy: Policy,
    reading: Reading,
    /// What the mirror holds of each directory, by its version.
    versions: BTreeMap<Text, Text>,
    durations: Durations,
    watch: Watch<'a>,
}

/// Reads both ends and makes the plan. `interest` says whose records a witness wants to see.
pub(crate) async fn prepare(
    mut parts: Parts<'_>,
    options: &Options,
    interest: Option<Interest>,
    witness: &mut (dyn Witness + Send),
) -> Result<Prepared, RunError> {
    let mut found = read(&mut parts, options).await?;
    let digest = match plain(options, interest.as_ref()) {
        true => found.ground(parts.job, parts.state, options).digest(parts.mirror).await?,
        false => None,
    };
    let (inputs, standing) = match (digest, parts.office.version().await?) {
        (None, _) => (None, None),
        (Some(digest), Some(version)) => (Some(steady::with(digest, &version)), None),
        (Some(digest), None) => {
            let standing = standing_of(parts.office).await?;
            (Some(steady::with(digest, &steady::stands(&standing))), Some(standing))
        }
    };
    let last = match &inputs {
        Some(inputs) => {
            let last = parts.state.steady(&parts.job.name).await?;
            last.filter(|last| last.inputs == *inputs && last.users == found.reading.users)
        }
        None => None,
    };
    found.durations.read = found.watch.lap();
    let known = found.known.clone();
    let (job, state, office, now) = (parts.job, parts.state, parts.office, parts.clock.now());
    let mut prepared = match last {
        Some(last) => found.again(last, standing),
        None => found.anew(parts, options, interest, witness, inputs, standing).await?,
    };
    prepared.plan.diagnostics.extend(office.warnings().await?);
    prepared.plan.diagnostics.extend(again(state, &known, &prepared.plan).await?);
    remarks(&mut prepared, job, options, now);
    Ok(prepared)
}

/// Tells whether nobody is named and nobody wants to see somebody: they are told of everybody by a plan of everybody.
fn plain(options: &Options, interest: Option<&Interest>) -> bool {
    interest.is_none() && options.delete_now.is_none() && !options.list_all
}

/// Makes sure of both ends and reads the directories.
async fn read<'a>(parts: &mut Parts<'a>, options: &Options) -> Result<Found<'a>, RunError> {
    let job = parts.job;
    let known = parts.state.job(&job.name).await?;
    let directories = identities(&mut parts.directories).await?;
    let office = parts.office.identity().await?;
    same_ends(job, &known, &directories, &office)?;
    let mut schemas = Vec::with_capacity(parts.directories.len());
    for source in &mut parts.directories {
        schemas.push(source.directory.attributes().await?);
    }
    let wrong = attributes::check(parts.references, &schemas);
    if !wrong.is_empty() {
        return Err(RunError::Invalid(wrong));
    }
    let (mut watch, mut durations) = (Watch::start(parts.clock), Durations::default());
    // The directories are read to their ends first: their sessions must not wait for the phone system.
    let pulled = pull_all(parts).await?;
    durations.pull = watch.lap();
    let connectors = parts.directories.iter().map(|source| &*source.connector);
    let digests = digests(job, connectors, parts.rule_files);
    let moment = Moment::look(parts.state, parts.clock, &known, &office, digests).await?;
    let partly = pulled.iter().filter_map(|(name, pulled)| Some((name.clone(), pulled.partly_since?)));
    let partly = partly.collect();
    let moment = Moment { partly, ..moment };
    parts.observer.event(Event::Reading);
    let policy = Policy {
        abilities: parts.office.abilities().await?,
        attended: !options.scheduled,
        ..job.policy.clone()
    };
    let users = pulled.iter().map(|(name, pulled)| (name.clone(), pulled.users)).collect();
    let versions = pulled.into_iter().map(|(name, pulled)| (name, pulled.version)).collect();
    let reading = Reading { complete: true, users };
    Ok(Found { known, directories, office, moment, policy, reading, versions, durations, watch })
}

impl Found<'_> {
    /// Gives what decides a plan besides both ends.
    fn ground<'g>(&'g self, job: &'g Job, state: &'g dyn State, options: &Options) -> Ground<'g> {
        Ground {
            job,
            state,
            directories: &self.directories,
            office: &self.office,
            abilities: &self.policy.abilities,
            moment: &self.moment,
            scheduled: options.scheduled,
        }
    }

    /// Takes the plan of the run before, which had nothing to do.
    fn again(self, last: Steady, standing: Option<Standing>) -> Prepared {
        Prepared {
            plan: steady::again(&last),
            standing: standing.unwrap_or_default(),
            memory: Memory { baseline: self.known.baseline(), ..Memory::default() },
            policy: self.policy,
            moment: self.moment,
            directories: self.directories,
            office: self.office,
            seen: Vec::new(),
            durations: self.durations,
            steady: Some(last),
        }
    }

    /// Recalls, reads the phone system where that was not done yet, maps whoever is not settled, and makes the plan.
    async fn anew(
        self,
        mut parts: Parts<'_>,
        options: &Options,
        interest: Option<Interest>,
        witness: &mut (dyn Witness + Send),
        inputs: Option<Vec<u8>>,
        standing: Option<Standing>,
    ) -> Result<Prepared, RunError> {
        let fixed = self.ground(parts.job, parts.state, options).fixed();
        let Self { known, directories, office, moment, policy, reading, versions, mut durations, mut watch } =
            self;
        let window_ms = policy.limits.window(options.scheduled);
        let mut memory =
            recall(parts.state, parts.job, &known, (&directories, &office), &moment, window_ms).await?;
        same_directory_names(parts.job, &memory)?;
        let standing = match standing {
            Some(standing) => standing,
            None => standing_of(parts.office).await?,
        };
        durations.read += watch.lap();
        let names: Vec<Text> = parts.directories.iter().map(|source| source.name.clone()).collect();
        let marks = match plain(options, interest.as_ref()) {
            true => {
                let kept = kept_marks(&mut parts).await?;
                Some(Marks::look(parts.mirror, &names, &memory, &standing, fixed, kept).await?)
            }
            false => None,
        };
        memory.settled = marks.as_ref().map(Marks::settled).unwrap_or_default();
        let all = mapped(&mut parts, &names, marks.as_ref(), &mut memory, &policy, interest).await?;
        same_reading(parts.mirror, &versions).await?;
        for (record, mapped) in &all.seen {
            witness.saw(Step::Pulled(record));
            witness.saw(Step::Mapped(mapped));
        }
        durations.map = watch.lap();
        if let Some(wanted) = &options.delete_now {
            end_grace(wanted, &all.mapped, &standing, &mut memory, policy.delete)?;
        }
        let plan = plan(all.mapped, reading, &standing, &memory, &*parts.script, &policy, witness);
        durations.plan = watch.lap();
        if let Some(marks) = marks {
            // Where a cache cannot be written, the next run maps more than it had to.
            let _ = marks.keep(parts.mirror, &memory.settled, &plan).await;
        }
        let steady = inputs.and_then(|inputs| steady::note(&plan, inputs));
        let seen = all.seen;
        Ok(Prepared { plan, standing, memory, policy, moment, directories, office, seen, durations, steady })
    }
}

/// Gives the marks that were kept, none where they are older than everything may go unread.
async fn kept_marks(parts: &mut Parts<'_>) -> Result<mirror::Marks, RunError> {
    let now = parts.clock.now();
    let kept = parts.mirror.marks().await?;
    let kept = kept.filter(|kept| parts.directories.iter().all(|one| one.is_recent(kept.since, now)));
    Ok(kept.unwrap_or(mirror::Marks { since: now, by_left_out: BTreeMap::new() }))
}

/// Chooses the records of some people, by directory.
fn these(ids: impl IntoIterator<Item = RecordId>) -> Vec<(Text, Whom)> {
    let mut wanted: BTreeMap<Text, Vec<Text>> = BTreeMap::new();
    for id in ids {
        wanted.entry(id.directory).or_default().push(id.native);
    }
    wanted.into_iter().map(|(directory, natives)| (directory, Whom::These(natives))).collect()
}

/// Maps everybody who was read and is not settled, in the order of the job's directories and of ids. Settled users whom it
/// turns out to concern are mapped too, and are settled no longer.
async fn mapped(
    parts: &mut Parts<'_>,
    names: &[Text],
    marks: Option<&Marks>,
    memory: &mut Memory,
    policy: &Policy,
    interest: Option<Interest>,
) -> Result<AllMapped, RunError> {
    let mapping = Mapping {
        script: parts.script.clone(),
        policy: Arc::new(policy.clone()),
        linked: Arc::new(memory.links.keys().cloned().collect()),
        interest,
    };
    let Some(marks) = marks.filter(|_| !memory.settled.is_empty()) else {
        let everybody: Vec<_> = names.iter().map(|name| (name.clone(), Whom::Everybody)).collect();
        return map_all(parts.mirror, &everybody, &mapping, parts.observer).await;
    };
    let unsettled = these(marks.unsettled(&memory.settled));
    let mut all = map_all(parts.mirror, &unsettled, &mapping, parts.observer).await?;
    let disturbed = settled::disturbed(&all.mapped, memory);
    for id in &disturbed {
        memory.settled.remove(id);
    }
    let more = map_all(parts.mirror, &these(disturbed), &mapping, &Silent).await?;
    all.mapped.extend(more.mapped);
    let place = |id: &RecordId| names.iter().position(|name| *name == id.directory);
    all.mapped.sort_by(|a, b| (place(a.id()), &a.id().native).cmp(&(place(b.id()), &b.id().native)));
    Ok(all)
}

/// Says what concerns the run as a whole, whatever its plan comes from.
fn remarks(prepared: &mut Prepared, job: &Job, options: &Options, now: Instant) {
    let plan = &mut prepared.plan;
    let told = |code| plan.diagnostics.iter().any(|diagnostic| diagnostic.code == code);
    let jumped = prepared.moment.warning().filter(|warning| !told(warning.code));
    plan.diagnostics.extend(jumped);
    plan.diagnostics.extend(expiring(job, now.0));
    plan.diagnostics.extend(options.accept.iter().map(|(name, figure)| may_pass(name, *figure)));
}

impl Prepared {
    /// Says of which directories only what changed was read. Two previews have the same plan, and not always this.
    pub(crate) fn partly<'a>(&'a self, job: &'a Job) -> impl Iterator<Item = Diagnostic> + 'a {
        self.moment.partly.iter().map(|(name, full)| {
            let last = at(job, full.0);
            let message = format!("of `{name}` only what changed was read; everything was read last before {last}");
            Diagnostic::note(codes::CHANGES_READ, message).hint(
                "what a directory does not tell as a change, such as a deletion in LDAP, is noticed when everything is \
                 read: once in `full_every`",
            )
        })
    }
}

/// Asks each directory which one it is.
pub(crate) async fn identities(sources: &mut [Source<'_>]) -> Result<Identities, RunError> {
    let mut identities = Identities::new();
    for source in sources {
        identities.insert(source.name.clone(), source.directory.identity().await?);
    }
    Ok(identities)
}

/// Reads every directory into the mirror and gives how many users it holds of each, and when those were read whole last of
/// which only what changed was read.
pub(crate) async fn pull_all(parts: &mut Parts<'_>) -> Result<BTreeMap<Text, Pulled>, RunError> {
    let mut pull = Pull {
        mirror: parts.mirror,
        now: parts.clock.now(),
        observer: parts.observer,
        cancel: parts.cancel,
        pulled: 0,
    };
    let mut all = BTreeMap::new();
    for source in &mut parts.directories {
        all.insert(source.name.clone(), pull.read(source).await?);
    }
    Ok(all)
}

/// Makes sure that what was mapped is what was read: another run may have read the directory in between.
async fn same_reading(mirror: &mut dyn Mirror, versions: &BTreeMap<Text, Text>) -> Result<(), RunError> {
    for (name, version) in versions {
        if mirror.version(name).await?.as_ref() != Some(version) {
            return Err(DirectoryError::Incomplete(OVERTAKEN.into()).into());
        }
    }
    Ok(())
}

/// Reads the whole phone system.
pub(crate) async fn standing_of(office: &dyn Office) -> Result<Standing, RunError> {
    let standing = office.read().await?;
    if !standing.unreached.is_empty() {
        let message = format!("these systems did not answer: {}", standing.unreached.join(", "));
        return Err(rollcall_edges::office::OfficeError::Unreachable { message, hint: None }.into());
    }
    Ok(standing)
}

/// Refuses a job that points to another directory or phone system than at its first sync.
pub(crate) fn same_ends(
    job: &Job,
    known: &JobState,
    directories: &Identities,
    office: &Text,
) -> Result<(), RunError> {
    let mut why = Vec::new();
    let rename = "point it back. To move its users: `rollcall links export`, `rollcall unlink` each, then another `name` and `rollcall \
         links import`; another `name` alone would make them a second time";
    for (name, directory) in directories {
        let Some(before) = known.directories.get(name).map(|known| &known.identity) else { continue };
        if before != directory {
            let message = format!(
                "the job `{}` is linked to the directory `{before}`, and now points to `{directory}`",
                job.name
            );
            let found = Diagnostic::error(codes::DIRECTORY_CHANGED, message)
                .path(&["directory", "settings"])
                .hint(rename);
            why.push(job.placed(name, found));
        }
    }
    if let Some(before) = known.office.as_ref().filter(|before| *before != office) {
        let message = format!(
            "the job `{}` is linked to the phone system `{before}`, and now points to `{office}`",
            job.name
        );
        why.push(Diagnostic::error(codes::OFFICE_CHANGED, message).path(&["phone_system"]).hint(rename));
    }
    if why.is_empty() { Ok(()) } else { Err(RunError::Refused(why)) }
}

/// Refuses a job that has links of a directory that it does not name: its users would be taken for leavers, and made a
/// second time where the directory has only got another name.
fn same_directory_names(job: &Job, memory: &Memory) -> Result<(), RunError> {
    let mut strange: BTreeMap<&Text, usize> = BTreeMap::new();
    for id in memory.links.keys().filter(|id| job.directory(&id.directory).is_none()) {
        *strange.entry(&id.directory).or_default() += 1;
    }
    let why: Vec<Diagnostic> = strange
        .into_iter()
        .map(|(name, users)| {
            let message = match job.directories.as_slice() {
                [only] if users == memory.links.len() => format!(
                    "the job's users come from the directory `{name}`, and it is now called `{}`",
                    only.name
                ),
                _ => format!("{users} of the job's users come from the directory `{name}`, and the job names no such directory"),
            };
            Diagnostic::error(codes::DIRECTORY_CHANGED, message).path(&["directory"]).hint(
                "give the directory its former name: `name` under [directory]; `rollcall unlink` lets a user go",
            )
        })
        .collect();
    if why.is_empty() { Ok(()) } else { Err(RunError::Refused(why)) }
}
