//! The links' commands, as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{JobArg, duration};

/// The arguments of `link`.
#[derive(Debug, Args)]
pub(crate) struct LinkArgs {
    /// The job file.
    pub(crate) job: PathBuf,
    /// The directory user: user identification, name, extension, e-mail or login name.
    pub(crate) user: String,
    /// The phone user: name, extension or GUID.
    pub(crate) phone_user: String,
    /// Do not ask; without a terminal nobody is asked, for both are named.
    #[arg(long)]
    pub(crate) yes: bool,
    /// How long to wait while another run holds the job or its phone system: `90s`, `5m`.
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub(crate) wait: u64,
}

/// The arguments of `unlink`.
#[derive(Debug, Args)]
pub(crate) struct UnlinkArgs {
    /// The job file.
    pub(crate) job: PathBuf,
    /// The user: user identification, name, extension, e-mail or login name.
    pub(crate) user: String,
    /// How long to wait while another run holds the job or its phone system: `90s`, `5m`.
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub(crate) wait: u64,
}

/// The arguments of `links`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct LinksArgs {
    /// The job file.
    #[arg(default_value = "job.toml")]
    pub(crate) job: PathBuf,
    /// What to do with the links; they are listed without it.
    #[command(subcommand)]
    pub(crate) command: Option<LinksCommand>,
}

/// The commands under `links`.
#[derive(Debug, Subcommand)]
pub(crate) enum LinksCommand {
    /// Lists the links of a job.
    List(JobArg),
    /// Prints the links of a job, to keep or to import into another state.
    Export {
        /// The job file.
        #[arg(default_value = "job.toml")]
        job: PathBuf,
        /// The form; by default what the file's name says, else CSV.
        #[arg(long, value_enum)]
        format: Option<LinksFormat>,
        /// Write to this file instead of standard output.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Ties many users at once: all lines of a file, or none.
    Import(LinksImportArgs),
}

/// The forms of `links export`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LinksFormat {
    /// A heading and a line a link; cells that look like formulas begin with an apostrophe.
    Csv,
    /// A JSON object a line.
    Jsonl,
}

/// The arguments of `links import`.
#[derive(Debug, Args)]
pub(crate) struct LinksImportArgs {
    /// The job file.
    pub(crate) job: PathBuf,
    /// A file as `links export` writes it. `id` or `user_identification` and `guid`, `name` or `extension` are enough.
    pub(crate) file: PathBuf,
    /// Do not ask. Where nobody can be asked, the list is only shown without it (64).
    #[arg(long)]
    pub(crate) yes: bool,
    /// How long to wait while another run holds the job or its phone system: `90s`, `5m`.
    #[arg(long, default_value = "60s", value_parser = duration)]
    pub(crate) wait: u64,
}
