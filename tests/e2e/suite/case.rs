//! The format of a case, as `case.toml` holds it. Unknown keys, and a case that expects nothing, are mistakes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rollcall_tests::graph::Command;
use serde::Deserialize;

/// One case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// Where its files are.
    #[serde(skip)]
    pub(super) folder: PathBuf,
    /// What it shows, in one sentence.
    pub(super) title: String,
    /// Its number among the hard cases of the peers.
    pub(super) peers: Option<u8>,
    /// Where the trouble was seen: `project#number`, or a document.
    #[serde(default)]
    pub(super) sources: Vec<String>,
    /// What is played otherwise than it was seen, and why.
    pub(super) note: Option<String>,
    /// A file with the tenant of a simulated Microsoft Graph.
    pub(super) graph: Option<String>,
    /// Why it fails, where that is known.
    pub(super) known: Option<String>,
    /// What is done and what must come of it.
    pub(super) step: Vec<Step>,
}

/// One step: what changes first, then one command, then what must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// What happens, in one sentence.
    pub(super) about: String,
    /// Files that take another's place, as `"people.csv" = "people-2.csv"`.
    #[serde(default)]
    pub(super) copy: BTreeMap<String, String>,
    /// Files that are removed.
    #[serde(default)]
    pub(super) remove: Vec<String>,
    /// Changes and faults of the simulated Graph.
    #[serde(default)]
    pub(super) graph: Vec<Command>,
    /// What somebody does by hand at the phone system.
    #[serde(default)]
    pub(super) by_hand: Vec<ByHand>,
    /// The office is served as a Management API from here on, with these modes.
    pub(super) serve: Option<Vec<String>>,
    /// How far the clock goes on: `8d`, `90m`, `-3d`.
    pub(super) advance: Option<String>,
    /// What becomes of the folder with the program's state.
    pub(super) state: Option<StateStep>,
    /// The program's arguments; `--json` is added to `preview`, `sync`, `resume` and `undo`.
    pub(super) run: Option<Vec<String>>,
    /// Kills the run as soon as so many users stand on the phone system.
    pub(super) kill_at_users: Option<usize>,
    /// A second run that is started once the first has begun to read the simulated Graph.
    pub(super) beside: Option<Vec<String>>,
    /// The exit code of the second run.
    pub(super) beside_exit: Option<i32>,
    /// The exit code.
    pub(super) exit: Option<i32>,
    /// Figures of the summary.
    #[serde(default)]
    pub(super) summary: BTreeMap<String, u64>,
    /// The codes of all errors that are told, each once; absent: there are none.
    #[serde(default)]
    pub(super) errors: Vec<String>,
    /// Codes of warnings and notes that must be told too.
    #[serde(default)]
    pub(super) codes: Vec<String>,
    /// Texts that must stand on standard output or standard error.
    #[serde(default)]
    pub(super) says: Vec<String>,
    /// Texts that must stand in neither.
    #[serde(default)]
    pub(super) hides: Vec<String>,
    /// A file with the changes of the plan, one JSON object a line.
    pub(super) plan: Option<String>,
    /// A file with the phone system's users afterwards, one JSON object a line.
    pub(super) users: Option<String>,
}

/// One thing that somebody does by hand.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ByHand {
    /// The user's Name.
    pub(super) user: String,
    /// Fields and their new values; empty text clears.
    #[serde(default)]
    pub(super) set: BTreeMap<String, String>,
    /// A hunt group that the user joins.
    pub(super) join: Option<String>,
    /// A hunt group that the user leaves.
    pub(super) leave: Option<String>,
    /// The user is deleted.
    #[serde(default)]
    pub(super) delete: bool,
}

/// What becomes of the state.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StateStep {
    /// A copy is put away under a name.
    Save(String),
    /// The copy takes its place.
    Restore(String),
    /// It is gone.
    Lose,
}

impl Case {
    /// Reads a case and refuses one that shows nothing.
    pub(super) fn read(folder: &Path) -> Result<Self, String> {
        let file = folder.join("case.toml");
        let text = std::fs::read_to_string(&file).map_err(|error| format!("case.toml: {error}"))?;
        let mut case: Case = toml::from_str(&text).map_err(|error| format!("case.toml: {error}"))?;
        folder.clone_into(&mut case.folder);
        case.check()?;
        let mut files = case.step.iter().flat_map(|step| step.plan.iter().chain(&step.users));
        match files.find(|file| !super::compare::blessing() && !folder.join(file).exists()) {
            Some(missing) => Err(format!("`{missing}` is missing")),
            None => Ok(()),
        }?;
        Ok(case)
    }

    fn check(&self) -> Result<(), String> {
        if self.title.is_empty() || (self.peers.is_some() && self.sources.is_empty()) {
            return Err("a case needs a title, and one of the peers' a source".into());
        }
        if self.note.as_ref().is_some_and(String::is_empty) {
            return Err("`note` is empty".into());
        }
        for step in &self.step {
            let of = |why: &str| Err(format!("step `{}`: {why}", step.about));
            match (&step.run, step.exit, step.kill_at_users) {
                (Some(_), Some(_), None) | (Some(_), None, Some(_)) | (None, None, None) => {}
                _ => return of("a command needs either `exit` or `kill_at_users`, and they need a command"),
            }
            if step.beside.is_some() != step.beside_exit.is_some() {
                return of("`beside` and `beside_exit` go together");
            }
            if step.run.is_none() && (step.plan.is_some() || !step.summary.is_empty()) {
                return of("a plan or a summary needs a command");
            }
        }
        let held = |step: &Step| {
            step.plan.is_some() || step.users.is_some() || !step.errors.is_empty() || !step.says.is_empty()
        };
        if !self.step.iter().any(held) {
            return Err("no step expects a plan, users, errors or a text: it shows nothing".into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<(), String> {
        let case: Case = toml::from_str(text).map_err(|error| error.to_string())?;
        case.check()
    }

    #[test]
    fn a_case_that_shows_nothing_or_has_a_strange_key_is_refused() {
        let good =
            "title = \"t\"\n[[step]]\nabout = \"a\"\nrun = [\"sync\"]\nexit = 5\nerrors = [\"E0504\"]\n";
        assert_eq!(of(good), Ok(()));
        for (wrong, told) in [
            (good.replace("errors = [\"E0504\"]\n", ""), "it shows nothing"),
            (good.replace("exit = 5\n", ""), "needs either `exit`"),
            (good.replace("errors", "error"), "unknown field `error`"),
            (format!("shape = 1\n{good}"), "unknown field `shape`"),
            (format!("peers = 3\n{good}"), "a source"),
            (format!("{good}beside = [\"sync\"]\n"), "go together"),
        ] {
            let why = of(&wrong).unwrap_err();
            assert!(why.contains(told), "{wrong} gives {why}");
        }
    }
}
