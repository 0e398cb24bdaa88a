//! Handing the codes of new users over: to a file that its owner alone can read, or to a command.

mod command;
mod file;

use std::path::Path;

use rollcall_core::{Field, Secret};
use rollcall_edges::handover::{HandoverError, NewUser};
use serde::Serialize;

pub use command::HandoverCommand;
pub use file::HandoverFile;

/// The line of a user, in the contract's words, and behind them who it is and which run made it when. What the user was
/// made without is null.
#[derive(Serialize)]
struct Line<'a> {
    name: Option<&'a str>,
    full_name: Option<&'a str>,
    email: Option<&'a str>,
    extension: Option<&'a str>,
    system: &'a str,
    login_code: Option<&'a str>,
    voicemail_code: Option<&'a str>,
    user_identification: &'a str,
    run: &'a str,
    time: &'a str,
}

/// Writes a user as one line with its line break. It holds codes: nobody else than the one who takes it over may see it.
fn line(user: &NewUser) -> Result<Secret, HandoverError> {
    let code = |field| user.code(field).map(Secret::expose);
    let line = Line {
        name: user.text(Field::Name),
        full_name: user.text(Field::FullName),
        email: user.text(Field::Email),
        extension: user.text(Field::Extension),
        system: &user.system,
        login_code: code(Field::LoginCode),
        voicemail_code: code(Field::VoicemailCode),
        user_identification: &user.key,
        run: &user.run,
        time: &user.time,
    };
    serde_json::to_string(&line)
        .map(|text| Secret::new(text + "\n"))
        .map_err(|error| failed(format!("a user cannot be written as JSON: {error}"), "report this"))
}

fn failed(message: impl Into<String>, hint: impl Into<String>) -> HandoverError {
    HandoverError { message: message.into(), hint: hint.into() }
}

/// Says what is wrong with a path.
fn unusable(what: &str, path: &Path, why: &std::io::Error) -> HandoverError {
    failed(
        format!("codes cannot be handed over: {what} `{}`: {why}", path.display()),
        "check the path under [handover], its permissions and the free space",
    )
}
