//! Getting the credential that a reference names. The only place of this crate that holds one; no message repeats it.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rollcall_core::{Diagnostic, Secret, Text, codes};

use crate::job::{Credential, CredentialSource};
use crate::limits::{COMMAND_MS_MAX, COMMAND_POLL_MS, CREDENTIAL_BYTES_MAX};
use crate::load::reason;

/// Gets a credential. Blocks while a command runs, for a minute at most.
///
/// # Errors
/// [`codes::CREDENTIAL_MISSING`] with what was looked for and why it gives nothing; never the credential.
pub fn resolve(credential: &Credential) -> Result<Secret, Diagnostic> {
    resolve_in(credential, &|name| std::env::var_os(name))
}

/// Gets a credential that is there without running anything; none where it is not there, or not yet.
pub fn at_hand(credential: &Credential) -> Option<Secret> {
    match credential.source {
        CredentialSource::Command(_) | CredentialSource::Keyring(_) => None,
        CredentialSource::Env(_) | CredentialSource::File(_) | CredentialSource::Systemd(_) => {
            resolve(credential).ok()
        }
    }
}

fn resolve_in(
    credential: &Credential,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Secret, Diagnostic> {
    match &credential.source {
        CredentialSource::Env(name) => match environment(name) {
            Some(value) => {
                let text = value.into_string().map_err(|_| {
                    missing(format!("the environment variable `{name}` is not UTF-8"), "set it to plain text")
                })?;
                given(text, &format!("the environment variable `{name}`"))
            }
            None => {
                let message = format!("the environment variable `{name}` is not set");
                Err(missing(message, format!("set it: `export {name}=…`")))
            }
        },
        CredentialSource::File(path) => file(path, "the file"),
        CredentialSource::Systemd(name) => match environment("CREDENTIALS_DIRECTORY") {
            Some(folder) => file(&Path::new(&folder).join(&**name), "the systemd credential"),
            None => Err(missing(
                format!("there is no systemd credential `{name}`: `CREDENTIALS_DIRECTORY` is not set"),
                format!("start the service with `LoadCredential={name}:PATH`"),
            )),
        },
        CredentialSource::Command(words) => command(words, Duration::from_millis(COMMAND_MS_MAX)),
        CredentialSource::Keyring(name) => Err(missing(
            format!("this build reads no keyring, so `{name}` is not found"),
            "use `{ command = [\"secret-tool\", \"lookup\", …] }`, `{ env = … }` or `{ file = … }`",
        )),
    }
}

fn missing(message: String, hint: impl Into<String>) -> Diagnostic {
    Diagnostic::error(codes::CREDENTIAL_MISSING, message).hint(hint)
}

/// Drops one line break at the end and refuses emptiness.
fn given(text: String, what: &str) -> Result<Secret, Diagnostic> {
    let bare = text.strip_suffix('\n').map_or(&*text, |line| line.strip_suffix('\r').unwrap_or(line));
    if bare.is_empty() {
        return Err(missing(format!("{what} is empty"), "put the credential there"));
    }
    if bare.contains('\0') {
        return Err(missing(format!("{what} holds a zero byte"), "put plain text there"));
    }
    Ok(Secret::new(bare))
}

fn file(path: &Path, kind: &str) -> Result<Secret, Diagnostic> {
    let what = format!("{kind} `{}`", path.display());
    let failed = |why: &io::Error| {
        let message = format!("{what} cannot be read: {}", reason(why));
        missing(message, "make the file, readable by the user that runs this and by nobody else")
    };
    let open = std::fs::File::open(path).map_err(|why| failed(&why))?;
    given(bounded(open, &what, failed)?, &what)
}

/// Reads a source that must not be large.
fn bounded(
    source: impl Read,
    what: &str,
    failed: impl Fn(&io::Error) -> Diagnostic,
) -> Result<String, Diagnostic> {
    let mut bytes = Vec::new();
    source.take(CREDENTIAL_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|why| failed(&why))?;
    if bytes.len() as u64 > CREDENTIAL_BYTES_MAX {
        let message = format!("{what} gives more than {CREDENTIAL_BYTES_MAX} bytes");
        return Err(missing(message, "put the credential alone there"));
    }
    String::from_utf8(bytes).map_err(|_| missing(format!("{what} is not UTF-8"), "put plain text there"))
}

/// Runs a command and takes its standard output. Its standard error goes where ours goes, so that it can ask and
/// complain; its arguments stay out of messages, for they may tell more than they should.
fn command(words: &[Text], longest: Duration) -> Result<Secret, Diagnostic> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(missing("the credential's command names no program".into(), "write the program first"));
    };
    let what = format!("the command `{program}`");
    let failed = |why: &io::Error| {
        missing(
            format!("{what} cannot be run: {}", reason(why)),
            "look at the program's path and permissions",
        )
    };
    let mut child = Command::new(&**program)
        .args(arguments.iter().map(|word| &**word))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|why| failed(&why))?;
    let output = child.stdout.take();
    let (tell, told) = std::sync::mpsc::channel();
    let name = what.clone();
    std::thread::spawn(move || {
        let unread = |why: &io::Error| {
            missing(format!("the output of {name} cannot be read: {}", reason(why)), "run it by hand")
        };
        let text = output.map(|pipe| bounded(pipe, &name, unread)).unwrap_or_else(|| Ok(String::new()));
        // Nobody listens any more where the command took too long.
        let _ = tell.send(text);
    });
    let text = told.recv_timeout(longest);
    let text = match text {
        Ok(text) => text,
        Err(_) => {
            end(&mut child);
            return Err(missing(
                format!("{what} gave nothing for {} seconds", longest.as_secs()),
                "run it by hand: does it ask for something?",
            ));
        }
    };
    let status = wait(&mut child, longest).map_err(|why| failed(&why))?;
    match status {
        Some(status) if status.success() => given(text?, &format!("the output of {what}")),
        Some(status) => {
            let code = status.code().map_or_else(|| "by a signal".to_owned(), |code| format!("with {code}"));
            Err(missing(format!("{what} ended {code}"), "run it by hand to see why"))
        }
        None => Err(missing(format!("{what} does not end"), "run it by hand to see why")),
    }
}

/// Waits for the end of a command that has closed its output; ends it where that takes too long.
fn wait(child: &mut std::process::Child, longest: Duration) -> io::Result<Option<std::process::ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() > longest {
            end(child);
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(COMMAND_POLL_MS));
    }
}

fn end(child: &mut std::process::Child) {
    // It may have ended by itself in the meantime, which is as good.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: CredentialSource, expect: Result<&str, &str>) {
        let environment = |name: &str| match name {
            "GOOD" => Some(OsString::from("hunter2")),
            "LINE" => Some(OsString::from("hunter2\r\n")),
            "EMPTY" => Some(OsString::from("\n")),
            _ => None,
        };
        let found = resolve_in(&Credential { source, expires: None }, &environment);
        match (found, expect) {
            (Ok(secret), Ok(text)) => assert_eq!(secret.expose(), text),
            (Err(why), Err(text)) => {
                assert_eq!(why.message, text);
                assert!(!format!("{why:?}").contains("hunter2"));
            }
            (found, expect) => panic!("{found:?} is not {expect:?}"),
        }
    }

    fn words(words: &[&str]) -> CredentialSource {
        CredentialSource::Command(words.iter().map(|word| Text::from(*word)).collect())
    }

    #[test]
    fn environment() {
        check(CredentialSource::Env("GOOD".into()), Ok("hunter2"));
        check(CredentialSource::Env("LINE".into()), Ok("hunter2"));
        check(CredentialSource::Env("EMPTY".into()), Err("the environment variable `EMPTY` is empty"));
        check(CredentialSource::Env("NONE".into()), Err("the environment variable `NONE` is not set"));
        check(
            CredentialSource::Systemd("x".into()),
            Err("there is no systemd credential `x`: `CREDENTIALS_DIRECTORY` is not set"),
        );
        check(CredentialSource::Keyring("x".into()), Err("this build reads no keyring, so `x` is not found"));
    }

    #[test]
    fn files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "hunter2\n").unwrap();
        check(CredentialSource::File(path.clone()), Ok("hunter2"));
        std::fs::write(&path, "h".repeat(70_000)).unwrap();
        let message = format!("the file `{}` gives more than 65536 bytes", path.display());
        check(CredentialSource::File(path), Err(&message));
        let none = folder.path().join("none");
        let message = format!("the file `{}` cannot be read: there is no such file", none.display());
        check(CredentialSource::File(none), Err(&message));
    }

    #[cfg(unix)]
    #[test]
    fn commands() {
        check(words(&["sh", "-c", "echo hunter2"]), Ok("hunter2"));
        check(words(&["sh", "-c", "echo hunter2; exit 3"]), Err("the command `sh` ended with 3"));
        check(words(&["true"]), Err("the output of the command `true` is empty"));
        check(
            words(&["/nowhere/at/all"]),
            Err("the command `/nowhere/at/all` cannot be run: there is no such file"),
        );
        let slow = command(&["sleep".into(), "20".into()], Duration::from_millis(50));
        assert!(slow.unwrap_err().message.contains("gave nothing"));
    }
}
