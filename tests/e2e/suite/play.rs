//! Plays a case: a machine of its own, the real program, and a look at what came after each step.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use rollcall_tests::graph::{Config, Simulator, Tenant};
use rollcall_tests::harness::{Output, Running, TestEnv};
use rollcall_tests::scene::{CANARY, users_of};
use serde_json::{Value, json};

use super::case::{Case, StateStep, Step};
use super::{compare, edit};
use crate::{env, serving};

/// What a plan's line may name.
const PLAN_KEYS: [&str; 9] = [
    "action",
    "user_identification",
    "name",
    "extension",
    "system",
    "matched_by",
    "status",
    "fields",
    "reason",
];
/// What a user's line may name; `owner` is the job and the user identification that the user is linked to.
const USER_KEYS: [&str; 9] = [
    "name",
    "full_name",
    "extension",
    "email",
    "system",
    "mobile_twinning_number",
    "groups",
    "owner",
    "login_code",
];
/// Commands that report a plan.
const WITH_JSON: [&str; 4] = ["preview", "sync", "resume", "undo"];
/// How long a run may take until it has come so far as a step wants.
const PATIENCE: Duration = Duration::from_secs(60);

struct Stage<'c> {
    case: &'c Case,
    env: TestEnv,
    graph: Option<Simulator>,
    office: Option<Running>,
    /// What `${…}` in a TOML file and in arguments stands for.
    words: BTreeMap<String, String>,
    kept: BTreeMap<String, tempfile::TempDir>,
}

/// Plays a case from its beginning to its end, or tells the first thing that was otherwise.
pub(super) fn play(case: &Case) -> Result<(), String> {
    let mut stage =
        Stage { case, env: env(), graph: None, office: None, words: BTreeMap::new(), kept: BTreeMap::new() };
    stage.set()?;
    for (number, step) in case.step.iter().enumerate() {
        stage.step(step).map_err(|why| format!("step {} ({}): {why}", number + 1, step.about))?;
    }
    Ok(())
}

impl Stage<'_> {
    fn set(&mut self) -> Result<(), String> {
        if let Some(file) = &self.case.graph {
            let text =
                std::fs::read_to_string(self.case.folder.join(file)).map_err(|e| format!("{file}: {e}"))?;
            let config = Config {
                client_secret: CANARY.to_owned(),
                now_ms: Some(self.env.now_ms()),
                ..Config::default()
            };
            let (tenant, client) = (config.tenants[0].clone(), config.client_id.clone());
            let graph =
                Simulator::start(config, Tenant::from_json(&text)?).map_err(|error| error.to_string())?;
            self.words.extend([
                ("graph".to_owned(), graph.url()),
                ("tenant".to_owned(), tenant),
                ("client".to_owned(), client),
            ]);
            self.graph = Some(graph);
        }
        self.env.set("CLIENT_SECRET", CANARY);
        let names = std::fs::read_dir(&self.case.folder).unwrap().map(|entry| entry.unwrap().file_name());
        let names: Vec<String> = names.map(|name| name.to_string_lossy().into_owned()).collect();
        for name in &names {
            self.put(name, name)?;
        }
        if names.iter().any(|name| name == "office.toml") {
            let _ = self.env.run(&["office", "init", "office.db", "--from", "office.toml"]).success();
        }
        Ok(())
    }

    /// Puts a file of the case into the working folder, its words filled in where it is TOML.
    fn put(&self, from: &str, to: &str) -> Result<(), String> {
        let bytes =
            std::fs::read(self.case.folder.join(from)).map_err(|error| format!("`{from}`: {error}"))?;
        let bytes = match from.ends_with(".toml") {
            true => self.filled(&String::from_utf8(bytes).map_err(|error| error.to_string())?).into_bytes(),
            false => bytes,
        };
        self.env.write(to, bytes);
        Ok(())
    }

    fn filled(&self, text: &str) -> String {
        self.words
            .iter()
            .fold(text.to_owned(), |text, (word, value)| text.replace(&format!("${{{word}}}"), value))
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        self.prepare(step)?;
        let Some(run) = &step.run else {
            return self.look(step, None);
        };
        let mut arguments: Vec<String> = run.iter().map(|argument| self.filled(argument)).collect();
        if WITH_JSON.contains(&arguments[0].as_str())
            && !arguments.iter().any(|argument| argument == "--json")
        {
            arguments.push("--json".into());
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        if let Some(users) = step.kill_at_users {
            self.kill(&arguments, users)?;
            return self.look(step, None);
        }
        let output = match &step.beside {
            None => self.env.run(&arguments),
            Some(beside) => self.both(&arguments, beside, step.beside_exit)?,
        };
        self.look(step, Some(&output))
    }

    fn prepare(&mut self, step: &Step) -> Result<(), String> {
        if let Some(by) = &step.advance {
            self.env.shift(milliseconds(by).ok_or_else(|| format!("`{by}` is no time"))?);
        }
        if let Some(modes) = &step.serve {
            // The one before lets go of the file first.
            self.office = None;
            let modes: Vec<&str> = modes.iter().map(String::as_str).collect();
            let (running, told) = serving::serve(&mut self.env, "office.db", &modes);
            self.office = Some(running);
            self.words.extend(told.words());
            for name in ["job.toml", "phone_system.toml"] {
                if self.case.folder.join(name).exists() {
                    self.put(name, name)?;
                }
            }
        }
        for (to, from) in &step.copy {
            self.put(from, to)?;
        }
        for name in &step.remove {
            std::fs::remove_file(self.env.path(name)).map_err(|error| format!("`{name}`: {error}"))?;
        }
        if let (false, Some(graph)) = (step.graph.is_empty(), &self.graph) {
            for command in step.graph.clone() {
                graph.world().command(command)?;
            }
        }
        edit::by_hand(&self.env.path("office.db"), &step.by_hand).or_else(|why| {
            match step.by_hand.is_empty() {
                true => Ok(()),
                false => Err(why),
            }
        })?;
        step.state.as_ref().map_or(Ok(()), |what| self.state(what))
    }

    fn state(&mut self, what: &StateStep) -> Result<(), String> {
        let state = self.env.state();
        match what {
            StateStep::Save(name) => {
                let kept = tempfile::tempdir().unwrap();
                copy_folder(&state, kept.path());
                self.kept.insert(name.clone(), kept);
            }
            StateStep::Restore(name) => {
                let kept = self.kept.get(name).ok_or_else(|| format!("no state was saved as `{name}`"))?;
                std::fs::remove_dir_all(&state).unwrap();
                copy_folder(kept.path(), &state);
            }
            StateStep::Lose => std::fs::remove_dir_all(&state).map_err(|error| error.to_string())?,
        }
        Ok(())
    }

    /// Starts a run and kills it once so many users stand on the phone system.
    fn kill(&self, arguments: &[&str], users: usize) -> Result<(), String> {
        let mut command = self.env.command(arguments);
        let mut child =
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        let told = loop {
            match edit::count(&self.env.path("office.db")) {
                Ok(standing) if standing >= users => break Ok(()),
                Ok(_) => {}
                Err(why) => break Err(why),
            }
            if let Some(status) = child.try_wait().unwrap() {
                break Err(format!("it ended with {status} before {users} users stood there"));
            }
            if begun.elapsed() > PATIENCE {
                break Err(format!("{users} users never stood there"));
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        // One that has ended cannot be killed, and need not be.
        let _ = child.kill();
        let _ = child.wait();
        told
    }

    /// Runs two commands, the second once the first has asked the simulated Graph for something.
    fn both(&self, first: &[&str], second: &[String], exit: Option<i32>) -> Result<Output, String> {
        let graph = self.graph.as_ref().ok_or("`beside` needs the simulated Graph")?;
        let asked = graph.world().journal.entries.len();
        std::thread::scope(|scope| {
            let running = scope.spawn(|| self.env.run(first));
            let begun = Instant::now();
            while graph.world().journal.entries.len() == asked && begun.elapsed() < PATIENCE {
                std::thread::sleep(Duration::from_millis(5));
            }
            let second: Vec<&str> = second.iter().map(String::as_str).collect();
            let beside = self.env.run(&second);
            let output = running.join().unwrap();
            match beside.code == exit {
                true => Ok(output),
                false => Err(format!("the run beside it ended with {:?}: {}", beside.code, beside.stderr)),
            }
        })
    }

    /// Holds what came against what the step says.
    fn look(&mut self, step: &Step, output: Option<&Output>) -> Result<(), String> {
        let mut wrong = Vec::new();
        if let Some(output) = output {
            self.told(step, output, &mut wrong);
        }
        if let Some(file) = &step.users {
            // Whose a user is depends on which way the job reaches the phone system.
            let from = if self.office.is_some() { "job.toml" } else { "office.db" };
            let users: Vec<Value> = users_of(&self.env, from).iter().map(shown).collect();
            wrong.extend(compare::lines(&self.case.folder.join(file), &sorted(users), &USER_KEYS).err());
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
    }

    fn told(&mut self, step: &Step, output: &Output, wrong: &mut Vec<String>) {
        if output.code != step.exit {
            wrong.push(format!("it ended with {:?} instead of {:?}", output.code, step.exit));
        }
        for text in &step.says {
            if !output.stdout.contains(text.as_str()) && !output.stderr.contains(text.as_str()) {
                wrong.push(format!("`{text}` was not told"));
            }
        }
        for text in &step.hides {
            if output.stdout.contains(text.as_str()) || output.stderr.contains(text.as_str()) {
                wrong.push(format!("`{text}` was told"));
            }
        }
        let document: Value = serde_json::from_str(&output.stdout).unwrap_or_default();
        if let Some(run) = document["run"].as_str() {
            self.words.insert("run".into(), run.into());
        }
        wrong.extend(codes(step, &document));
        for (name, figure) in &step.summary {
            if document["summary"][name] != json!(figure) {
                wrong.push(format!("`{name}` is {} instead of {figure}", document["summary"][name]));
            }
        }
        if let Some(file) = &step.plan {
            let changes: Vec<Value> =
                document["changes"].as_array().cloned().unwrap_or_default().iter().map(change).collect();
            wrong.extend(compare::lines(&self.case.folder.join(file), &changes, &PLAN_KEYS).err());
        }
        if !wrong.is_empty() {
            let told = document["diagnostics"].as_array().cloned().unwrap_or_default();
            let told: Vec<String> =
                told.iter().map(|d| format!("  {} {}", d["code"], d["message"])).collect();
            wrong.push(format!("diagnostics:\n{}\nstandard error:\n{}", told.join("\n"), output.stderr));
        }
    }
}

/// Holds the codes of the diagnostics against the step: all errors, and some of the others.
fn codes(step: &Step, document: &Value) -> Option<String> {
    let told = document["diagnostics"].as_array().cloned().unwrap_or_default();
    let of = |errors: bool| {
        let some = told.iter().filter(|d| (d["severity"] == "error") == errors);
        let mut codes: Vec<String> = some.filter_map(|d| d["code"].as_str().map(str::to_owned)).collect();
        codes.sort();
        codes.dedup();
        codes
    };
    let (errors, others) = (of(true), of(false));
    let mut expected = step.errors.clone();
    expected.sort();
    if errors != expected {
        return Some(format!("the errors are {errors:?} instead of {expected:?}"));
    }
    let missing: Vec<&String> = step.codes.iter().filter(|code| !others.contains(code)).collect();
    (!missing.is_empty()).then(|| format!("{missing:?} were not told, only {others:?}"))
}

/// A change as a plan's line shows it: the fields of an update or adoption, but not those of others.
fn change(change: &Value) -> Value {
    let mut change = change.clone();
    if change["action"] != "update" && change["action"] != "adopt" {
        change["fields"] = Value::Null;
    }
    change
}

/// A phone user as a users' line shows it.
fn shown(user: &Value) -> Value {
    let mut user = user.clone();
    let links = &user["links"];
    user["owner"] = match (links["job"].as_str(), links["user_identification"].as_str()) {
        (Some(job), Some(key)) => json!(format!("{job}: {key}")),
        _ => Value::Null,
    };
    user
}

fn sorted(mut users: Vec<Value>) -> Vec<Value> {
    users.sort_by_key(|user| user["name"].as_str().unwrap_or_default().to_owned());
    users
}

/// Reads `8d`, `90m`, `-3h`.
fn milliseconds(text: &str) -> Option<i64> {
    let number: i64 = text.get(..text.len().checked_sub(1)?)?.parse().ok()?;
    let unit = match text.chars().last()? {
        's' => 1_000,
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return None,
    };
    number.checked_mul(unit)
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &to),
            false => drop(std::fs::copy(entry.path(), to).unwrap()),
        }
    }
}
