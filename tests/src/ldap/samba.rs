//! Samba as an Active Directory domain controller on loopback. Its ports are fixed, so there is one at a time.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::packages::{self, listens, say};
use super::pki::{self, Certificate, Kind};

const PROGRAMS: [&str; 4] =
    ["/usr/sbin/samba", "/usr/bin/samba-tool", "/usr/bin/ldapmodify", "/usr/bin/ldbsearch"];
const PACKAGES: [&str; 6] =
    ["samba", "samba-ad-dc", "samba-ad-provision", "winbind", "ldb-tools", "ldap-utils"];

/// The domain.
pub const BASE: &str = "DC=ad,DC=example,DC=test";
/// The administrator's password.
pub const ADMIN: &str = "Passw0rd!Canary7";

/// A running domain controller; it stops when this is dropped.
#[derive(Debug)]
pub struct Samba {
    folder: TempDir,
    child: Child,
    /// Its certificate.
    pub certificate: Certificate,
}

impl Samba {
    /// Provisions and starts one; none where Samba is not to be had, or its ports are taken.
    pub fn start() -> Option<Self> {
        if !packages::available("Samba", &PROGRAMS, &PACKAGES) {
            return None;
        }
        for port in [389, 636, 3268, 3269] {
            if let Err(error) = TcpListener::bind(("127.0.0.1", port)) {
                say(&format!(
                    "skipped: Samba needs root and the port {port} of 127.0.0.1, and there is: {error}"
                ));
                return None;
            }
        }
        let folder = TempDir::with_prefix("rollcall-samba-").unwrap();
        let at = folder.path().join("d");
        let provisioned = Command::new("/usr/bin/samba-tool")
            .args(["domain", "provision", "--realm=AD.EXAMPLE.TEST", "--domain=ADTEST", "--server-role=dc"])
            .args(["--dns-backend=NONE", "--host-name=dc1", "--host-ip=127.0.0.1"])
            .args(["--option=interfaces=lo", "--option=bind interfaces only=yes"])
            .arg(format!("--adminpass={ADMIN}"))
            .arg(format!("--targetdir={}", at.display()))
            .output()
            .unwrap();
        assert!(provisioned.status.success(), "{}", String::from_utf8_lossy(&provisioned.stderr));
        for name in ["run", "ncalrpc", "lock", "tls"] {
            std::fs::create_dir_all(at.join(name)).unwrap();
        }
        let certificate = pki::make(Kind::Authority, &at.join("tls"));
        std::fs::write(at.join("etc/smb.conf"), configuration(&at, &certificate)).unwrap();
        let log = File::create(at.join("out.log")).unwrap();
        let mut child = Command::new("/usr/sbin/samba")
            .arg("-s")
            .arg(at.join("etc/smb.conf"))
            .args(["-i", "--no-process-group", "-M", "single"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        if !listens(636, &mut child) {
            panic!(
                "Samba does not start: {}",
                std::fs::read_to_string(at.join("out.log")).unwrap_or_default()
            );
        }
        Some(Self { folder, child, certificate })
    }

    /// Runs `samba-tool` with its configuration.
    pub fn tool(&self, arguments: &[&str]) {
        let output = Command::new("/usr/bin/samba-tool")
            .args(arguments)
            .arg("-s")
            .arg(self.folder.path().join("d/etc/smb.conf"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Changes entries, written as LDIF.
    pub fn modify(&self, ldif: &str) {
        use std::io::Write as _;
        let mut child = Command::new("/usr/bin/ldapmodify")
            .args(["-x", "-H", "ldaps://127.0.0.1", "-D", "administrator@ad.example.test", "-w", ADMIN])
            .env("LDAPTLS_CACERT", &self.certificate.authority)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(ldif.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Samba {
    fn drop(&mut self) {
        // It passes the signal on to what it has started, and would leave that behind if it was killed.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn configuration(at: &Path, certificate: &Certificate) -> String {
    let at = at.display();
    format!(
        "[global]\nnetbios name = DC1\nrealm = AD.EXAMPLE.TEST\nworkgroup = ADTEST\n\
         server role = active directory domain controller\nserver services = ldap\ninterfaces = lo\n\
         bind interfaces only = Yes\nprivate dir = {at}/private\nstate directory = {at}/state\n\
         cache directory = {at}/cache\nlock directory = {at}/lock\npid directory = {at}/run\n\
         ncalrpc dir = {at}/ncalrpc\nbinddns dir = {at}/bind-dns\ntls enabled = yes\ntls keyfile = {}\n\
         tls certfile = {}\ntls cafile = {}\nlog file = {at}/log.%m\nmax log size = 1000\n",
        certificate.key.display(),
        certificate.certificate.display(),
        certificate.authority.display(),
    )
}
