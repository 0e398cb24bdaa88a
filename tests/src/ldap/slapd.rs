//! OpenLDAP on two loopback ports, in a folder that goes with it.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::packages::{self, free_port, listens};
use super::people::SUFFIX;
use super::pki::{self, Certificate, Kind};

const PROGRAMS: [&str; 3] = ["/usr/sbin/slapd", "/usr/sbin/slapadd", "/usr/bin/ldapmodify"];
const PACKAGES: [&str; 2] = ["slapd", "ldap-utils"];

/// The password of `cn=admin`, who may everything.
pub const ADMIN: &str = "Admin~Secret.2ba7";

/// What a server is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What it holds, as LDIF.
    pub ldif: String,
    /// Its suffix.
    pub suffix: String,
    /// Its certificate.
    pub certificate: Kind,
    /// Further lines of the database: who may read what, and how much.
    pub database: String,
}

impl Setup {
    /// A server that everybody who signed in may read.
    pub fn new(ldif: impl Into<String>) -> Self {
        Self {
            ldif: ldif.into(),
            suffix: SUFFIX.to_owned(),
            certificate: Kind::Authority,
            database: "access to attrs=userPassword by anonymous auth by * none\naccess to * by users read\n"
                .to_owned(),
        }
    }

    /// The same with another certificate.
    #[must_use]
    pub fn certificate(mut self, kind: Kind) -> Self {
        self.certificate = kind;
        self
    }

    /// The same with other lines of the database.
    #[must_use]
    pub fn database(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.database);
        self
    }
}

/// A running server; it stops when this is dropped.
#[derive(Debug)]
pub struct Slapd {
    folder: TempDir,
    child: Child,
    suffix: String,
    /// The port of `ldap://` and StartTLS.
    pub plain: u16,
    /// The port of `ldaps://`.
    pub secure: u16,
    /// Its certificate.
    pub certificate: Certificate,
}

impl Slapd {
    /// Starts one; none where OpenLDAP is not to be had.
    pub fn start(setup: &Setup) -> Option<Self> {
        if !packages::available("OpenLDAP", &PROGRAMS, &PACKAGES) {
            return None;
        }
        let folder = TempDir::with_prefix("rollcall-slapd-").unwrap();
        let at = folder.path();
        std::fs::create_dir(at.join("db")).unwrap();
        let certificate = pki::make(setup.certificate, at);
        let shown = |path: &PathBuf| path.display().to_string();
        let configuration = format!(
            "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
             include /etc/ldap/schema/inetorgperson.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
             pidfile {0}/slapd.pid\nargsfile {0}/slapd.args\nTLSCertificateFile {1}\nTLSCertificateKeyFile {2}\n\
             loglevel stats\nsizelimit unlimited\n\
             database mdb\nsuffix {3}\nrootdn cn=admin,{3}\nrootpw {ADMIN}\ndirectory {0}/db\nmaxsize 1073741824\n\
             index objectClass eq\n{4}",
            at.display(),
            shown(&certificate.certificate),
            shown(&certificate.key),
            setup.suffix,
            setup.database,
        );
        std::fs::write(at.join("slapd.conf"), configuration).unwrap();
        std::fs::write(at.join("seed.ldif"), &setup.ldif).unwrap();
        let seeded = Command::new("/usr/sbin/slapadd")
            .args(["-q", "-f"])
            .arg(at.join("slapd.conf"))
            .arg("-l")
            .arg(at.join("seed.ldif"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&seeded.stderr);
        if !seeded.status.success() && said.contains("ermission denied") {
            packages::say(&format!(
                "skipped: OpenLDAP may not read the test's folder, for which AppArmor may be the reason: {said}"
            ));
            return None;
        }
        assert!(seeded.status.success(), "{said}");
        let (plain, secure) = (free_port(), free_port());
        let child = serve(&folder, plain, secure);
        Some(Self { folder, child, suffix: setup.suffix.clone(), plain, secure, certificate })
    }

    /// Gives the URL of the encrypted port.
    pub fn ldaps(&self) -> String {
        format!("ldaps://127.0.0.1:{}", self.secure)
    }

    /// Gives the URL of the port that begins in the clear.
    pub fn ldap(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.plain)
    }

    /// Changes entries, written as LDIF.
    pub fn modify(&self, ldif: &str) {
        let mut child = Command::new("/usr/bin/ldapmodify")
            .args(["-x", "-H", &self.ldap(), "-D", &format!("cn=admin,{}", self.suffix), "-w", ADMIN])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(ldif.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Gives how many searches were asked for so far.
    pub fn searches(&self) -> usize {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
        log.lines().filter(|line| line.contains(" SRCH base=")).count()
    }

    /// Stops it, so that nobody answers any more.
    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(folder: &TempDir, plain: u16, secure: u16) -> Child {
    let at = folder.path();
    let log = File::create(at.join("log")).unwrap();
    let mut child = Command::new("/usr/sbin/slapd")
        .arg("-f")
        .arg(at.join("slapd.conf"))
        .args(["-h", &format!("ldap://127.0.0.1:{plain}/ ldaps://127.0.0.1:{secure}/"), "-d", "stats"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    if !(listens(plain, &mut child) && listens(secure, &mut child)) {
        let log = std::fs::read_to_string(at.join("log")).unwrap_or_default();
        panic!("slapd does not start: {log}");
    }
    child
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.stop();
    }
}
