//! `scim2-server` from PyPI, an implementation of SCIM that is not ours, in a virtual environment below `target`.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What is installed, with cursor paging.
const PACKAGE: &str = "scim2-server[cursor]==0.8.3";
/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `scim2-server`; it stops when it is dropped.
#[derive(Debug)]
pub struct Reference {
    child: Child,
    address: SocketAddr,
    token: String,
}

impl Reference {
    /// Installs it below a folder where that was not done before, and starts it.
    ///
    /// # Errors
    /// What is missing on this machine: Python, pip, or the network.
    pub fn start(below: &Path, token: &str, config: &Value) -> Result<Self, String> {
        let home = below.join("scim2-server-0.8.3");
        let program = home.join("bin/scim2-server");
        if !program.exists() {
            run(Command::new("python3").args(["-m", "venv"]).arg(&home), "python3 with venv")?;
            let pip = home.join("bin/pip");
            run(
                Command::new(pip).args(["install", "--quiet", "--disable-pip-version-check", PACKAGE]),
                PACKAGE,
            )?;
        }
        let about = below.join("scim2-server-config.json");
        std::fs::write(&about, config.to_string()).map_err(|error| error.to_string())?;
        // Free a moment ago; it takes no socket that is open already.
        let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        drop(listener);
        let child = Command::new(program)
            .args(["--hostname", "127.0.0.1", "--port", &address.port().to_string(), "--bearer-token", token])
            .arg("--service-provider-config")
            .arg(&about)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("`scim2-server` does not start: {error}"))?;
        let server = Self { child, address, token: token.to_owned() };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if begun.elapsed() > PATIENCE {
                return Err("`scim2-server` does not listen".to_owned());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(server)
    }

    /// Gives its SCIM address.
    pub fn url(&self) -> String {
        format!("http://{}/v2", self.address)
    }

    /// Sends a request and gives status and body.
    ///
    /// # Panics
    /// It does not answer.
    pub fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(self.address).unwrap();
        write!(
            stream,
            "{method} /v2{path} HTTP/1.0\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/scim+json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.address,
            self.token,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        (status, serde_json::from_str(body).unwrap_or_default())
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(command: &mut Command, what: &str) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{what} is missing: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{what} cannot be had: {}", said.lines().last().unwrap_or_default()))
}
