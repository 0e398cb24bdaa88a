//! Compiling what is not ours: in a process of its own, with limits. A component can be made so that a compiler takes for
//! ever or all memory there is; then that process ends, and this one says so.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rollcall_core::{Diagnostic, codes};
use rollcall_edges::directory::DirectoryError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use wasmtime::component::Component;

use crate::engine;
use crate::limits::{COMPILE_CPU, COMPILE_MEMORY_BYTES, COMPILE_WALL, COMPILED_BYTES, PACKAGE_BYTES};
use crate::words::tame;

/// The longest message of a child that is read, in bytes.
const MESSAGE_BYTES: u64 = 4_000;

/// A program that compiles: it calls [`compile`] with its standard input and output, and fails where that does.
#[derive(Clone, Debug)]
pub struct ChildCompiler {
    /// The program.
    pub program: PathBuf,
    /// What tells it to compile.
    pub arguments: Vec<OsString>,
}

/// How far a compilation may go.
#[derive(Clone, Copy, Debug)]
pub struct CompileLimits {
    /// Time on the processor.
    pub cpu: Duration,
    /// Address space, in bytes.
    pub memory_bytes: u64,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { cpu: COMPILE_CPU, memory_bytes: COMPILE_MEMORY_BYTES }
    }
}

/// Compiles the component from `input` and writes the machine code to `output`. The limits are this **process's** from
/// then on; where it goes beyond them, the kernel ends it.
///
/// # Errors
///
/// Gives what is wrong with the component, as one clause.
pub fn compile(limits: CompileLimits, input: impl Read, mut output: impl Write) -> Result<(), String> {
    confine(limits)?;
    let mut bytes = Vec::new();
    input.take(PACKAGE_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let compiled = || Component::from_binary(&engine::make()?, &bytes)?.serialize();
    let code = compiled().map_err(|error| format!("{error:#}"))?;
    output.write_all(&code).and_then(|()| output.flush()).map_err(|error| error.to_string())
}

/// Bounds this process: memory, time, no file written, no process, no trace of what was in memory.
#[cfg(unix)]
fn confine(limits: CompileLimits) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    for (resource, most) in [
        (Resource::As, limits.memory_bytes),
        (Resource::Cpu, limits.cpu.as_secs()),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
        (Resource::Nproc, 0),
    ] {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit)
            .map_err(|error| format!("the limits of the compiler cannot be set: {error}"))?;
    }
    Ok(())
}

/// Elsewhere the wall time alone bounds it.
#[cfg(not(unix))]
fn confine(_: CompileLimits) -> Result<(), String> {
    Ok(())
}

impl ChildCompiler {
    /// Lets the child compile a component, and gives the machine code.
    pub(crate) async fn compile(&self, component: &[u8]) -> Result<Vec<u8>, DirectoryError> {
        self.compile_within(component, COMPILE_WALL).await
    }

    async fn compile_within(&self, component: &[u8], wall: Duration) -> Result<Vec<u8>, DirectoryError> {
        let broken = |error: std::io::Error| {
            DirectoryError::Permanent(format!("the compiler of connectors cannot be started: {error}"))
        };
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(broken)?;
        let (Some(mut input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(broken(std::io::Error::other("no pipe")));
        };
        let (mut code, mut said) = (Vec::new(), Vec::new());
        let (mut output, mut errors) = (output.take(COMPILED_BYTES + 1), errors.take(MESSAGE_BYTES));
        let exchange = async {
            let handed = async {
                // A child that ends early says why itself.
                let _ = input.write_all(component).await;
                drop(input);
            };
            let read =
                async { tokio::try_join!(output.read_to_end(&mut code), errors.read_to_end(&mut said)) };
            let ((), read) = tokio::join!(handed, read);
            read?;
            child.wait().await
        };
        match tokio::time::timeout(wall, exchange).await {
            Err(_) => Err(refused(&format!("compiling it takes longer than {} seconds", wall.as_secs()))),
            Ok(Err(error)) => Err(broken(error)),
            Ok(Ok(status)) if status.success() && code.len() as u64 <= COMPILED_BYTES => {
                tracing::debug!(bytes = code.len(), "a connector was compiled in a process of its own");
                Ok(code)
            }
            Ok(Ok(status)) => Err(refused(&why(status, &String::from_utf8_lossy(&said)))),
        }
    }
}

fn refused(why: &str) -> DirectoryError {
    let message = format!("the package cannot be used: {}", tame(why, 500));
    let diagnostic = Diagnostic::error(codes::CONNECTOR_INVALID, message);
    DirectoryError::Invalid(vec![diagnostic.hint("its author may build it smaller")])
}

/// Says why a child gave no code: its own word, or which limit ended it.
fn why(status: ExitStatus, said: &str) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        use rustix::process::Signal;
        let (seconds, mib) = (COMPILE_CPU.as_secs(), COMPILE_MEMORY_BYTES >> 20);
        return if [Signal::XCPU, Signal::KILL].map(Signal::as_raw).contains(&signal) {
            format!("compiling it takes more than {seconds} seconds of processor time")
        } else if signal == Signal::ABORT.as_raw() {
            format!("compiling it takes more than {mib} MiB of memory")
        } else {
            format!("the compiler crashed over it (signal {signal})")
        };
    }
    let said = said.trim();
    match said.is_empty() {
        true => format!("the compiler ended with {status}"),
        false => said.to_owned(),
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    async fn check(script: &str, wall: Duration, expect: Result<&[u8], &str>) {
        let child = ChildCompiler { program: "/bin/sh".into(), arguments: vec!["-c".into(), script.into()] };
        let component = vec![b'x'; 1 << 20];
        match (child.compile_within(&component, wall).await, expect) {
            (Ok(code), Ok(expect)) => assert_eq!(code, expect),
            (Err(DirectoryError::Invalid(wrong)), Err(expect)) => {
                assert_eq!(wrong[0].message, format!("the package cannot be used: {expect}"));
            }
            (got, expect) => panic!("{script}: {got:?} instead of {expect:?}"),
        }
    }

    #[tokio::test]
    async fn however_the_child_ends_it_is_an_answer() {
        let patient = Duration::from_secs(20);
        check("head -c 3", patient, Ok(b"xxx")).await;
        check("printf 'no \\033[31mcomponent' >&2; exit 1", patient, Err("no  [31mcomponent")).await;
        check("exit 9", patient, Err("the compiler ended with exit status: 9")).await;
        check("kill -XCPU $$", patient, Err("compiling it takes more than 120 seconds of processor time"))
            .await;
        check("kill -ABRT $$", patient, Err("compiling it takes more than 3072 MiB of memory")).await;
        check("kill -SEGV $$", patient, Err("the compiler crashed over it (signal 11)")).await;
        check("exec sleep 60", Duration::from_secs(1), Err("compiling it takes longer than 1 seconds")).await;
    }
}
