//! The command line, as typed.

mod connector;
mod history;
mod links;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use connector::{ConnectorCommand, FixtureArgs, InstallArgs, Language, TrustCommand};
pub(crate) use history::{ExportFormat, HistoryCommand, RunsArgs, When};
pub(crate) use links::{LinkArgs, LinksArgs, LinksCommand, LinksFormat, LinksImportArgs, UnlinkArgs};

/// Keeps the users of an Avaya IP Office telephone solution in step with a directory.
#[derive(Debug, Parser)]
#[command(name = "rollcall", version, propagate_version = true, max_term_width = 100, after_help = AFTER)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// What every command understands.
    #[command(flatten)]
    pub(crate) global: Global,
}

const AFTER: &str = "\
Exit codes: 0 done · 1 error · 2 changes pending (--detailed-exitcode) · 3 some failed or were skipped
with errors · 4 credentials refused or missing · 5 guard refused · 6 plan is stale · 11 another run holds the job
· 12 job or rules invalid · 13 directory unreachable or incomplete · 14 phone system unreachable or
incomplete · 64 wrong usage · 130/143 interrupted";

/// What every command understands.
#[derive(Clone, Debug, Args)]
pub(crate) struct Global {
    /// Print JSON on standard output; everything else goes to standard error.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Where links, history and caches are kept [default: $ROLLCALL_STATE, else $XDG_STATE_HOME/rollcall]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Run only with connectors that `rollcall.lock` beside the job file pins.
    #[arg(long, global = true)]
    pub(crate) locked: bool,
    /// When to colour.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Say only what went wrong.
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Say more; twice: much more.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Makes a job to start from: one that runs as it stands, or one for a directory.
    Init {
        /// The folder to make it in.
        #[arg(default_value = ".")]
        dir: PathBuf,
        /// Make a commented job for this connector (`csv`, `entra`, `google`, `ldap`, `okta`, `scim`).
        #[arg(long, value_name = "CONNECTOR")]
        from: Option<String>,
    },
    /// Validates job, rules, templates and connector without the network.
    Check(JobArg),
    /// Reaches and signs in to both ends, counts, and names what is missing.
    TestConnection(JobArg),
    /// Lists the directory's attributes with types, sample values and how many users have each.
    Fields(JobArg),
    /// Shows what a sync would do, and changes nothing (Preview Results).
    Preview(PreviewArgs),
    /// Applies the directory's changes to the phone system (Synchronize).
    Sync(SyncArgs),
    /// Runs jobs on their schedules, in one process; a slot that was missed while down runs once.
    Serve(ServeJobsArgs),
    /// Shows one user's whole way: attributes, fields, rule and why, plan, history.
    Explain {
        /// The job file.
        job: PathBuf,
        /// User identification, name, extension, e-mail or login name.
        user: String,
    },
    /// Lists runs, the latest first.
    Runs(RunsArgs),
    /// Shows one run, or a plan file.
    Show {
        /// The run's id or an unambiguous beginning of it; or a plan file's path.
        #[arg(value_name = "RUN or PLAN")]
        run: String,
        /// List a plan's unchanged users too.
        #[arg(long)]
        all: bool,
    },
    /// Finishes the plan of an interrupted run.
    Resume(ResumeArgs),
    /// Ties a directory user to a phone user that stands already. Nothing is written to the phone user.
    Link(LinkArgs),
    /// Lets a phone user go: the job no longer owns it, and it stays as it stands.
    Unlink(UnlinkArgs),
    /// Lists, exports and imports who is tied to whom.
    Links(LinksArgs),
    /// Plans the inverse of a run, field by field, and applies it; the job is then held until a sync by hand.
    Undo(UndoArgs),
    /// Moves a user whose rule, system, template or extension type would be others today: a delete and a create.
    Reprovision(ReprovisionArgs),
    /// Exports the history, forgets what is old, or erases a person from it.
    History {
        /// What to do with it.
        #[command(subcommand)]
        command: HistoryCommand,
    },
    /// Gives a job another name; its links, history and clocks go with it.
    RenameJob {
        /// The name that the job had.
        old: String,
        /// The new name, or the job file that has it already.
        new: String,
        /// How long to wait while a run holds the job: `90s`, `5m`.
        #[arg(long, default_value = "60s", value_parser = duration)]
        wait: u64,
    },
    /// Looks after the state, the clock and, with a job, both ends; each finding comes with what to do.
    Doctor {
        /// A job file: reach both ends and look at their certificates too.
        job: Option<PathBuf>,
    },
    /// Connectors: to write, try, pack, sign and install one.
    Connector {
        /// What to do with it.
        #[command(subcommand)]
        command: ConnectorCommand,
    },
    /// Tests provisioning rules and field expressions.
    Rules {
        /// What to do with them.
        #[command(subcommand)]
        command: RulesCommand,
    },
    /// The embedded phone system.
    Office {
        /// What to do with it.
        #[command(subcommand)]
        command: OfficeCommand,
    },
    /// Prints the JSON Schema of a file format.
    Schema {
        /// Which format.
        #[arg(value_enum)]
        what: SchemaOf,
    },
    /// Prints a completion script for a shell.
    Completions {
        /// Which shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Prints the manual page.
    Man,
    /// Compiles a component from standard input to standard output, for a `rollcall` that has started this one.
    #[command(hide = true)]
    CompileComponent {
        /// The processor time that it may take, in seconds.
        #[arg(long, value_name = "SECONDS")]
        cpu: Option<u64>,
        /// The address space that it may take, in MiB.
        #[arg(long, value_name = "MIB")]
        memory: Option<u64>,
    },
}

/// A job file.
#[derive(Clone, Debug, Args)]
pub(crate) struct JobArg {
    /// The job file.
    #[arg(default_value = "job.toml")]
    pub(crate) job: PathBuf,
}

/// The arguments of `preview`.
#[derive(Debug, Args)]
pub(crate) struct PreviewArgs {
    /// The job file.
    #[command(flatten)]
    pub(crate) job: JobArg,
    /// List unchanged users too.
    #[arg(long)]
    pub(crate) all: bool,
    /// Write the plan to a file, for `sync --plan`.
    #[arg(long, value_name = "PLAN")]
    pub(crate) out: Option<PathBuf>,
    /// End with 2 where changes are pending.
    #[arg(long)]
    pub(crate) detailed_exitcode: bool,
    /// What both commands understand.
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// The arguments of `sync`.
#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// The job file [default: job.toml, or the one that the plan names]
    pub(crate) job: Option<PathBuf>,
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Apply exactly this plan, which `preview --out` wrote; nobody is asked.
    #[arg(long, value_name = "PLAN", conflicts_with_all = ["record", "delete_now"])]
    pub(crate) plan: Option<PathBuf>,
    /// How old the plan may be, at most 30d: `90m`, `24h`, `7d`.
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = max_age, requires = "plan")]
    pub(crate) max_age: u64,
    /// List unchanged users too.
    #[arg(long)]
    pub(crate) all: bool,
    /// How long to wait while another run holds the job or its phone system: `90s`, `5m`.
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub(crate) wait: u64,
    /// What both commands understand.
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// The arguments of `resume`.
#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    /// The run's id, or an unambiguous beginning of it.
    pub(crate) run: String,
    /// The job file, where it is no longer where it was.
    #[arg(long)]
    pub(crate) job: Option<PathBuf>,
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
    /// How long to wait while another run holds the job or its phone system: `90s`, `5m`.
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub(crate) wait: u64,
}

/// The arguments of `undo`.
#[derive(Debug, Args)]
pub(crate) struct UndoArgs {
    /// The run's id, or an unambiguous beginning of it.
    pub(crate) run: String,
    /// The job file, where it is no longer the one that the run was started with.
    #[arg(long, value_name = "FILE")]
    pub(crate) job: Option<PathBuf>,
    /// How the plan is applied.
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

/// The arguments of `reprovision`.
#[derive(Debug, Args)]
pub(crate) struct ReprovisionArgs {
    /// The job file.
    pub(crate) job: PathBuf,
    /// User identification, name, extension, e-mail or login name.
    pub(crate) user: String,
    /// How the plan is applied.
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

/// What commands understand that make a plan of their own.
#[derive(Debug, Args)]
pub(crate) struct ChangeArgs {
    /// Write the plan to a file instead of applying it; `sync --plan` applies it.
    #[arg(long, value_name = "PLAN")]
    pub(crate) out: Option<PathBuf>,
    /// Do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Let this run pass a guard with exactly this figure: `max_delete=42`. Repeatable.
    #[arg(long, value_name = "GUARD=N", value_parser = accept)]
    pub(crate) accept: Vec<(String, usize)>,
    /// How long to wait while another run holds the job or its phone system: `90s`, `5m`.
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub(crate) wait: u64,
}

impl ChangeArgs {
    /// Gives what the command line says of the run.
    pub(crate) fn options(&self) -> rollcall_engine::Options {
        let accept = self.accept.iter().map(|(name, figure)| (name.as_str().into(), *figure)).collect();
        rollcall_engine::Options { accept, wait_ms: self.wait, ..rollcall_engine::Options::default() }
    }
}

/// What `preview` and `sync` both understand.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Let this run pass a guard with exactly this figure: `max_delete=42`. Repeatable.
    #[arg(long, value_name = "GUARD=N", value_parser = accept)]
    pub(crate) accept: Vec<(String, usize)>,
    /// End one leaver's grace: user identification, name, extension or e-mail.
    #[arg(long, value_name = "USER")]
    pub(crate) delete_now: Option<String>,
    /// Record the directory's traffic, without secrets, for replay.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
}

/// The arguments of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeJobsArgs {
    /// Job files; or folders: their `*.toml` with `name` and `[schedule]`, and the `job.toml` of each folder below.
    #[arg(default_value = "job.toml", value_name = "JOB or FOLDER")]
    pub(crate) jobs: Vec<PathBuf>,
    /// Answer `/healthz` and `/metrics` here, on this machine alone; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", value_parser = crate::serve::listen::address)]
    pub(crate) listen: Option<std::net::SocketAddr>,
    /// After how many failed slots in a row `/healthz` answers 503.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) unhealthy_after: u32,
}

/// The commands under `rules`.
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Runs `*.test.toml` files and reports which rules and branches no test reached.
    Test {
        /// A job file, a test file, or a folder.
        #[arg(default_value = ".")]
        path: PathBuf,
    },
}

/// The commands under `office`.
#[derive(Debug, Subcommand)]
pub(crate) enum OfficeCommand {
    /// Makes an embedded office.
    Init {
        /// The file to make.
        office: PathBuf,
        /// Systems, users, groups and templates to begin with.
        #[arg(long, value_name = "OFFICE.TOML")]
        from: Option<PathBuf>,
    },
    /// Lists the users.
    Users {
        /// An embedded office, or a job file (a real IP Office then).
        office: PathBuf,
        /// Show login and voicemail codes.
        #[arg(long)]
        reveal: bool,
        /// Only users that no job owns.
        #[arg(long)]
        unlinked: bool,
    },
    /// Adds systems, users, groups and templates to an embedded office.
    Import {
        /// The embedded office.
        office: PathBuf,
        /// An office file.
        from: PathBuf,
    },
    /// Prints an embedded office as an office file.
    Export {
        /// The embedded office.
        office: PathBuf,
        /// Print login and voicemail codes too.
        #[arg(long)]
        reveal: bool,
    },
    /// Serves an embedded office as a Management API over HTTPS.
    Serve(ServeArgs),
    /// Prints a user template made from a user.
    Template {
        /// An embedded office, or a job file.
        office: PathBuf,
        /// `from-user NAME`.
        #[command(subcommand)]
        command: TemplateCommand,
    },
    /// Compares two user exports of Web Manager, before and after an update through the Management API.
    Compare {
        /// The export before.
        before: PathBuf,
        /// The export after.
        after: PathBuf,
        /// Record the proof for the phone system of this job file.
        #[arg(long, value_name = "JOB")]
        prove: Option<PathBuf>,
    },
}

/// The commands under `office template`.
#[derive(Debug, Subcommand)]
pub(crate) enum TemplateCommand {
    /// Takes everything that is no person's own from a user.
    FromUser {
        /// The user's Name.
        user: String,
        /// The template's name; the user's by default.
        #[arg(long)]
        name: Option<String>,
    },
}

/// The arguments of `office serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// The embedded office.
    pub(crate) office: PathBuf,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:7070")]
    pub(crate) listen: String,
    /// The service user; its password comes from ROLLCALL_OFFICE_PASSWORD.
    #[arg(long)]
    pub(crate) username: String,
    /// Test modes, such as `omitted=clear`, `hide=TwinnedMobileNumber`, `if-match=ignore`. Repeatable.
    #[arg(long = "mode", value_name = "MODE")]
    pub(crate) modes: Vec<String>,
}

/// The formats that `schema` knows.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SchemaOf {
    /// The job file.
    Job,
}

fn accept(text: &str) -> Result<(String, usize), String> {
    const GUARDS: [&str; 6] =
        ["max_delete", "max_create", "max_update", "max_clear", "min_directory", "vanished"];
    let (name, figure) = text.split_once('=').ok_or("write it as `max_delete=42`")?;
    // Of several directories each has its own.
    let directory = name.strip_prefix("min_directory.").is_some_and(|directory| !directory.is_empty());
    if !GUARDS.contains(&name) && !directory {
        let guards = GUARDS.join(", ");
        return Err(format!("the guards are {guards}, and `min_directory.NAME` of several directories"));
    }
    let figure = figure.parse().map_err(|_| format!("`{figure}` is no number"))?;
    if figure == 0 && name.starts_with("min_directory") {
        return Err("an empty reading never passes".to_owned());
    }
    Ok((name.to_owned(), figure))
}

/// Reads the greatest age of a plan in milliseconds: the state keeps a plan's codes no longer than 30 days.
fn max_age(text: &str) -> Result<u64, String> {
    const MOST_MS: u64 = 30 * 86_400_000;
    duration(text).and_then(|age| if age > MOST_MS { Err("at most 30d".to_owned()) } else { Ok(age) })
}

/// Reads a duration in milliseconds.
fn duration(text: &str) -> Result<u64, String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number: u64 =
        text[..text.len() - unit.len()].parse().map_err(|_| format!("`{text}` is no duration"))?;
    let factor = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(format!("`{unit}` is no unit: s, m, h or d")),
    };
    number.checked_mul(factor).ok_or_else(|| "too long".to_owned())
}
