//! The command line: the only crate that prints or exits, and the one place where names meet adapters.
//!
//! [`main`] parses, dispatches to one command a file, and turns what came of it into an exit code.

#![forbid(unsafe_code)]

mod args;
mod bounded;
mod chance;
mod commands;
mod desk;
mod disabled;
mod exit;
mod failed;
mod failure;
mod offices;
mod output;
mod progress;
mod render;
mod report;
mod rules;
mod serve;
mod signals;
mod time;
mod view;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};
use crate::failure::Failure;
use crate::output::Output;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no mistakes; clap prints them to standard output.
            let code = if error.use_stderr() { exit::USAGE } else { exit::DONE };
            let _ = error.print();
            return code.into();
        }
    };
    let output = Output::new(&cli.global);
    logging(&cli);
    // Before there are threads: the limits of this child are the process's.
    if let Command::CompileComponent { cpu, memory } = cli.command {
        return commands::compile_component::run(&output, cpu, memory).into();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.say(&format!("error: no runtime: {error}"));
            return exit::ERROR.into();
        }
    };
    let result = runtime.block_on(dispatch(&cli, &output));
    // A file that is still being read in the background must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_millis(100));
    match result {
        Ok(code) => code.into(),
        Err(failure) => failure.report(&output).into(),
    }
}

async fn dispatch(cli: &Cli, output: &Output) -> Result<u8, Failure> {
    let global = &cli.global;
    match &cli.command {
        Command::Init { dir, from } => commands::init::run(output, dir, from.as_deref()),
        Command::Check(job) => commands::check::run(global, output, &job.job).await,
        Command::TestConnection(job) => commands::test_connection::run(global, output, &job.job).await,
        Command::Connector { command } => commands::connector::run(global, output, command).await,
        Command::Fields(job) => commands::fields::run(global, output, &job.job).await,
        Command::Preview(args) => commands::preview::run(global, output, args).await,
        Command::Sync(args) if args.plan.is_some() => commands::plans::apply(global, output, args).await,
        Command::Sync(args) => commands::sync::run(global, output, args).await,
        Command::Serve(args) => serve::run(global, output, args).await,
        Command::Explain { job, user } => commands::explain::run(global, output, job, user).await,
        Command::Runs(args) => commands::runs::list(global, output, args).await,
        Command::Show { run, all } if rollcall_state::Store::is_plan(std::path::Path::new(run)) => {
            commands::plans::show(global, output, std::path::Path::new(run), *all).await
        }
        Command::Show { run, .. } => commands::runs::show(global, output, run).await,
        Command::Resume(args) => commands::resume::run(global, output, args).await,
        Command::Link(args) => commands::links::link(global, output, args).await,
        Command::Unlink(args) => commands::links::unlink(global, output, args).await,
        Command::Links(args) => commands::links::run(global, output, args).await,
        Command::Undo(args) => commands::undo::run(global, output, args).await,
        Command::Reprovision(args) => commands::reprovision::run(global, output, args).await,
        Command::History { command } => commands::history::run(global, output, command).await,
        Command::RenameJob { old, new, wait } => {
            commands::rename_job::run(global, output, old, new, *wait).await
        }
        Command::Doctor { job } => commands::doctor::run(global, output, job.as_deref()).await,
        Command::Rules { command } => commands::rules::run(output, command),
        Command::Office { command } => commands::office::run(global, output, command).await,
        Command::Schema { what } => commands::support::schema(output, *what),
        Command::Completions { shell } => commands::support::completions(output, *shell),
        Command::Man => commands::support::man(output),
        Command::CompileComponent { cpu, memory } => {
            Ok(commands::compile_component::run(output, *cpu, *memory))
        }
    }
}

/// Sends logs to standard error: warnings by default, more with `-v`, only errors with `--quiet`.
fn logging(cli: &Cli) {
    use tracing_subscriber::filter::LevelFilter;
    let level = match (cli.global.quiet, cli.global.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, _) => LevelFilter::DEBUG,
    };
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(LevelFilter::ERROR.into())
        .parse_lossy(format!("rollcall={level},rollcall_net={level},rollcall_connectors={level},rollcall_office={level},rollcall_engine={level},rollcall_state={level}"));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .without_time()
        .try_init();
}
