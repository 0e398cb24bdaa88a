//! The example of `examples/partner-connector`: one connector in Rust, JavaScript and Python, each built by the commands on
//! its page, all three reading the same.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rollcall_tests::harness::TestEnv;
use rollcall_tests::hr::{Bellbird, CLIENT_SECRET, Simulator};
use rollcall_tests::partners::{EXAMPLE, LANGUAGES, Language, files, run};
use rollcall_tests::scene::users_of;
use serde_json::Value;

use crate::{env, repository};

/// How many employees are in `bellbird.json`.
const PEOPLE: usize = 7;
/// How many of them stand on a page.
const PAGE: usize = 3;
/// How many requests that go wrong the suite has.
const FAULTS: usize = 11;
/// Gives the languages that can be built on this machine, with their components.
fn built() -> &'static [(&'static Language, PathBuf)] {
    static BUILT: OnceLock<Vec<(&Language, PathBuf)>> = OnceLock::new();
    BUILT.get_or_init(|| {
        let mut all = Vec::new();
        for language in &LANGUAGES {
            match language.build() {
                Ok(made) => {
                    // Compiled to machine code here, or three tests would do it at a time.
                    let _ = machine(language, &made).run(&["preview", &job(language)]);
                    all.push((language, made));
                }
                Err(why) if language.name != "rust" => println!("not played: {}: {why}", language.name),
                Err(why) => panic!("{why}"),
            }
        }
        all
    })
}

fn job(language: &Language) -> String {
    format!("{}/job.toml", language.name)
}

/// A machine with the example's files and one language's component.
fn machine(language: &Language, made: &Path) -> TestEnv {
    let env = env();
    for path in files(&repository(EXAMPLE)) {
        let name = path.strip_prefix(repository(EXAMPLE)).unwrap().to_str().unwrap().to_owned();
        if name.starts_with(&format!("{}/job", language.name)) || !name.contains('/') {
            env.write(&name, std::fs::read(&path).unwrap());
        }
    }
    env.write(&format!("{}/{}", language.name, language.made), std::fs::read(made).unwrap());
    env
}

/// The same, asking a server.
fn live(language: &Language, made: &Path, bellbird: &Simulator) -> TestEnv {
    let mut env = machine(language, made);
    env.set("BELLBIRD_SECRET", CLIENT_SECRET);
    let text = env
        .read("bellbird.toml")
        .replace("recording = \"hr.recording\"\n", "")
        .replace("https://acme.bellbird.example", &bellbird.url());
    env.write("bellbird.toml", text);
    env
}

fn bellbird() -> Simulator {
    let people = std::fs::read_to_string(repository(EXAMPLE).join("bellbird.json")).unwrap();
    Simulator::of(Bellbird::new(serde_json::from_str(&people).unwrap(), PAGE)).unwrap()
}

#[test]
fn three_languages_read_the_same() {
    let page = std::fs::read_to_string(repository(EXAMPLE).join("README.md")).unwrap();
    let mut seen: Vec<(String, Vec<Value>)> = Vec::new();
    for (language, made) in built() {
        let env = machine(language, made);
        let job = job(language);
        let _ = env.run(&["check", &job]).success();
        // What the page shows. The suite takes each language against a server, below.
        if language.name == "javascript" {
            let _ = env.run(&["connector", "test", &job]).success().says("7 users on").says(", 0 failed.");
        }
        let preview = env.run(&["preview", &job]).success();
        for line in page.lines().filter(|line| line.starts_with("+ ") || line.starts_with("Plan for")) {
            assert!(preview.stdout.contains(line), "the page promises `{line}`: {}", preview.stdout);
        }
        let run = env.run(&["sync", &job, "--yes", "--json"]).success();
        assert_eq!(run.figure("applied"), PEOPLE as u64);
        assert_eq!(env.run(&["sync", &job, "--yes", "--json"]).success().figure("unchanged"), PEOPLE as u64);
        let mut users = users_of(&env, &format!("{}/office.db", language.name));
        for user in &mut users {
            user.as_object_mut().unwrap().remove("guid");
        }
        seen.push((preview.stdout, users));
    }
    assert!(seen.windows(2).all(|two| two[0] == two[1]), "{seen:#?}");
}

#[test]
fn each_conforms_and_asks_for_what_is_recorded() {
    let kept = repository(EXAMPLE).join("hr.recording");
    for (language, made) in built() {
        let bellbird = bellbird();
        let env = live(language, made, &bellbird);
        let job = job(language);
        let run = env.run(&["connector", "test", &job, "--json"]);
        let findings = run.json()["directories"][0]["findings"].as_array().unwrap().clone();
        let wrong: Vec<_> = findings.iter().filter(|finding| finding["state"] != "passed").collect();
        assert_eq!((wrong, run.code), (Vec::new(), Some(0)), "{}: {}", language.name, run.stderr);
        let tried = findings.iter().filter(|one| one["message"].as_str().unwrap().starts_with("tried at "));
        assert_eq!(tried.count(), FAULTS, "{findings:?}");
        let recorded = env.run(&["preview", &job, "--record", "new.recording"]);
        let _ = recorded.success();
        let new = env.read("new.recording").replace(&bellbird.url(), "https://acme.bellbird.example");
        if std::env::var_os("UPDATE_EXPECT").is_some() && language.name == "rust" {
            std::fs::write(&kept, &new).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&kept).ok().as_deref(), Some(&*new), "{}", language.name);
        let world = bellbird.world();
        assert!(!world.journal.secret_strayed(CLIENT_SECRET) && !world.journal.token_strayed());
        assert_eq!(env.files_with(CLIENT_SECRET), Vec::<PathBuf>::new());
    }
}

#[test]
fn each_says_what_is_wrong() {
    for (language, made) in built() {
        let bellbird = bellbird();
        let env = live(language, made, &bellbird);
        let job = job(language);
        let _ =
            env.run(&["test-connection", &job]).success().says("employees can be listed").says("7 in scope");
        // Of Sean O'Neil's department alone, whose name has to be encoded.
        let settings = format!("{}department = \"R & D=50%+é\"\n", "[directory.settings]\n");
        env.write("bellbird.toml", env.read("bellbird.toml").replace("[directory.settings]\n", &settings));
        bellbird.world().employees[4]["department"] = "R & D=50%+é".into();
        assert_eq!(env.run(&["preview", &job, "--json"]).success().figure("create"), 1, "{}", language.name);
        bellbird.world().may_list = false;
        let run = env.run(&["test-connection", &job]);
        assert_ne!(run.code, Some(0));
        let _ = run.says("Bellbird refuses to list employees").says("employees.read");
        // What the connector did not think of: an employee without an id.
        bellbird.world().may_list = true;
        bellbird.world().employees[4]["id"] = Value::Null;
        let run = env.run(&["preview", &job]);
        assert_ne!(run.code, Some(0), "{}", language.name);
        let _ = run.says("has no id");
    }
}

#[test]
fn a_new_project_is_built_in_each_language() {
    for (language, _) in built().iter().filter(|(language, _)| language.name != "rust") {
        let mut env = env();
        // The tools of this machine.
        for name in ["PATH", "HOME"] {
            env.set(name, std::env::var(name).unwrap());
        }
        let _ = env.run(&["connector", "new", "my-hr", ".", "--lang", language.name]).success().says("sdk/");
        let built = env.run(&["connector", "build", "--json"]).success().json();
        assert_eq!((built["name"].as_str(), built["version"].as_str()), (Some("my-hr"), Some("0.1.0")));
        let _ = env.run(&["connector", "inspect", "hr.wasm"]).success().says("Reads the employees.");
        // Its own tests run without a component.
        let tested: [&str; 2] = match language.name {
            "python" => [".venv/bin/python", "-m unittest tests/test_hr.py"],
            _ => ["npm", "test"],
        };
        let program = if language.name == "python" { env.path(tested[0]) } else { tested[0].into() };
        run(Command::new(program).args(tested[1].split(' ')).current_dir(env.path(""))).unwrap();
        let manifest = env.read("connector.toml");
        env.write("connector.toml", &manifest[..manifest.find("[[grant.http]]").unwrap()]);
        let told = env.run(&["connector", "build"]).exits(1).says("E0334");
        let _ = told.says(
            "uses `http`, which its manifest does not ask for: write `[[grant.http]]` into connector.toml",
        );
        env.write("connector.toml", manifest);
        let _ = env.run(&["connector", "build"]).success();
        // Compiling a Python interpreter to machine code takes long, and the tests above have done it once.
        if language.name == "javascript" {
            let _ = env.run(&["connector", "run"]).success().says("7 users on 4 pages");
            let _ = env.run(&["connector", "test"]).success().says("0 failed");
            assert_eq!(env.run(&["sync", "--yes", "--json"]).success().figure("applied"), PEOPLE as u64);
            // Mistakes of a beginner are told where they come to light, and not as a crash.
            let source = env.read("hr.js");
            for (from, to, expect) in [
                (
                    "export const directory",
                    "const directory",
                    "`hr.js` exports no `directory`: write `export const",
                ),
                ("*list(settings)", "list(settings)", "`list` gives nothing: write `*list(settings) {"),
                ("yield employees.map(user)", "yield [employees.none.more]", "TypeError: "),
            ] {
                assert!(source.contains(from));
                let changed = source.replace(from, to);
                env.write(
                    "hr.js",
                    if to == "list(settings)" { changed.replace("yield ", "") } else { changed },
                );
                let _ = env.run(&["connector", "build"]).success();
                let run = env.run(&["connector", "run", "-vv"]).exits(13).says("E0307").says(expect);
                assert!(
                    from != "yield employees.map(user)" || run.stderr.contains("at list"),
                    "{}",
                    run.stderr
                );
            }
            env.write("hr.js", "export const directory = 1 +;");
            let _ = env
                .run(&["connector", "build"])
                .exits(1)
                .says("E0334")
                .says("`npm run --silent build` failed")
                .says("./hr.wasm` is of an earlier build and is `./hr.wasm.old` now");
            // What was built before is not taken for what was to be built.
            let _ = env.run(&["connector", "run"]).exits(12).says("hr.wasm");
        } else {
            env.write("other.py", "");
            let _ = env.run(&["connector", "build"]).exits(1).says("E0334").says("2 Python files");
        }
        env.set("PATH", "/nowhere");
        if language.name == "python" {
            std::fs::remove_file(env.path("other.py")).unwrap();
            std::fs::remove_dir_all(env.path(".venv")).unwrap();
        }
        let _ = env.run(&["connector", "build"]).exits(1).says("on the path").says("install");
    }
}

/// The SDKs' own tests, with their hosts for tests below them.
#[test]
fn the_python_sdk_does_what_it_says_in_plain_python() {
    let new = "import sys; sys.exit(sys.version_info < (3, 11))";
    if !Command::new("python3").args(["-c", new]).status().is_ok_and(|status| status.success()) {
        println!("not played: there is no Python 3.11");
        return;
    }
    let sdk = repository("plugins/sdk-python");
    let example = repository(EXAMPLE).join("python");
    for (folder, test) in [(&sdk, "tests/test_sdk.py"), (&example, "tests/test_hr.py")] {
        let python = Command::new("python3")
            .args(["-B", "-m", "unittest", test])
            .current_dir(folder)
            .env("PYTHONPATH", &sdk)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&python.stderr);
        assert!(python.status.success() && said.contains("\nOK"), "{test}: {said}");
    }
}

#[test]
fn the_javascript_sdk_does_what_it_says_in_node() {
    let node = Command::new("node")
        .args(["--import", "./testing/index.js", "--test", "test/"])
        .current_dir(repository("plugins/sdk-javascript"))
        .output();
    match node {
        Ok(node) => {
            let said = String::from_utf8_lossy(&node.stdout);
            assert!(node.status.success(), "{said}");
            let passed = said.lines().filter(|line| line.starts_with("ok ")).count();
            assert!(said.contains("# fail 0") && passed > 1, "{said}");
        }
        Err(why) => println!("not played: there is no Node: {why}"),
    }
}

#[test]
fn what_stands_twice_is_the_same() {
    let text = |path: &str| {
        std::fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let wit = text("plugins/wit/v0.1/connector.wit");
    assert_eq!(text("plugins/sdk-python/rollcall_connector/connector.wit"), wit);
    assert_eq!(text("plugins/sdk-javascript/connector.wit"), wit);
    let page = text(&format!("{EXAMPLE}/README.md"));
    let guide = text("plugins/README.md");
    for language in &LANGUAGES {
        let manifest = text(&format!("{EXAMPLE}/{}/connector.toml", language.name));
        assert_eq!(manifest, text(&format!("{EXAMPLE}/rust/connector.toml")));
        for command in language.commands {
            assert!(page.contains(command), "the page does not say `{command}`");
        }
    }
    for (fence, path) in [("python", "python/hr.py"), ("js", "javascript/hr.js")] {
        let code = text(&format!("{EXAMPLE}/{path}"));
        assert!(guide.contains(&format!("```{fence}\n{code}```")), "the guide shows another `{path}`");
    }
}

#[test]
fn the_examples_recording_becomes_a_fixture() {
    if let Some((language, made)) = built().first() {
        let env = machine(language, made);
        let arguments =
            ["connector", "fixture", "hr.recording", "--job", &job(language), "--pseudonyms", "--json"];
        let told = env.run(&arguments).success().json();
        assert_eq!(told["replayed"]["users"], PEOPLE, "{told}");
        let fixture = env.read("hr.fixture.recording");
        for hidden in ["Berg", "Anna", "zoe.mueller", "7946 0101", "E1001"] {
            assert!(env.read("hr.recording").contains(hidden) && !fixture.contains(hidden), "{hidden}");
        }
    }
}
