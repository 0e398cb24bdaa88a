//! The partner's tools: what a connector asks for, what it reads.

use rollcall_tests::harness::TestEnv;
use serde_json::Value;

use crate::packages::manifest;
use crate::{env, repository};

/// The connector that reads files, as if somebody else had made it: a small component that needs no server.
pub(crate) fn partners(name: &str, version: &str) -> Vec<u8> {
    let manifest = std::fs::read_to_string(repository("plugins/csv/connector.toml")).unwrap();
    let changed = manifest.replace("name = \"csv\"", &format!("name = \"{name}\""));
    with_manifest(&changed.replace("\"0.1.0\"", &format!("\"{version}\"")))
}

/// The same component with another manifest, which must not be longer.
pub(crate) fn with_manifest(manifest: &str) -> Vec<u8> {
    let sealed = std::fs::read(repository("plugins/csv/connector.toml")).unwrap();
    assert!(manifest.len() <= sealed.len(), "{} bytes are too many", manifest.len());
    let mut component = rollcall_bundled::find("csv").unwrap().bytes.to_vec();
    let places: Vec<usize> =
        (0..component.len() - sealed.len()).filter(|at| component[*at..].starts_with(&sealed)).collect();
    assert!(!places.is_empty());
    for at in places {
        component[at..at + sealed.len()].fill(b'\n');
        component[at..at + manifest.len()].copy_from_slice(manifest.as_bytes());
    }
    component
}

/// A machine with ten people in a file and a job that reads them through a partner's connector.
pub(crate) fn machine(connector: &str) -> TestEnv {
    let env = env();
    let _ = env.run(&["init"]).success();
    let job = env.read("job.toml");
    let changed = job.replace("connector = \"csv\"", &format!("connector = \"{connector}\""));
    assert_ne!(job, changed);
    env.write("job.toml", changed);
    env
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn what_a_connector_asks_for_is_told_before_it_runs() {
    let env = env();
    let okta = env.run(&["connector", "inspect", "okta"]).success();
    let okta =
        okta.says("contract  rollcall:connector@0.1.0").says("GET at the server in the setting `org_url`");
    let _ = okta.says("Reads the users of the organisation").says("api_token").hides("may receive");
    // A component, by its path; whoever it sends to besides the directory is told.
    let manifest = "name = \"hr\"\nversion = \"1.2.0\"\nabout = \"Reads files.\"\ncontract = \"0.1\"\n\
        settings.path = { type = \"text\", about = \"The file.\", kind = \"path\" }\n\
        [[grant.files]]\nfolder_of = \"path\"\nreason = \"Reads the people.\"\n\
        [[grant.http]]\norigin = \"https://elsewhere.example/x\"\nmethods = [\"POST\"]\nreason = \"Counts uses.\"\n";
    env.write("hr.wasm", with_manifest(manifest));
    let told = env.run(&["connector", "inspect", "hr.wasm"]).success();
    let told = told.says("hr 1.2.0").says("POST https://elsewhere.example  (may receive directory data)");
    let _ = told.says("Counts uses.").says("files: reads files that are granted").hides("http: sends");
    let json = env.run(&["connector", "inspect", "hr.wasm", "--json"]).success().json();
    assert_eq!(
        (&json["name"], &json["version"], &json["contract"]),
        (&"hr".into(), &"1.2.0".into(), &"0.1.0".into())
    );
    let may = |at: usize| json["asks"][at]["may_receive_directory_data"].clone();
    assert_eq!((may(0), may(1)), (true.into(), false.into()), "{json}");
    assert_eq!(json["component_sha256"].as_str().unwrap().len(), 64);
}

/// What the job allows counts only where the connector asks for it; its line is shown.
#[test]
fn a_line_that_nobody_asks_for_is_shown_and_nothing_runs() {
    let env = machine("./hr.wasm");
    let grant = "[[grant.http]]\norigin = \"https://hr.example\"\nmethods = [\"GET\"]\nreason = \"Reads.\"\n";
    env.write("hr.wasm", with_manifest(&manifest("1.0.0", grant)));
    let job = env.read("job.toml");
    let with = |lines: &str| {
        env.write(
            "job.toml",
            job.replace("[phone_system]", &format!("[directory.grants]\n{lines}\n[phone_system]")),
        );
        env.run(&["preview"])
    };
    let missing = "write `http = [\"https://hr.example\"]` under `[directory.grants]`; it says: Reads";
    let _ = env.run(&["preview"]).exits(12).says("E0303").says(missing);
    // A recording is replayed without a line; that it takes one otherwise is said beforehand.
    env.write("hr.recording", "{\"rollcall_recording\":1,\"connector\":\"hr\"}\n");
    env.write(
        "job.toml",
        job.replace("[directory.settings]", "recording = \"hr.recording\"\n[directory.settings]"),
    );
    let _ = env.run(&["check"]).success().says("warning[E0303]").says(missing).says("is replayed without it");
    let _ = with("http = [\"https://hr.example/api\"]").success();
    let told =
        with("http = [\n  \"https://hr.example\",\n  \"POST https://elsewhere.example\",\n]").exits(12);
    let told = told
        .says("E0312")
        .says("`POST https://elsewhere.example` allows what the connector `hr` does not ask for");
    let _ =
        told.says("^^^^").says("it asks for `https://hr.example` and nothing more").says("connector.toml");
    let _ = with("http = [\"POST https://hr.example\"]").exits(12).says("E0303");
    let lines = "http = [\"https://hr.example\"]\nfiles = [\"/etc\"]\nldap = [\"ldaps://dc.example\"]";
    let told = with(lines).exits(12).says("`/etc` allows").says("the folder of the setting `path`");
    let _ = told.says("`ldaps://dc.example` allows");
    // What is wrong with the replay too is told once.
    let clear = grant.replace("https://", "http://");
    let allow = "settings.allow_insecure = { type = \"boolean\", about = \"x\" }\n";
    let odd = manifest("1.0.0", &clear).replace("[[grant.files]]", &format!("{allow}[[grant.files]]"));
    env.write("hr.wasm", with_manifest(&odd));
    env.write(
        "job.toml",
        job.replace("[directory.settings]", "recording = \"hr.recording\"\n[directory.settings]"),
    );
    let told = env.run(&["check"]).exits(12).says("which is plain `http://` to another machine");
    let _ = told.hides("is replayed without it");
}

#[test]
fn what_is_no_connector_is_named() {
    let env = env();
    env.write("people.csv", "id,name\n1,Anna\n");
    let run = env.run(&["connector", "inspect", "people.csv"]).exits(12);
    let _ = run.says("E0301").says("no WebAssembly component");
    let mut other = partners("hr", "1.0.0");
    let contract = b"rollcall:connector/directory@0.1.0";
    let places: Vec<usize> =
        (0..other.len() - contract.len()).filter(|at| other[*at..].starts_with(contract)).collect();
    assert!(!places.is_empty());
    for at in places {
        other[at..at + contract.len()].copy_from_slice(b"rollcall:connector/directory@0.7.0");
    }
    env.write("other.wasm", other);
    let run = env.run(&["connector", "inspect", "other.wasm"]).exits(12);
    let _ = run.says("E0320").says("contract `0.7.0` and this program speaks `0.1`");
    let _ = env.run(&["connector", "inspect", "lpad"]).exits(1).says("E0902");
}

/// The manifest of a project is judged before its tools run, and of a component where it is read.
#[test]
fn a_mistake_of_a_manifest_is_shown_where_it_stands() {
    for (lang, file) in [("rust", "src/connector.toml"), ("python", "connector.toml")] {
        let env = env();
        let _ = env.run(&["connector", "new", "my-hr", ".", "--lang", lang]).success();
        let good = env.read(file);
        env.write(file, good.replace("methods = [\"GET\"]", "methds = [\"GET\"]"));
        let line = good.lines().position(|line| line.starts_with("methods")).unwrap() + 1;
        let told = env.run(&["connector", "build"]).exits(12).says("E0301").says("unknown field `methds`");
        let _ = told.says(&format!("{file}:{line}:1")).says("^^^^^^").says("did you mean `methods`?");
        let json = env.run(&["connector", "build", "--json"]).exits(12).json();
        assert_eq!(json["diagnostics"][0]["line"], line, "{json}");
    }
    let env = env();
    env.write("hr.wasm", with_manifest(&manifest("1.0.0", "").replace("kind = \"path\"", "kind = \"pth\"")));
    let told = env.run(&["connector", "inspect", "hr.wasm"]).exits(12).says("unknown variant `pth`");
    let _ = told.says("connector.toml:5:").says("did you mean `path`?");
}

/// One check for whoever makes a connector and whoever runs it.
#[test]
fn what_a_host_would_refuse_is_refused_by_every_command() {
    let grant = |origin: &str| {
        format!("[[grant.http]]\norigin = \"{origin}\"\nmethods = [\"GET\"]\nreason = \"Reads.\"\n")
    };
    for (manifest, line, says) in [
        (manifest("1.0.0", &grant("hr.example")), 14, "`hr.example` is not the URL of a server"),
        (manifest("1.0.0", &grant("http://hr.example")), 14, "is plain `http://` to another machine"),
    ] {
        let env = machine("./hr.wasm");
        env.write("hr.wasm", with_manifest(&manifest));
        env.write("connector.toml", manifest);
        env.write("requirements.txt", "./sdk\n");
        for command in [
            &["connector", "build"][..],
            &["connector", "test"],
            &["connector", "run"],
            &["connector", "pack", "hr.wasm"],
            &["connector", "inspect", "hr.wasm"],
            &["check"],
            &["preview"],
        ] {
            let told = env.run(command).exits(12).says("E0301").says(says).says("hint:");
            let _ = told.says(&format!("connector.toml:{line}:"));
        }
    }
}

/// What only its maker could mend is refused where a connector is made, and not where it runs.
#[test]
fn what_runs_is_not_refused_for_what_its_maker_has_to_mend() {
    let env = machine("./hr.wasm");
    let url =
        "settings.url = { type = \"text\", about = \"x\", kind = \"url\", default = \"http://hr.intern\" }\n";
    let odd = manifest("1", "").replace("[[grant", &format!("{url}[[grant"));
    env.write("hr.wasm", with_manifest(&odd));
    for command in [&["check"][..], &["connector", "test"], &["connector", "inspect", "hr.wasm"]] {
        let _ = env.run(command).success().hides("which of two is newer").hides("plain `http://`");
    }
    env.write("connector.toml", odd);
    env.write("requirements.txt", "./sdk\n");
    for command in [&["connector", "pack", "hr.wasm"][..], &["connector", "build"]] {
        let told = env.run(command).exits(12).says("E0301").says("connector.toml:2:").says("hint:");
        let _ = told
            .says("the version `1` tells nobody which of two is newer")
            .says("the default of `url` is plain");
    }
}

#[test]
fn a_component_that_is_older_than_its_source_is_told() {
    let env = machine("./hr.wasm");
    let pack = || env.run(&["connector", "pack", "hr.wasm"]).success();
    // A job and a component alone are no project.
    env.write("hr.wasm", partners("hr", "1.0.0"));
    env.write("hr.py", "# newer");
    let newer = "is older than `hr.py` in its project";
    let _ = pack().hides(newer);
    env.write("requirements.txt", "./sdk\n");
    env.write("connector.toml", manifest("1.0.0", ""));
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    std::fs::File::options().append(true).open(env.path("hr.py")).unwrap().set_modified(later).unwrap();
    let _ = pack().says("warning").says(newer).says("rollcall connector build ");
    let _ = env.run(&["connector", "test"]).success().says(newer);
    env.write("hr.wasm", partners("hr", "1.0.0"));
    // What lies beside, as the SDK, tests and what tools make do, is no source.
    let mut at = env.path("hr.py");
    for folder in ["tests", "venv", "env", ".venv", "dist", "build", "node_modules"] {
        let _ = pack().says("is older than");
        std::fs::create_dir(env.path(folder)).unwrap();
        let inside = env.path(&format!("{folder}/hr.py"));
        std::fs::rename(&at, &inside).unwrap();
        let _ = pack().hides("is older than");
        std::fs::rename(&inside, env.path("hr.py")).unwrap();
        at = env.path("hr.py");
    }
}

#[test]
fn a_reading_is_shown_as_it_is() {
    let env = machine("./hr.wasm");
    env.write("hr.wasm", partners("hr", "1.0.0"));
    let all = lines(&env.run(&["connector", "run", "--json"]).success().stdout);
    assert_eq!(all.len(), 11);
    assert_eq!(all[0]["id"], "E1001");
    assert_eq!(all[0]["attributes"]["last_name"], "Berg");
    let end = &all[10]["end"];
    assert_eq!((&end["users"], &end["complete"], &end["requests"]), (&10.into(), &true.into(), &0.into()));
    assert!(end["memory_peak_bytes"].as_u64().unwrap() > 0 && end["bytes"].as_u64().unwrap() > 0, "{end}");
    let some = lines(&env.run(&["connector", "run", "--limit", "3", "--json"]).success().stdout);
    assert_eq!((some.len(), &some[..3]), (4, &all[..3]));
    assert_eq!(some[3]["end"]["complete"], false);
    // What nobody has a value of is no column, and named.
    let people = env.read("people.csv");
    let wider: Vec<String> = people
        .lines()
        .enumerate()
        .map(|(at, line)| if at == 0 { format!("{line},fax,room") } else { format!("{line},,") })
        .collect();
    env.write("people.csv", wider.join("\n"));
    let told = env.run(&["connector", "run", "--limit", "2"]).success();
    let _ = told.says("not shown, for none of them has a value: fax, room");
    let end = lines(&env.run(&["connector", "run", "--json"]).success().stdout).pop().unwrap();
    assert_eq!(end["end"]["without_values"], serde_json::json!(["fax", "room"]));
    env.write("people.csv", people);
    let told = env.run(&["connector", "run"]).success().says("10 users on 2 pages").says("Siobhán");
    let told = told.hides("not shown");
    assert!(told.stdout.starts_with("id     first_name   last_name"), "{}", told.stdout);
    // A broken file is no reading, and what came of it before is not shown as one.
    let people = env.read("people.csv");
    env.write("people.csv", people + "\"open");
    let run = env.run(&["connector", "run", "--json"]).exits(13);
    assert_eq!(run.stdout.matches("\"id\"").count(), 0, "{}", run.stdout);
}

#[test]
fn a_new_project_builds_tests_and_runs_at_once() {
    let mut env = env();
    let _ = env.run(&["connector", "new", "Lpad"]).exits(64).says("no name for a connector");
    let _ = env.run(&["connector", "new", "csv"]).exits(64).says("E0328");
    let _ = env.run(&["connector", "build"]).exits(1).says("E0334").says("connector new");
    // Nothing is built without a manifest, and what was built before stays.
    env.write("requirements.txt", "");
    env.write("hr.wasm", "as it was");
    let _ = env.run(&["connector", "build"]).exits(1).says("E0334").says("no `connector.toml`");
    assert_eq!(env.read("hr.wasm"), "as it was");
    for name in ["requirements.txt", "hr.wasm"] {
        std::fs::remove_file(env.path(name)).unwrap();
    }
    let _ = env.run(&["connector", "new", "my-hr", "."]).success().says("rollcall connector build");
    let _ = env.run(&["connector", "new", "other", "."]).exits(64).says("is not empty");
    // The tools of this machine, whose packages were downloaded already.
    let home = std::env::var("HOME").unwrap();
    for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        env.set(name, std::env::var(name).unwrap_or_else(|_| format!("{home}/{folder}")));
    }
    env.set("CARGO_NET_OFFLINE", "true");
    env.set("PATH", "/nowhere");
    let _ = env.run(&["connector", "build"]).exits(1).says("E0334").says("no `rustc`");
    env.set("PATH", std::env::var("PATH").unwrap());
    let built = env.run(&["connector", "build", "--json"]).success().json();
    assert_eq!(built["name"], "my-hr");
    // A build settles that a source is newer, also where cargo has nothing to do for it.
    env.write("beside.py", "# newer");
    let pack = || env.run(&["connector", "pack", "target/wasm32-wasip2/release/my_hr.wasm"]).success();
    let _ = pack().says("is older than `beside.py` in its project");
    let _ = env.run(&["connector", "build"]).success();
    let _ = pack().hides("is older than");
    let told = env.run(&["connector", "run"]).success();
    let _ = told.says("3 users on 2 pages").says("anna.berg@my-hr.example");
    // It keeps every rule of the suite, and each of its readings ends, whatever the answers are.
    let _ = env.run(&["connector", "test"]).success().says("0 failed");
    assert_eq!(env.run(&["sync", "--yes", "--json"]).success().figure("applied"), 3);
    // Its own tests run natively.
    let mut cargo = std::process::Command::new("cargo");
    let tested = cargo
        .args(["test", "--offline", "--test", "reads"])
        .current_dir(env.path(""))
        .env_remove("RUSTFLAGS");
    for name in
        ["RUSTC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_TARGET_DIR", "CARGO_MANIFEST_DIR"]
    {
        tested.env_remove(name);
    }
    let tested = tested.output().unwrap();
    let said =
        String::from_utf8_lossy(&tested.stdout).into_owned() + &String::from_utf8_lossy(&tested.stderr);
    assert!(tested.status.success() && said.contains("2 passed"), "{said}");
    // A component that asks for what its manifest does not is told when it is built.
    let manifest = env.read("src/connector.toml");
    let grant = manifest.find("[[grant.http]]").unwrap();
    env.write("src/connector.toml", &manifest[..grant]);
    let _ = env
        .run(&["connector", "build"])
        .exits(12)
        .says("E0301")
        .says("imports `http`")
        .says("write `[[grant.http]]` with");
    // What was built before is not taken for what was to be built.
    env.write("src/connector.toml", manifest);
    let _ = env.run(&["connector", "build"]).success();
    env.write("src/lib.rs", "fn broken(");
    let _ = env.run(&["connector", "build"]).exits(1).says("E0334").says("my_hr.wasm.old` now");
    let _ = env.run(&["connector", "run"]).exits(12).says("my_hr.wasm");
}
