//! The example of `examples/partner-connector`: one connector in Rust, JavaScript and Python, built by the commands on its page.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::repository;

/// Where the example is.
pub const EXAMPLE: &str = "examples/partner-connector";
/// What the outer cargo sets and a partner's cargo does not see.
const CLEARED: &[&str] = &[
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_PROFILE_DEV_DEBUG",
    "CARGO_PROFILE_DEV_OPT_LEVEL",
    "CARGO_RESOLVER_FEATURE_UNIFICATION",
    "CARGO_UNSTABLE_FEATURE_UNIFICATION",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
];

/// A language, the folder of its SDK, and the commands on the example's page, run in the example's folder.
#[derive(Debug)]
pub struct Language {
    /// Its name, and its folder's.
    pub name: &'static str,
    sdk: &'static str,
    /// How the connector is built.
    pub commands: &'static [&'static str],
    /// The component, in the example's folder.
    pub made: &'static str,
}

/// The three.
pub const LANGUAGES: [Language; 3] = [
    Language {
        name: "rust",
        sdk: "sdk",
        commands: &["cargo build --release --target wasm32-wasip2"],
        made: "target/wasm32-wasip2/release/hr.wasm",
    },
    Language {
        name: "javascript",
        sdk: "sdk-javascript",
        commands: &["npm install", "npm run build"],
        made: "hr.wasm",
    },
    Language {
        name: "python",
        sdk: "sdk-python",
        commands: &[
            "python3 -m venv .venv",
            ".venv/bin/pip install -r requirements.txt",
            ".venv/bin/rollcall-componentize hr.py",
        ],
        made: "hr.wasm",
    },
];

impl Language {
    /// Builds the connector in a copy below `target`, unless these very sources were built there before.
    ///
    /// # Errors
    /// Says which command failed, or that its tools are missing, and what it said.
    pub fn build(&self) -> Result<PathBuf, String> {
        if self.name == "rust" {
            // Its path to the SDK leads into the workspace.
            let target = repository("target/partners");
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args([
                "build",
                "--quiet",
                "--locked",
                "--release",
                "--target",
                "wasm32-wasip2",
                "--target-dir",
            ]);
            run(cargo.arg(&target).current_dir(repository(EXAMPLE).join("rust")))?;
            return Ok(target.join("wasm32-wasip2/release/hr.wasm"));
        }
        let sources = [format!("{EXAMPLE}/{}", self.name), format!("plugins/{}", self.sdk)];
        let digest = sources.iter().fold(String::new(), |all, folder| all + &texts(&repository(folder)));
        let home = repository("target/partners").join(format!("{}-{:016x}", self.name, hash(&digest)));
        let folder = home.join(&sources[0]);
        let made = folder.join(self.made);
        if made.exists() {
            return Ok(made);
        }
        for from in &sources {
            copy(&repository(from), &home.join(from));
        }
        for command in self.commands {
            let words: Vec<&str> = command.split(' ').collect();
            // A program of the folder is meant there, wherever the test runs.
            let program = if words[0].contains('/') { folder.join(words[0]) } else { words[0].into() };
            run(Command::new(program).args(&words[1..]).current_dir(&folder))?;
        }
        Ok(made)
    }
}

/// Runs a command as a partner would, whatever the outer cargo has set.
///
/// # Errors
/// Gives the end of what it said where it failed.
pub fn run(command: &mut Command) -> Result<(), String> {
    for name in CLEARED {
        command.env_remove(name);
    }
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}", said.lines().rev().take(20).collect::<Vec<_>>().join(" | ")))
}

/// Gives the files of a folder, without what a build leaves there.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if ["node_modules", ".venv", "target", "__pycache__", ".state"].contains(&name)
            || name.contains(".db")
        {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path));
        } else if !name.ends_with(".wasm") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn texts(folder: &Path) -> String {
    files(folder).iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

fn copy(from: &Path, to: &Path) {
    for path in files(from) {
        let there = to.join(path.strip_prefix(from).unwrap());
        std::fs::create_dir_all(there.parent().unwrap()).unwrap();
        std::fs::copy(path, there).unwrap();
    }
}

/// FNV-1a, which stays the same from one Rust to the next.
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
