//! `connector`: what partners need who write one, and operators who install one. A command a file.

mod inspect;
mod read;
mod test;

use crate::args::{ConnectorCommand, Global};
use crate::failure::Failure;
use crate::output::Output;

/// Runs the command.
pub(crate) async fn run(global: &Global, output: &Output, command: &ConnectorCommand) -> Result<u8, Failure> {
    match command {
        ConnectorCommand::Inspect { what } => inspect::inspect(output, what),
        ConnectorCommand::Run { job, limit } => read::read(global, output, &job.job, *limit).await,
        ConnectorCommand::Test(job) => test::test(global, output, &job.job).await,
    }
}
