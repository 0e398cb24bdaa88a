//! `schema`, `completions` and `man`: what the command line says of itself.

use clap::CommandFactory;

use crate::args::{Cli, SchemaOf};
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::json;

/// Prints a JSON Schema.
pub(crate) fn schema(output: &Output, what: SchemaOf) -> Result<u8, Failure> {
    match what {
        SchemaOf::Job => output.payload(&json::write(&rollcall_job::schema())),
    }
    Ok(exit::DONE)
}

/// Prints a completion script.
pub(crate) fn completions(output: &Output, shell: clap_complete::Shell) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "rollcall", &mut script);
    output.payload(&String::from_utf8_lossy(&script));
    Ok(exit::DONE)
}

/// Prints the manual page.
pub(crate) fn man(output: &Output) -> Result<u8, Failure> {
    let mut page = Vec::new();
    let written = clap_mangen::Man::new(Cli::command()).render(&mut page);
    written.map_err(|error| Failure::new(exit::ERROR, rollcall_core::codes::FILE, error.to_string()))?;
    output.payload(&String::from_utf8_lossy(&page));
    Ok(exit::DONE)
}
