//! The arguments of `connector`.

use std::path::PathBuf;

use clap::Subcommand;

use super::JobArg;

/// The commands under `connector`.
#[derive(Debug, Subcommand)]
pub(crate) enum ConnectorCommand {
    /// Says what a connector is, what it asks for and why, and which settings it takes. Nothing of it is run.
    Inspect {
        /// A component (`.wasm`), a package (`.rollcall`), or the name of a bundled or installed connector.
        #[arg(value_name = "FILE or NAME")]
        what: PathBuf,
    },
    /// Prints the records that a reading gives, and what the reading used. Nothing is written anywhere.
    Run {
        /// The job file.
        #[command(flatten)]
        job: JobArg,
        /// Stop after so many records of each directory.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        limit: Option<u64>,
    },
    /// Tries what must hold for every connector against the directories that a job names: whole, repeated and small-paged
    /// readings, and bad answers that are made up on the way. Nothing is written anywhere.
    Test(JobArg),
}
