//! `connector`: what partners need who write one, and operators who install one. A command a file.

mod build;
mod files;
mod fixture;
mod given;
mod inspect;
mod install;
mod pack;
mod project;
mod read;
mod stale;
mod test;
mod trust;

use crate::args::{ConnectorCommand, Global};
use crate::failure::Failure;
use crate::output::Output;

/// Runs the command.
pub(crate) async fn run(global: &Global, output: &Output, command: &ConnectorCommand) -> Result<u8, Failure> {
    match command {
        ConnectorCommand::New { name, dir, lang } => project::new(output, name, dir.as_deref(), *lang),
        ConnectorCommand::Build { dir } => build::build(output, dir),
        ConnectorCommand::Inspect { what } => inspect::inspect(global, output, what),
        ConnectorCommand::Run { job, limit } => read::read(global, output, &job.job, *limit).await,
        ConnectorCommand::Pack { component, out, license } => {
            pack::pack(output, component, out, license.as_deref())
        }
        ConnectorCommand::Keygen { name } => pack::keygen(output, name),
        ConnectorCommand::Sign { package, key } => pack::sign(output, package, key),
        ConnectorCommand::Verify { package, key } => pack::verify(global, output, package, key.as_deref()),
        ConnectorCommand::Trust { command } => trust::run(global, output, command),
        ConnectorCommand::Install(args) => install::install(global, output, args, false).await,
        ConnectorCommand::Update(args) => install::install(global, output, args, true).await,
        ConnectorCommand::List => install::list(global, output),
        ConnectorCommand::Remove { name } => install::remove(global, output, name),
        ConnectorCommand::Lock(job) => install::lock(global, output, &job.job),
        ConnectorCommand::Fixture(args) => fixture::fixture(global, output, args).await,
        ConnectorCommand::Test(job) => test::test(global, output, &job.job).await,
    }
}
