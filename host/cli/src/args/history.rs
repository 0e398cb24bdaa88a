//! The history's commands, as typed.

use clap::{Args, Subcommand, ValueEnum};

use super::duration;

/// The arguments of `runs`.
#[derive(Debug, Args)]
pub(crate) struct RunsArgs {
    /// Only the runs of this job: its file or its name.
    pub(crate) job: Option<String>,
    /// The same.
    #[arg(long = "job", value_name = "JOB", conflicts_with = "job")]
    pub(crate) of: Option<String>,
    /// Only runs since then: `2026-11-01`, `2026-11-01T08:00:00Z`, or `7d` ago.
    #[arg(long, value_name = "WHEN", value_parser = when)]
    pub(crate) since: Option<When>,
    /// Only runs that ended with this exit code.
    #[arg(long, value_name = "CODE")]
    pub(crate) exit: Option<i32>,
    /// How many.
    #[arg(long, default_value_t = 20)]
    pub(crate) limit: u32,
}

/// The commands under `history`.
#[derive(Debug, Subcommand)]
pub(crate) enum HistoryCommand {
    /// Prints every change of every run; formulas are disarmed and codes hidden.
    Export {
        /// Only this job's: its file or its name.
        job: Option<String>,
        /// In which form.
        #[arg(long, value_enum, default_value_t = ExportFormat::Csv)]
        format: ExportFormat,
        /// Only runs since then: `2026-11-01`, `2026-11-01T08:00:00Z`, or `7d` ago.
        #[arg(long, value_name = "WHEN", value_parser = when)]
        since: Option<When>,
        /// Only runs before then, likewise.
        #[arg(long, value_name = "WHEN", value_parser = when)]
        until: Option<When>,
    },
    /// Forgets runs that are older than 180 days; every sync does so at its end.
    Prune {
        /// Another age: `30d`.
        #[arg(long, value_name = "AGE", value_parser = duration)]
        older_than: Option<u64>,
    },
    /// Erases a person whom no job owns any more; the audit chain still verifies.
    Erase {
        /// User identification, immutable id, name, extension or e-mail.
        user: String,
        /// Only in this job: its file or its name.
        #[arg(long, value_name = "JOB")]
        job: Option<String>,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        /// How long to wait while a run holds the job: `90s`, `5m`.
        #[arg(long, default_value = "60s", value_parser = duration)]
        wait: u64,
    },
}

/// The forms of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One row a change, with a head.
    Csv,
    /// One document.
    Json,
}

/// A time, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Milliseconds since 1970.
    At(i64),
    /// So many milliseconds ago.
    Ago(u64),
}

/// Reads a time: a day, an instant, or an age.
fn when(text: &str) -> Result<When, String> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(When::At(at.as_millisecond()));
    }
    if let Ok(day) = text.parse::<jiff::civil::Date>() {
        let start =
            format!("{day}T00:00:00Z").parse::<jiff::Timestamp>().map_err(|error| error.to_string())?;
        return Ok(When::At(start.as_millisecond()));
    }
    duration(text).map(When::Ago).map_err(|_| {
        format!("`{text}` is no time: write 2026-11-01, 2026-11-01T08:00:00Z, or an age such as 7d")
    })
}
