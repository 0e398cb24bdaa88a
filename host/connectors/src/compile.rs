//! Compiling what is not ours: in a process of its own, with limits. A component can be made so that a compiler takes for
//! ever or all memory there is; then that process ends, and this one says so.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rollcall_core::{Diagnostic, codes};
use rollcall_edges::directory::DirectoryError;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use wasmtime::component::Component;

use crate::engine;
use crate::limits::{COMPILE_CPU, COMPILE_MEMORY_BYTES, COMPILE_WALL, COMPILED_BYTES, PACKAGE_BYTES};
use crate::words::tame;

/// The longest message of a child that is read, in bytes.
const MESSAGE_BYTES: u64 = 4_000;
/// How much of a message the child says, in bytes.
const MESSAGE_CHARS: usize = 2_000;

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

/// How much later than it is told to end the child is killed, in seconds of processor time.
#[cfg(unix)]
const CPU_GRACE_SECONDS: u64 = 5;

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
    // A message may quote what the component is full of.
    let code = compiled().map_err(|error| tame(&format!("{error:#}"), MESSAGE_CHARS))?;
    output.write_all(&code).and_then(|()| output.flush()).map_err(|error| error.to_string())
}

/// Bounds this process: memory, time, no file written, no process, no trace of what was in memory.
#[cfg(unix)]
fn confine(limits: CompileLimits) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    // At the first limit of time the kernel says that it was that; at the second it kills, as it does for other reasons.
    let cpu = limits.cpu.as_secs();
    for (resource, most, maximum) in [
        (Resource::As, limits.memory_bytes, limits.memory_bytes),
        (Resource::Cpu, cpu, cpu.saturating_add(CPU_GRACE_SECONDS)),
        (Resource::Core, 0, 0),
        (Resource::Fsize, 0, 0),
        (Resource::Nproc, 0, 0),
    ] {
        let limit = Rlimit { current: Some(most), maximum: Some(maximum) };
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
        let mut command = Command::new(&self.program);
        // A signal from the terminal is for the run, which ends its child itself.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command
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
        let exchange = async {
            let handed = async {
                // A child that ends early says why itself.
                let _ = input.write_all(component).await;
                drop(input);
            };
            let read =
                async { tokio::try_join!(bounded(output, COMPILED_BYTES), bounded(errors, MESSAGE_BYTES)) };
            let ((), read) = tokio::join!(handed, read);
            let (code, said) = read?;
            Ok::<_, std::io::Error>((child.wait().await?, code, said))
        };
        match tokio::time::timeout(wall, exchange).await {
            Err(_) => Err(refused(&format!("compiling it takes longer than {} seconds", wall.as_secs()))),
            Ok(Err(error)) => Err(broken(error)),
            Ok(Ok((_, code, _))) if code.len() as u64 > COMPILED_BYTES => {
                Err(refused(&format!("its machine code is larger than {} MiB", COMPILED_BYTES >> 20)))
            }
            Ok(Ok((status, code, _))) if status.success() => {
                tracing::debug!(bytes = code.len(), "a connector was compiled in a process of its own");
                Ok(code)
            }
            Ok(Ok((status, _, said))) => Err(ended(status, &String::from_utf8_lossy(&said))),
        }
    }
}

fn refused(why: &str) -> DirectoryError {
    let message = format!("the package cannot be used: {}", tame(why, 500));
    let diagnostic = Diagnostic::error(codes::CONNECTOR_INVALID, message);
    DirectoryError::Invalid(vec![diagnostic.hint("its author may build it smaller")])
}

/// Reads up to so many bytes, and one more where there are more; then nobody reads any longer, so that the child ends.
async fn bounded(pipe: impl AsyncRead + Unpin, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    pipe.take(most + 1).read_to_end(&mut bytes).await?;
    Ok(bytes)
}

/// Says why a child gave no code: its own word, which limit ended it, or that somebody did.
fn ended(status: ExitStatus, said: &str) -> DirectoryError {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        use rustix::process::Signal;
        let (seconds, mib) = (COMPILE_CPU.as_secs(), COMPILE_MEMORY_BYTES >> 20);
        return if signal == Signal::XCPU.as_raw() {
            refused(&format!("compiling it takes more than {seconds} seconds of processor time"))
        } else if signal == Signal::ABORT.as_raw() {
            refused(&format!("compiling it takes more than {mib} MiB of memory"))
        } else if [Signal::KILL, Signal::TERM, Signal::INT, Signal::HUP].map(Signal::as_raw).contains(&signal)
        {
            let message = format!(
                "the compiler of connectors was ended from outside (signal {signal}), as a machine without memory does"
            );
            DirectoryError::Transient { message, retry_after_ms: None }
        } else {
            refused(&format!("the compiler crashed over it (signal {signal})"))
        };
    }
    let said = said.trim();
    match said.is_empty() {
        true => refused(&format!("the compiler ended with {status}")),
        false => refused(said),
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
        // A child that says more than anybody reads ends all the same.
        check("head -c 300000 >&2; exit 1", patient, Err(&format!("{}…", "x".repeat(500)))).await;
        let child =
            ChildCompiler { program: "/bin/sh".into(), arguments: vec!["-c".into(), "kill -KILL $$".into()] };
        let ended = child.compile_within(b"x", patient).await;
        assert!(matches!(ended, Err(DirectoryError::Transient { .. })), "{ended:?}");
        check("exec sleep 60", Duration::from_secs(1), Err("compiling it takes longer than 1 seconds")).await;
    }
}
