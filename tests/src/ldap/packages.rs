//! Programs that a test needs and a machine may lack.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// One at a time: the package manager locks itself.
static INSTALLING: Mutex<()> = Mutex::new(());

/// Tells whether a server's programs are there.
///
/// As root on Debian, where nothing starts daemons by itself (a container), missing packages are installed. Elsewhere a
/// sentence says what is missing and the test counts as skipped. `ROLLCALL_SKIP_SERVERS=1` skips without a try.
pub fn available(what: &str, programs: &[&str], packages: &[&str]) -> bool {
    if std::env::var_os("ROLLCALL_SKIP_SERVERS").is_some_and(|value| value == "1") {
        say(&format!("skipped: `ROLLCALL_SKIP_SERVERS=1` leaves out the tests against {what}"));
        return false;
    }
    let guard = INSTALLING.lock();
    if !present(programs) && may_install() {
        say(&format!("{what} is missing; installing {}", packages.join(" ")));
        for arguments in
            [vec!["update", "-qq"], [&["install", "-y", "-qq", "--no-install-recommends"], packages].concat()]
        {
            let _ = Command::new("apt-get")
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
    }
    drop(guard);
    if present(programs) {
        return true;
    }
    say(&format!(
        "skipped: {what} is missing, type `apt-get install --no-install-recommends {}`",
        packages.join(" ")
    ));
    false
}

/// Says something that a test's captured output would hide.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn present(programs: &[&str]) -> bool {
    programs.iter().all(|program| Path::new(program).exists())
}

fn may_install() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    root && Path::new("/etc/debian_version").exists() && !Path::new("/run/systemd/system").exists()
}

/// Finds a free loopback port.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits until something listens on a loopback port; false where it does not come about.
pub fn listens(port: u16, child: &mut std::process::Child) -> bool {
    for _ in 0..600 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return true;
        }
        if child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return false;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    false
}
