//! A command that takes one JSON line on its standard input and says with 0 that it has it.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rollcall_core::{Secret, Text};
use rollcall_edges::handover::{Handover, HandoverError, NewUser};

use super::{failed, line};
use crate::limits::{HANDOVER_MS_MAX, HANDOVER_POLL_MS};

/// Hands users over to a command.
#[derive(Debug)]
pub struct HandoverCommand {
    words: Vec<Text>,
    longest: Duration,
}

impl HandoverCommand {
    /// Takes the program and its arguments. Nothing is run yet.
    pub const fn new(words: Vec<Text>) -> Self {
        Self { words, longest: Duration::from_millis(HANDOVER_MS_MAX) }
    }

    /// Gives it less time.
    #[must_use]
    pub const fn within(mut self, longest: Duration) -> Self {
        self.longest = longest;
        self
    }
}

#[async_trait]
impl Handover for HandoverCommand {
    async fn ready(&self) -> Result<(), HandoverError> {
        let program = self.words.first().map(|word| &**word).unwrap_or_default();
        let paths = std::env::var_os("PATH").unwrap_or_default();
        if found(program, &paths) {
            return Ok(());
        }
        let message = format!("codes cannot be handed over: there is no program `{program}` that can be run");
        Err(failed(message, "check the program's path and permissions under [handover]"))
    }

    async fn give(&self, user: &NewUser, _: bool) -> Result<(), HandoverError> {
        let (line, words, longest) = (line(user)?, self.words.clone(), self.longest);
        let run = tokio::task::spawn_blocking(move || run(&words, &line, longest)).await;
        run.unwrap_or_else(|error| Err(failed(format!("the handover's command broke off: {error}"), HINT)))
    }
}

const HINT: &str = "run it by hand with a line of JSON on its standard input";

fn found(program: &str, paths: &OsStr) -> bool {
    let runs = |path: &Path| {
        std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        return runs(Path::new(program));
    }
    !program.is_empty() && std::env::split_paths(paths).any(|folder: PathBuf| runs(&folder.join(program)))
}

/// Runs the command to its end. Its standard output is nobody's; its standard error goes where ours goes. It is a
/// process group of its own, so that a Ctrl-C for us does not cut it off in the middle of a user.
fn run(words: &[Text], line: &Secret, longest: Duration) -> Result<(), HandoverError> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(failed("the handover's command names no program", "write the program first"));
    };
    let what = format!("the handover's command `{program}`");
    let child = Command::new(&**program)
        .args(arguments.iter().map(|word| &**word))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn();
    let mut child = child.map_err(|why| {
        failed(format!("{what} cannot be run: {why}"), "look at the program's path and permissions")
    })?;
    if let Some(mut input) = child.stdin.take() {
        let line = line.clone();
        // A command that does not read must not hold us up. It may also end without reading; its status decides.
        std::thread::spawn(move || _ = input.write_all(line.expose().as_bytes()));
    }
    let status = wait(&mut child, longest).map_err(|why| failed(format!("{what}: {why}"), HINT))?;
    match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => {
            let how = status.code().map_or("by a signal".to_owned(), |code| format!("with {code}"));
            Err(failed(format!("{what} ended {how}"), HINT))
        }
        None => {
            Err(failed(format!("{what} did not end within {} s and was stopped", longest.as_secs()), HINT))
        }
    }
}

fn wait(child: &mut Child, longest: Duration) -> io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() > longest {
            // It may have ended by itself in the meantime, which is as good.
            let _ = child.kill();
            let _ = child.wait();
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(HANDOVER_POLL_MS));
    }
}
