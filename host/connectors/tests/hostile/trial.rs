//! What is asked of every hostile guest.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rollcall_connectors::{ConnectSpec, Package};
use rollcall_core::Text;
use rollcall_edges::directory::{Directory, DirectoryError};
use tokio::sync::{Mutex, MutexGuard};

use crate::bench::{host, hostile, misbehaving, read};

/// The longest that the host may be busy with one of them; the limits that are tried are of a second.
const TIME: Duration = Duration::from_secs(20);

/// How much the process may grow by beyond the memory that the guest may have, in MiB: its compiled code, the one copy
/// of its answer, and what the allocator keeps.
const BESIDE_MIB: u64 = 64;

/// Lets one test of this binary run at a time.
pub(crate) async fn alone() -> MutexGuard<'static, ()> {
    static ALONE: OnceLock<Mutex<()>> = OnceLock::new();
    ALONE.get_or_init(Mutex::default).lock().await
}

/// Which class an error has.
pub(crate) fn class(error: &DirectoryError) -> &'static str {
    match error {
        DirectoryError::Transient { .. } => "transient",
        DirectoryError::Denied { .. } => "denied",
        DirectoryError::Invalid(_) => "invalid",
        DirectoryError::TokenExpired => "token expired",
        DirectoryError::Refused(_) => "refused",
        DirectoryError::Untrusted { .. } => "untrusted",
        DirectoryError::Incomplete(_) => "incomplete",
        DirectoryError::Permanent(_) => "permanent",
    }
}

pub(crate) fn limit(spec: &mut ConnectSpec, name: &str, value: u64) {
    spec.limits.insert(Text::from(name), value);
}

/// The most memory that this process has held since the last `reset`, and what it holds, in MiB.
#[cfg(target_os = "linux")]
fn resident() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
    };
    (of("VmHWM:"), of("VmRSS:"))
}

/// Lets the most that was held begin anew; false where the kernel does not.
#[cfg(target_os = "linux")]
fn reset() -> bool {
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

/// Elsewhere nothing tells what a process holds; time and class are held all the same.
#[cfg(not(target_os = "linux"))]
fn resident() -> (u64, u64) {
    (0, 0)
}

#[cfg(not(target_os = "linux"))]
fn reset() -> bool {
    false
}

/// Reads from a guest that must fail so: class, part of the message; `grows`: what the process may grow by besides what
/// it may always, in MiB. Then reads from one that behaves.
pub(crate) async fn fails(package: &Package, spec: &ConnectSpec, grows: u64, expect: (&str, &str)) {
    let _alone = alone().await;
    let host = host();
    let reading = async |package: &Package, spec: &ConnectSpec| {
        let mut connector = host.connect(package, spec).await?;
        let mut listing = connector.open(None).await?;
        loop {
            match listing.next().await {
                Ok(page) if page.end.is_some() => return Ok(()),
                Ok(_) => {}
                Err(error) => {
                    // What broke is dead: the host never calls into it again.
                    let again = listing.next().await.expect_err("a dead listing gave a page");
                    assert_eq!(again.to_string(), "the listing has ended already");
                    return Err(error);
                }
            }
        }
    };
    // What is compiled once and kept is not the guest's doing.
    let behaves = misbehaving("well");
    reading(&hostile(), &behaves).await.unwrap();
    let measures = reset();
    let (_, before) = resident();
    let began = Instant::now();
    let error = reading(package, spec).await.expect_err("it went well");
    let took = began.elapsed();
    let (most, _) = resident();
    let message = error.to_string();
    assert_eq!(class(&error), expect.0, "{message}");
    assert!(message.contains(expect.1), "`{message}` has no `{}`", expect.1);
    assert!(!message.chars().any(char::is_control), "{message:?}");
    assert!(took < TIME, "{message}: it took {took:?}");
    let grew = most.saturating_sub(before);
    assert!(!measures || grew <= grows + BESIDE_MIB, "{message}: the process grew by {grew} MiB");
    // The next guest is served as if nothing had happened.
    let mut other = host.connect(&hostile(), &behaves).await.unwrap();
    assert_eq!(read(&mut other).await.unwrap().len(), 3, "after {message}");
}
