//! A run in a straight line: pull, map, match, provision, diff, plan, guard, apply, verify.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rollcall_core::guard::guard;
use rollcall_core::memory::Memory;
use rollcall_core::phone::Standing;
use rollcall_core::plan::{Action, Plan, Reading, plan};
use rollcall_core::policy::Policy;
use rollcall_core::script::Script;
use rollcall_core::witness::{Nobody, Step, Witness};
use rollcall_core::{Diagnostic, Record, RecordId, Text, codes, map::Mapped};
use rollcall_edges::clock::{Clock, Instant};
use rollcall_edges::directory::DirectoryError;
use rollcall_edges::office::Office;
use rollcall_edges::state::{Identities, JobState, KnownDirectory, Mirror, Passed, State, Steady};
use rollcall_job::expiry::expiring;
use rollcall_job::job::Job;

use crate::attributes::{self, References};
use crate::delete_now::end_grace;
use crate::drawing::Codes;
use crate::durations::{Durations, Watch};
use crate::error::RunError;
use crate::execute::{Begun, Behind, Confirm, Order, Render, Writer};
use crate::mapping::{AllMapped, Interest, Mapping, map_all};
use crate::observe::{Cancel, Event, Observer};
use crate::pull::{Pull, Source};
use crate::recall::{Moment, recall};
use crate::report::Report;
use crate::scope::digests;
use crate::steady::{self, Ground};
use crate::undo::again;

/// What a run works with.
pub struct Parts<'a> {
    /// The job.
    pub job: &'a Job,
    /// Its expressions and rules.
    pub script: Arc<dyn Script>,
    /// The attributes that they name.
    pub references: &'a References,
    /// The files of `[rules] files` with their text, in order.
    pub rule_files: &'a [(Text, Text)],
    /// The directories, in the order of the job.
    pub directories: Vec<Source<'a>>,
    /// The phone system.
    pub office: &'a dyn Office,
    /// The directory's mirror.
    pub mirror: &'a mut dyn Mirror,
    /// Ledger and journal.
    pub state: &'a dyn State,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Who watches.
    pub observer: &'a dyn Observer,
    /// Who may ask to stop.
    pub cancel: &'a Cancel,
    /// Where random codes come from and go.
    pub codes: Codes<'a>,
}

impl<'a> Parts<'a> {
    /// Gives what writing needs.
    pub(crate) fn writer(&self, render: Render<'a>) -> Writer<'a> {
        Writer {
            job: self.job,
            office: self.office,
            state: self.state,
            clock: self.clock,
            observer: self.observer,
            cancel: self.cancel,
            codes: self.codes,
            render,
        }
    }
}

/// What one run may do otherwise.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Guards that this run may pass, each with the exact figure.
    pub accept: BTreeMap<Text, usize>,
    /// How long to wait for another run, in milliseconds.
    pub wait_ms: u64,
    /// Whether nobody looks on: the run is one of a schedule.
    pub scheduled: bool,
    /// The leaver whose grace is ended, as somebody named it.
    pub delete_now: Option<Text>,
    /// Whether somebody wants to see everybody, those of whom nothing changes included.
    pub list_all: bool,
}

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

/// What a preview gives: its report, and what a plan file must know besides.
#[derive(Debug)]
pub struct Previewed {
    /// The report.
    pub report: Report,
    /// The directories' identities.
    pub directories: Identities,
    /// The phone system's identity.
    pub office: Text,
    /// Leavers that are deleted although no sync has recorded their absence.
    pub ended: BTreeSet<RecordId>,
}

/// Makes the plan, shows what the guard says of it, and changes nothing.
///
/// # Errors
/// Whatever keeps the plan from being made; see [`RunError`].
pub async fn preview(parts: Parts<'_>, options: &Options) -> Result<Previewed, RunError> {
    let job = parts.job.name.clone();
    let prepared = prepare(parts, options, None, &mut Nobody).await?;
    let refusals = guard(&prepared.plan, &prepared.policy.limits, &prepared.memory, &options.accept).err();
    let missed = |id| prepared.memory.links.get(id).is_some_and(|link| link.missing.is_some());
    let deletes = prepared.plan.changes.iter().filter(|change| change.action == Action::Delete);
    let ended = deletes.map(|change| &change.id).filter(|id| !missed(id)).cloned().collect();
    Ok(Previewed {
        report: Report::new(job, prepared.plan, refusals.unwrap_or_default()),
        directories: prepared.directories,
        office: prepared.office,
        ended,
    })
}

/// Makes the plan, asks `confirm`, and applies it. `None`: somebody said no, and nothing was applied.
///
/// What an interrupted run left open is found out first.
///
/// # Errors
/// Whatever keeps the plan from being made or the journal from being written; see [`RunError`].
pub async fn sync<'a>(
    parts: Parts<'a>,
    options: &Options,
    confirm: Confirm<'_>,
    render: Render<'a>,
) -> Result<Option<Report>, RunError> {
    let writer = parts.writer(render);
    let Begun { lease, found, .. } = writer.begin(options.wait_ms).await?;
    if options.scheduled
        && let Some(hold) = writer.state.job(&writer.job.name).await?.held
    {
        // An undo had the lease while this run waited for it.
        let message = format!("the job is held: {}", hold.why);
        let why = Diagnostic::error(codes::JOB_HELD, message)
            .hint("a `rollcall sync` by hand lets the schedule go on");
        return Err(RunError::Refused(vec![why]));
    }
    let mut prepared = prepare(parts, options, None, &mut Nobody).await?;
    prepared.plan.diagnostics.extend(found);
    crate::grace::counted(&mut prepared, writer.job, &options.accept);
    let (passed, steady) = (passed(&prepared), prepared.steady.take());
    let order = Order {
        kind: "sync",
        plan: prepared.plan,
        standing: &prepared.standing,
        memory: prepared.memory,
        limits: &prepared.policy.limits,
        accept: &options.accept,
        reading: Behind::Run(passed),
        durations: prepared.durations,
    };
    let report = writer.execute(&*lease, order, confirm).await?;
    let passed = report.as_ref().is_some_and(|report| report.refusals.is_empty());
    if passed && !options.scheduled {
        writer.state.hold(&writer.job.name, None).await?;
    }
    if passed {
        writer.state.settle_down(&writer.job.name, steady.as_ref()).await?;
    }
    Ok(report)
}

/// Steps 1 to 6. `interest` says whose records a witness wants to see.
pub(crate) async fn prepare(
    mut parts: Parts<'_>,
    options: &Options,
    interest: Option<Interest>,
    witness: &mut (dyn Witness + Send),
) -> Result<Prepared, RunError> {
    let job = parts.job;
    let known = parts.state.job(&job.name).await?;
    let directories = identities(&mut parts.directories).await?;
    let office_id = parts.office.identity().await?;
    same_ends(job, &known, &directories, &office_id)?;
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
    let users = pull_all(&mut parts).await?;
    durations.pull = watch.lap();
    let connectors = parts.directories.iter().map(|source| &*source.connector);
    let digests = digests(job, connectors, parts.rule_files);
    let moment = Moment::look(parts.state, parts.clock, &known, &office_id, digests).await?;
    parts.observer.event(Event::Reading);
    let policy = Policy {
        abilities: parts.office.abilities().await?,
        attended: !options.scheduled,
        ..job.policy.clone()
    };
    let reading = Reading { complete: true, users };
    // Whoever is named, or wants to see somebody, is told of them by a plan.
    let plain = interest.is_none() && options.delete_now.is_none() && !options.list_all;
    let ground =
        Ground { job, state: parts.state, office: &office_id, moment: &moment, scheduled: options.scheduled };
    let digest = match plain {
        true => ground.digest(parts.mirror, &directories).await?,
        false => None,
    };
    let (version, read) = match parts.office.version().await? {
        Some(version) => (version, None),
        None => {
            let standing = standing_of(parts.office).await?;
            (steady::stands(&standing), Some(standing))
        }
    };
    durations.read = watch.lap();
    let inputs = digest.map(|digest| steady::with(digest, &version));
    let last = parts.state.steady(&job.name).await?;
    let last = last.filter(|last| Some(&last.inputs) == inputs.as_ref() && last.users == reading.users);
    let mut prepared = match last {
        Some(last) => Prepared {
            plan: steady::again(&last),
            standing: read.unwrap_or_default(),
            memory: Memory { baseline: known.baseline(), ..Memory::default() },
            policy,
            moment,
            directories,
            office: office_id,
            seen: Vec::new(),
            durations,
            steady: Some(last),
        },
        None => {
            let window_ms = job.policy.limits.window(options.scheduled);
            let ends = (&directories, &*office_id);
            let mut memory = recall(parts.state, job, &known, ends, &moment, window_ms).await?;
            same_directory_names(job, &memory)?;
            let all = mapped(&mut parts, &memory, &policy, interest, &reading).await?;
            for (record, mapped) in &all.seen {
                witness.saw(Step::Pulled(record));
                witness.saw(Step::Mapped(mapped));
            }
            durations.map = watch.lap();
            let standing = match read {
                Some(standing) => standing,
                None => standing_of(parts.office).await?,
            };
            durations.read += watch.lap();
            if let Some(wanted) = &options.delete_now {
                end_grace(wanted, &all.mapped, &standing, &mut memory, policy.delete)?;
            }
            let plan = plan(all.mapped, reading, &standing, &memory, &*parts.script, &policy, witness);
            durations.plan = watch.lap();
            let steady = inputs.and_then(|inputs| steady::note(&plan, inputs));
            Prepared {
                plan,
                standing,
                memory,
                policy,
                moment,
                directories,
                office: office_id,
                seen: all.seen,
                durations,
                steady,
            }
        }
    };
    let Parts { state, office, clock, .. } = parts;
    prepared.plan.diagnostics.extend(office.warnings().await?);
    prepared.plan.diagnostics.extend(again(state, &known, &prepared.plan).await?);
    remarks(&mut prepared, job, options, clock.now());
    Ok(prepared)
}

/// Maps everybody whom the mirror has.
async fn mapped(
    parts: &mut Parts<'_>,
    memory: &Memory,
    policy: &Policy,
    interest: Option<Interest>,
    reading: &Reading,
) -> Result<AllMapped, RunError> {
    let mapping = Mapping {
        script: parts.script.clone(),
        policy: Arc::new(policy.clone()),
        linked: Arc::new(memory.links.keys().cloned().collect()),
        interest,
    };
    let names: Vec<Text> = parts.directories.iter().map(|source| source.name.clone()).collect();
    let all = map_all(parts.mirror, &names, &mapping, parts.observer).await?;
    if all.mapped.len() != reading.total() {
        let message = format!(
            "{} users were read, and {} stand in the mirror: another reading came between",
            reading.total(),
            all.mapped.len()
        );
        return Err(DirectoryError::Incomplete(message).into());
    }
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

/// Asks each directory which one it is.
pub(crate) async fn identities(sources: &mut [Source<'_>]) -> Result<Identities, RunError> {
    let mut identities = Identities::new();
    for source in sources {
        identities.insert(source.name.clone(), source.directory.identity().await?);
    }
    Ok(identities)
}

/// Reads every directory into the mirror and gives how many users it holds of each.
pub(crate) async fn pull_all(parts: &mut Parts<'_>) -> Result<BTreeMap<Text, usize>, RunError> {
    let mut pull = Pull {
        mirror: parts.mirror,
        now: parts.clock.now(),
        observer: parts.observer,
        cancel: parts.cancel,
        pulled: 0,
    };
    let mut users = BTreeMap::new();
    for source in &mut parts.directories {
        users.insert(source.name.clone(), pull.read(source).await?);
    }
    Ok(users)
}

/// Says that a run may pass a guard.
pub(crate) fn may_pass(guard: &str, figure: usize) -> Diagnostic {
    let message = format!("this run may pass the guard `{guard}` with exactly {figure}");
    Diagnostic::note(codes::GUARD_ACCEPTED, message)
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
    let rename =
        "give the job another `name`, or point it back; links belong to one directory and one phone system";
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

fn passed(prepared: &Prepared) -> Passed {
    let moment = &prepared.moment;
    Passed {
        directories: prepared
            .plan
            .reading
            .users
            .iter()
            .map(|(name, users)| {
                let identity = prepared.directories.get(name).cloned().unwrap_or_default();
                (
                    name.clone(),
                    KnownDirectory { identity, baseline: Some(u32::try_from(*users).unwrap_or(u32::MAX)) },
                )
            })
            .collect(),
        office: prepared.office.clone(),
        parts: moment.digests.clone(),
        tick: moment.tick.clone(),
        jump_ms: moment.jump_ms,
        office_jump_ms: moment.office_jump_ms,
        missing: prepared.plan.missing.clone(),
        present: prepared.plan.present.clone(),
    }
}
