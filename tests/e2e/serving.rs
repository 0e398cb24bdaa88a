//! An office file served as a Management API, for tests that need the phone system's side over the network.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rollcall_core::Secret;
use rollcall_office::Embedded;
use rollcall_office::management::server;
use rollcall_tests::harness::{Running, TestEnv};

/// The password of the service user; it must be found nowhere.
pub(crate) const PASSWORD: &str = "Service~Password.93af";

/// How a served office is reached.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) host: String,
    pub(crate) port: String,
    pub(crate) certificate_sha256: String,
}

impl Told {
    /// Makes it of an address and a certificate's fingerprint.
    pub(crate) fn at(address: SocketAddr, certificate_sha256: &str) -> Self {
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        Self { host, port, certificate_sha256: certificate_sha256.to_owned() }
    }

    /// Gives the words that a job file of a case may use.
    pub(crate) fn words(&self) -> [(String, String); 3] {
        [
            ("office_host".into(), self.host.clone()),
            ("office_port".into(), self.port.clone()),
            ("office_sha256".into(), self.certificate_sha256.clone()),
        ]
    }

    /// Gives the lines of `[phone_system]` that reach it.
    pub(crate) fn phone_system(&self, settle: &str) -> String {
        let Told { host, port, certificate_sha256 } = self;
        format!(
            "kind = \"ip-office\"\naddress = \"{host}\"\nport = {port}\nusername = \"rollcall\"\n\
             certificate_sha256 = \"{certificate_sha256}\"\ncredentials.password = {{ env = \"IPOFFICE_PASSWORD\" }}\n\
             templates = [\"templates.toml\"]\nsettle = \"{settle}\""
        )
    }
}

/// Lets the program know the password of the service user.
pub(crate) fn passwords(env: &mut TestEnv) {
    env.set("ROLLCALL_OFFICE_PASSWORD", PASSWORD);
    env.set("IPOFFICE_PASSWORD", PASSWORD);
}

/// Serves an office file by the program itself.
pub(crate) fn serve(env: &mut TestEnv, office: &str, modes: &[&str]) -> (Running, Told) {
    passwords(env);
    let mut arguments = vec!["office", "serve", office, "--listen", "127.0.0.1:0", "--username", "rollcall"];
    for mode in modes {
        arguments.extend(["--mode", mode]);
    }
    let running = env.start(&arguments);
    let told = running.json();
    let address = told["address"].as_str().unwrap().parse().unwrap();
    (running, Told::at(address, told["certificate_sha256"].as_str().unwrap()))
}

/// An office file served within the test itself, so that the test sees what was asked of it.
pub(crate) struct Served {
    running: Option<server::Running>,
    runtime: tokio::runtime::Runtime,
}

impl Served {
    /// Serves an office file with modes.
    pub(crate) fn start(office: &Path, modes: &[&str]) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let modes = server::Modes::parse(modes.iter().copied()).unwrap();
        let running = runtime.block_on(async {
            let store = Arc::new(Embedded::open(office).unwrap());
            let server = server::Server {
                listen: "127.0.0.1:0".into(),
                username: "rollcall".into(),
                password: Secret::new(PASSWORD),
                store,
                modes,
                keep: server::Keep::InMemory,
            };
            server.start().await.unwrap()
        });
        Self { running: Some(running), runtime }
    }

    fn running(&self) -> &server::Running {
        self.running.as_ref().unwrap()
    }

    /// Gives where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.running().address()
    }

    /// Gives how it is reached.
    pub(crate) fn told(&self) -> Told {
        Told::at(self.address(), self.running().certificate_sha256())
    }

    /// Counts the calls of a method to a resource.
    pub(crate) fn count(&self, method: &str, resource: &str) -> usize {
        let log = self.running().log();
        log.iter().filter(|call| call.method == method && call.path.contains(resource)).count()
    }

    /// Counts all calls to resources.
    #[allow(dead_code, reason = "a measurement counts them")]
    pub(crate) fn calls(&self) -> usize {
        usize::try_from(self.running().calls()).unwrap()
    }

    /// Counts the calls that write.
    pub(crate) fn writes(&self) -> usize {
        let log = self.running().log();
        log.iter().filter(|call| call.path.contains("/admin/") && call.method != "GET").count()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop());
        }
    }
}
