//! Runs the `rollcall` binary as a stranger would: in a folder of its own, with a cleared environment and a clock that
//! moves only when the test says so.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// 2026-11-23T09:00:00Z, when every test begins.
pub const START_MS: i64 = 1_795_424_400_000;

/// A machine of its own for one test.
#[derive(Debug)]
pub struct TestEnv {
    root: TempDir,
    program: PathBuf,
    cache: PathBuf,
    now_ms: i64,
    variables: BTreeMap<String, String>,
}

impl TestEnv {
    /// Makes an empty folder. `program` is the binary, `cache` a folder for compiled connectors that tests share.
    pub fn new(program: impl Into<PathBuf>, cache: impl Into<PathBuf>) -> Self {
        let root = TempDir::with_prefix("rollcall-").unwrap();
        for folder in ["home", "work"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
        }
        Self {
            root,
            program: program.into(),
            cache: cache.into(),
            now_ms: START_MS,
            variables: BTreeMap::new(),
        }
    }

    /// Gives the path of a file in the working folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("work").join(name)
    }

    /// Gives the folder where the program keeps its state.
    pub fn state(&self) -> PathBuf {
        self.root.path().join("state")
    }

    /// Gives the folder that holds everything that a run may write.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Writes a file, folders on its way included, readable by its owner alone.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Reads a file of the working folder.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("`{name}`: {error}"))
    }

    /// Copies a folder into the working folder; databases that somebody's trial left there stay behind.
    pub fn copy(&self, from: &Path, to: &str) {
        for entry in std::fs::read_dir(from).unwrap_or_else(|error| panic!("`{}`: {error}", from.display())) {
            let entry = entry.unwrap();
            let name = Path::new(to).join(entry.file_name());
            let name = name.to_str().unwrap();
            if entry.file_type().unwrap().is_dir() {
                self.copy(&entry.path(), name);
            } else if !name.contains(".db") {
                self.write(name, std::fs::read(entry.path()).unwrap());
            }
        }
    }

    /// Sets an environment variable for the runs to come.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.variables.insert(name.to_owned(), value.into());
    }

    /// Moves the clock forward.
    pub fn advance(&mut self, by: Duration) {
        self.now_ms += i64::try_from(by.as_millis()).unwrap();
    }

    /// Moves the clock back.
    pub fn turn_back(&mut self, by: Duration) {
        self.now_ms -= i64::try_from(by.as_millis()).unwrap();
    }

    /// Moves the clock by so many milliseconds; back where they are fewer than none.
    pub fn shift(&mut self, by_ms: i64) {
        self.now_ms += by_ms;
    }

    /// Gives the time that the program believes, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Prepares the program with its arguments, for a test that needs it running.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(self.path(""))
            .env_clear()
            .env("HOME", self.root.path().join("home"))
            .env("PATH", "/usr/bin:/bin")
            .env("TZ", "UTC")
            .env("NO_COLOR", "1")
            .env("XDG_CACHE_HOME", &self.cache)
            .env("ROLLCALL_STATE", self.state())
            .env("ROLLCALL_NOW", self.now_ms.to_string())
            .envs(&self.variables)
            .stdin(Stdio::null());
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_with_input(arguments, "")
    }

    /// Runs the program with something to read on standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(arguments);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // A program that ends without reading closes the pipe, which is its right.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Output {
            command: format!("rollcall {}", arguments.join(" ")),
            code: output.status.code(),
            stdout: self.normalised(&output.stdout),
            stderr: self.normalised(&output.stderr),
        }
    }

    /// Starts the program and gives it with the first line of its output.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut child =
            self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut reader = std::io::BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        std::io::BufRead::read_line(&mut reader, &mut line).unwrap();
        if line.is_empty() {
            let output = child.wait_with_output().unwrap();
            panic!("it ended without a line of output: {}", String::from_utf8_lossy(&output.stderr));
        }
        Running { child, first_line: line, _reader: reader }
    }

    /// Searches every file of this machine, the program's state and cache included, for a text.
    pub fn files_with(&self, needle: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open = vec![self.root.path().to_owned()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else if std::fs::read(&path)
                    .unwrap()
                    .windows(needle.len())
                    .any(|part| part == needle.as_bytes())
                {
                    found.push(path);
                }
            }
        }
        found.sort();
        found
    }

    /// Writes `[ROOT]` for the folder of this test, so that outputs are equal from run to run.
    fn normalised(&self, bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).replace(self.root.path().to_str().unwrap(), "[ROOT]")
    }
}

/// A program that is running; it is stopped when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// The first line of its output.
    pub first_line: String,
    // Kept open: a program that writes to a closed pipe would die of it.
    _reader: std::io::BufReader<std::process::ChildStdout>,
}

impl Running {
    /// Gives the first line as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.first_line).unwrap_or_else(|error| panic!("{error}: {}", self.first_line))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a run left behind.
#[must_use = "a run whose exit code nobody looks at shows nothing"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    command: String,
    /// The exit code; `None`: ended by a signal.
    pub code: Option<i32>,
    /// Standard output, with the test's folder as `[ROOT]`.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
}

impl Output {
    /// Demands exit code 0.
    pub fn success(self) -> Self {
        self.exits(0)
    }

    /// Demands an exit code.
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}", self.told());
        self
    }

    /// Demands that a text stands on standard output or standard error.
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text) || self.stderr.contains(text),
            "`{text}` is missing in {}",
            self.told()
        );
        self
    }

    /// Demands that a text stands nowhere in the output.
    pub fn hides(self, text: &str) -> Self {
        assert!(
            !self.stdout.contains(text) && !self.stderr.contains(text),
            "`{text}` stands in {}",
            self.told()
        );
        self
    }

    /// Gives standard output as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {}", self.told()))
    }

    /// Gives one figure of the summary.
    pub fn figure(&self, name: &str) -> u64 {
        let json = self.json();
        json["summary"][name].as_u64().unwrap_or_else(|| panic!("no `{name}` in {}", self.told()))
    }

    /// Gives the changes of one kind.
    pub fn changes(&self, action: &str) -> Vec<Value> {
        let json = self.json();
        let changes = json["changes"].as_array().unwrap_or_else(|| panic!("no changes in {}", self.told()));
        changes.iter().filter(|change| change["action"] == action).cloned().collect()
    }

    /// Gives the codes of the diagnostics, sorted, each once.
    pub fn codes(&self) -> Vec<String> {
        let json = self.json();
        let all =
            json["diagnostics"].as_array().unwrap_or_else(|| panic!("no diagnostics in {}", self.told()));
        let mut codes: Vec<String> =
            all.iter().filter_map(|diagnostic| diagnostic["code"].as_str().map(str::to_owned)).collect();
        codes.sort();
        codes.dedup();
        codes
    }

    fn told(&self) -> String {
        format!(
            "`{}` (exit {:?})\n--- stdout\n{}\n--- stderr\n{}",
            self.command, self.code, self.stdout, self.stderr
        )
    }
}
