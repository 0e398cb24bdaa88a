//! A connector on its way from its publisher to a job: packed, signed, installed, pinned; and each refusal on that way.

use std::os::unix::fs::PermissionsExt as _;

use rollcall_tests::harness::{Output, TestEnv};

use crate::connectors::{machine, partners, with_manifest};
use crate::env;

/// A manifest of a partner whose connector reads files, with further grants.
pub(crate) fn manifest(version: &str, grants: &str) -> String {
    format!(
        "name = \"hr\"\nversion = \"{version}\"\nabout = \"Reads people from a file.\"\ncontract = \"0.1\"\n\
         settings.path = {{ type = \"text\", required = true, about = \"The file.\", kind = \"path\" }}\n\
         settings.format = {{ type = \"text\", default = \"auto\", about = \"The format.\" }}\n\
         settings.delimiter = {{ type = \"text\", default = \",\", about = \"Between cells.\" }}\n\
         settings.id_column = {{ type = \"text\", default = \"id\", about = \"Who it is.\" }}\n\
         settings.encoding = {{ type = \"text\", default = \"utf-8\", about = \"The encoding.\" }}\n\
         [[grant.files]]\nfolder_of = \"path\"\nreason = \"Reads the people.\"\n{grants}"
    )
}

/// Packs and signs a component as `hr-VERSION.rollcall`.
pub(crate) fn signed(env: &TestEnv, version: &str, grants: &str) -> String {
    env.write("hr.wasm", with_manifest(&manifest(version, grants)));
    let _ = env.run(&["connector", "pack", "hr.wasm"]).success();
    let package = format!("hr-{version}.rollcall");
    let _ = env.run(&["connector", "sign", &package, "--key", "acme.key"]).success();
    package
}

/// A machine whose job names the connector `hr`, and whose operator trusts the publisher of it.
pub(crate) fn trusting() -> TestEnv {
    let env = machine("hr");
    let _ = env.run(&["connector", "keygen", "acme"]).success();
    let _ = env.run(&["connector", "trust", "add", "acme.pub", "--publisher", "Acme"]).success();
    env
}

fn install(env: &TestEnv, package: &str, more: &[&str]) -> Output {
    env.run(&[&["connector", "install", package], more].concat())
}

/// Changes a file where it holds `from`.
fn changed(env: &TestEnv, package: &str, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let mut bytes = std::fs::read(env.path(package)).unwrap();
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    env.write(package, bytes);
}

#[test]
fn from_a_component_to_a_job() {
    let env = trusting();
    let package = signed(&env, "1.0.0", "");
    let mode = std::fs::metadata(env.path("acme.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let _ = env.run(&["connector", "keygen", "acme"]).exits(1).says("never written over");
    // The same contents are the same bytes, and the same signature.
    let (bytes, signature) =
        (std::fs::read(env.path(&package)).unwrap(), env.read(&format!("{package}.minisig")));
    assert_eq!(signed(&env, "1.0.0", ""), package);
    assert_eq!(std::fs::read(env.path(&package)).unwrap(), bytes);
    assert_eq!(env.read(&format!("{package}.minisig")), signature);
    let _ = env.run(&["connector", "verify", &package]).success().says("signed by Acme with the key");
    let _ = env.run(&["connector", "verify", &package, "--key", "acme.pub"]).success().says("the given key");
    let _ = env.run(&["connector", "inspect", &package]).success().says("Reads the people.");
    // Nobody is there to be asked.
    let _ = env.run(&["check"]).exits(12).says("E0300").says("there is no connector `hr`");
    let asks = install(&env, &package, &[]).exits(64).says("E0901");
    let _ = asks
        .says("the file or folder in the setting `path`")
        .says("Reads the people.")
        .says("signed by Acme");
    let _ = env.run(&["check"]).exits(12);
    let _ = install(&env, &package, &["--yes", "--lock", "."]).success().says("connector = \"hr\"");
    for (name, mode) in [("", 0o700), ("register.json", 0o600)] {
        let path = env.state().join("connectors").join(name);
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, mode, "{name}");
    }
    let _ = env.run(&["connector", "list"]).success().says("Acme").says("runs");
    let _ = env.run(&["connector", "inspect", "hr"]).success().says("it is installed").says("signed by Acme");
    let _ = env.run(&["check", "--locked"]).success();
    assert_eq!(env.run(&["preview", "--json"]).success().figure("create"), 10);
    assert_eq!(env.run(&["sync", "--yes", "--json"]).success().figure("applied"), 10);
    let _ = env.run(&["connector", "test"]).success().says("10 users");
    let _ = install(&env, &package, &[]).success().says("installed already");
    let _ = env.run(&["connector", "remove", "hr"]).success();
    let _ = env.run(&["check"]).exits(12).says("E0300");
    let _ = env.run(&["connector", "remove", "hr"]).exits(1).says("E0333");
}

#[test]
fn what_is_not_what_was_signed_is_refused() {
    let env = trusting();
    let package = signed(&env, "1.0.0", "");
    let whole = std::fs::read(env.path(&package)).unwrap();
    let refused = |code: &str, why: &str| {
        let _ = install(&env, &package, &["--yes"]).exits(12).says(code).says(why);
        let _ = install(&env, &package, &["--yes", "--allow-unsigned"]).exits(12).says(code);
        let _ = env.run(&["connector", "verify", &package]).exits(12).says(code).says(why);
        let _ = env.run(&["check"]).exits(12).says("E0300");
    };
    changed(&env, &package, "Reads the people.", "Reads any people.");
    refused("E0325", "not what `Acme` signed");
    for length in [1000, whole.len() / 2, whole.len() - 1] {
        env.write(&package, &whole[..length]);
        refused("E0322", "cut off");
    }
    env.write(&package, [&whole[..], b"more"].concat());
    refused("E0322", "behind its end");
    env.write(&package, partners("hr", "1.0.0"));
    refused("E0321", "a component and no package");
    env.write(&package, b"PK\x03\x04");
    refused("E0321", "a compressed archive");
    env.write(&package, b"id,name\n");
    refused("E0321", "no package");
    // The signature of another package is none.
    env.write(&package, &whole);
    let other = signed(&env, "1.1.0", "");
    std::fs::copy(env.path(&format!("{other}.minisig")), env.path(&format!("{package}.minisig"))).unwrap();
    refused("E0325", "not what `Acme` signed");
    env.write(&format!("{package}.minisig"), "RW");
    refused("E0325", "it is no signature");
}

#[test]
fn who_is_not_trusted_is_refused() {
    let env = trusting();
    let package = signed(&env, "1.0.0", "");
    let signature = env.read(&format!("{package}.minisig"));
    std::fs::remove_file(env.path(&format!("{package}.minisig"))).unwrap();
    let _ = install(&env, &package, &["--yes"]).exits(12).says("E0323").says("--allow-unsigned");
    let _ = install(&env, &package, &["--yes", "--allow-unsigned"]).success().says("NOT SIGNED");
    let _ = env.run(&["connector", "list"]).success().says("not signed");
    let _ = env.run(&["check"]).success();
    let _ = env.run(&["connector", "remove", "hr"]).success();
    env.write(&format!("{package}.minisig"), signature);
    // A key that is trusted for something else, or no more. What is added widens, and never narrows in silence.
    let trust = |name: &str| {
        env.run(&["connector", "trust", "add", "acme.pub", "--publisher", "Acme", "--for", name])
    };
    let _ = trust("roster").exits(64).says("trusted for every connector already").says("trust remove KEY");
    let _ = env.run(&["connector", "trust", "remove", "acme.pub"]).success();
    let _ = trust("roster").success().says("Acme is trusted for roster, with");
    let refused = install(&env, &package, &["--yes"]).exits(12).says("E0324").says("trusted for roster");
    let _ = refused.says("`rollcall connector trust add KEY --publisher NAME --for hr` widens that");
    let _ = trust("hr").success().says("Acme is trusted for hr, roster, with");
    let _ = env.run(&["connector", "trust", "list"]).success().says("hr, roster");
    let _ = install(&env, &package, &["--yes"]).success();
    let _ = env.run(&["check"]).success();
    let _ = env.run(&["connector", "trust", "remove", "acme.pub"]).success();
    let _ = env.run(&["check"]).exits(12).says("E0324").says("which is not trusted");
    let _ = env.run(&["connector", "list"]).success().says("refused: ");
    // Bundled names are nobody's.
    env.write("csv.wasm", partners("csv", "9.0.0"));
    let _ = env.run(&["connector", "pack", "csv.wasm"]).exits(12).says("E0328").says("bundled name `csv`");
}

#[test]
fn what_is_revoked_runs_no_more() {
    for what in ["package", "component", "key"] {
        let env = trusting();
        let package = signed(&env, "1.0.0", "");
        let _ = install(&env, &package, &["--yes"]).success();
        let _ = env.run(&["check"]).success();
        let seen = env.run(&["connector", "inspect", &package, "--json"]).success().json();
        let revoked = match what {
            "key" => "acme.pub".to_owned(),
            digest => seen[format!("{digest}_sha256")].as_str().unwrap().to_owned(),
        };
        let _ = env.run(&["connector", "trust", "revoke", &revoked]).success().says("revoked");
        let _ = env.run(&["check"]).exits(12).says("E0326").says("is revoked");
        let _ = env.run(&["sync", "--yes"]).exits(12).says("E0326");
        let _ = env.run(&["connector", "remove", "hr"]).success();
        let _ = install(&env, &package, &["--yes"]).exits(12).says("E0326");
        let _ = install(&env, &package, &["--yes", "--allow-unsigned"]).exits(12).says("E0326");
    }
}

#[test]
fn a_revocation_holds_for_what_came_another_way() {
    // A component that a job names by its path.
    let env = trusting();
    env.write("hr.wasm", partners("hr", "1.0.0"));
    env.write("job.toml", env.read("job.toml").replace("\"hr\"", "\"./hr.wasm\""));
    let _ = env.run(&["check"]).success();
    let seen = env.run(&["connector", "inspect", "hr.wasm", "--json"]).success().json();
    let told =
        env.run(&["connector", "trust", "revoke", seen["component_sha256"].as_str().unwrap(), "--json"]);
    assert_eq!(told.success().json()["revoked"], seen["component_sha256"]);
    let _ = env.run(&["check"]).exits(12).says("E0326").says("is revoked");
    // A package that was taken although nobody trusts the key that signed it.
    let env = machine("hr");
    let _ = env.run(&["connector", "keygen", "acme"]).success();
    let package = signed(&env, "1.0.0", "");
    let _ = install(&env, &package, &["--yes", "--allow-unsigned"]).success();
    let _ = env.run(&["check"]).success();
    let _ = env.run(&["connector", "trust", "revoke", "acme.pub"]).success();
    let _ = env.run(&["check"]).exits(12).says("E0326");
    // What nobody understands holds nobody back, and is not passed over.
    let path = env.state().join("connectors/register.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let odd = oddly_revoked(&text);
    std::fs::write(&path, odd).unwrap();
    let _ = env.run(&["check"]).exits(1).says("neither a digest nor a key");
}

/// The register with a revocation that is neither a digest nor a key.
fn oddly_revoked(text: &str) -> String {
    let at = text.find("\"revoked\": [").unwrap() + "\"revoked\": [".len();
    format!("{}\"nonsense\", {}", &text[..at], &text[at..])
}

#[test]
fn what_is_gone_is_installed_again() {
    let env = trusting();
    let package = signed(&env, "1.0.0", "");
    let told = install(&env, &package, &["--yes", "--json"]).success().json();
    let kept = env.state().join(format!("connectors/{}.rollcall", told["sha256"].as_str().unwrap()));
    std::fs::remove_file(&kept).unwrap();
    let _ = env.run(&["check"]).exits(12).says("E0333").says("install it again");
    let _ = install(&env, &package, &["--yes"]).success().says("is installed;");
    let _ = env.run(&["check"]).success();
    assert_eq!(install(&env, &package, &["--json"]).success().json()["version"], "1.0.0");
    // A name that rollcall took for itself later is not what was pinned.
    let _ = env.run(&["connector", "lock", "--json"]).success();
    env.write("rollcall.lock", env.read("rollcall.lock").replace("\"hr\"", "\"csv\""));
    env.write("job.toml", env.read("job.toml").replace("connector = \"hr\"", "connector = \"csv\""));
    let _ = env.run(&["check"]).exits(12).says("E0330").says("which was a partner's");
    // A device has no end.
    let _ = env.run(&["connector", "inspect", "/dev/zero"]).exits(1).says("it is no file");
}

#[test]
fn an_update_goes_forward_and_asks_for_what_is_new() {
    let env = trusting();
    let (old, new) = (signed(&env, "1.9.0", ""), signed(&env, "1.10.0", ""));
    let asking = "[[grant.http]]\norigin = \"https://count.example/x\"\nmethods = [\"POST\"]\nreason = \"Counts uses.\"\n";
    let more = signed(&env, "2.0.0", asking);
    let update = |package: &str, more: &[&str]| env.run(&[&["connector", "update", package], more].concat());
    let _ = update(&old, &["--yes"]).exits(1).says("E0333");
    let _ = install(&env, &old, &["--yes"]).success();
    // Nothing new is asked for, so nobody need be asked.
    let _ = update(&new, &[]).success().says("1.10.0 is installed");
    let _ = install(&env, &old, &["--yes"]).exits(12).says("E0327").says("which is older");
    let _ = install(&env, &old, &["--yes", "--allow-downgrade"]).success();
    let asks = update(&more, &[]).exits(64).says("E0329").says("asks for 1 thing more");
    let asks = asks.says("POST https://count.example  (may receive directory data)").says("Counts uses.");
    let _ = asks.hides("Reads the people.");
    let _ = env.run(&["connector", "list"]).success().says("1.9.0");
    let _ = update(&more, &["--yes"]).success();
    // Asked for is not granted: the job has to say so too.
    let _ = env.run(&["check"]).exits(12).says("does not grant").says("https://count.example");
    // One version is one package.
    let again = signed(&env, "2.0.0", "");
    let _ = update(&again, &["--yes"]).exits(12).says("E0327").says("another package");
}

#[test]
fn a_lock_pins_what_runs() {
    let env = trusting();
    let _ = install(&env, &signed(&env, "1.0.0", ""), &["--yes"]).success();
    let _ = env.run(&["check", "--locked"]).exits(12).says("E0331").says("rollcall connector lock");
    let _ = env.run(&["connector", "lock"]).success().says("hr 1.0.0 sha256:");
    let _ = env.run(&["check", "--locked"]).success();
    let update = env.run(&["connector", "update", &signed(&env, "1.1.0", "")]).success();
    let _ = update
        .says("pins the version 1.0.0 of the connector `hr`, and it is 1.1.0")
        .says("`rollcall connector lock JOB`");
    let _ = env.run(&["connector", "update", "other"]).exits(1).says("E0333").says("installed are hr");
    for command in [&["check"][..], &["preview"], &["sync", "--yes"], &["connector", "run"]] {
        let _ = env.run(command).exits(12).says("E0330").says("pins the version 1.0.0");
    }
    let _ = env.run(&["connector", "lock"]).success().says("hr 1.1.0");
    let _ = env.run(&["check"]).success();
    env.write("rollcall.lock", "connector = 1\n");
    let _ = env.run(&["check"]).exits(12).says("E0331").says("cannot be read");
    // A component that a job names by its path is pinned by its own digest.
    let env = machine("./hr.wasm");
    env.write("hr.wasm", partners("hr", "1.0.0"));
    let _ = env.run(&["connector", "lock"]).success();
    let _ = env.run(&["check", "--locked"]).success();
    env.write("hr.wasm", with_manifest(&manifest("1.0.0", "")));
    let _ = env.run(&["check"]).exits(12).says("E0330").says("pins the digest");
}

#[test]
fn a_component_is_held_against_the_package_that_it_is_in() {
    let env = trusting();
    let _ = install(&env, &signed(&env, "1.0.0", ""), &["--yes", "--lock", "."]).success();
    let lock = env.read("rollcall.lock");
    let job = env.read("job.toml");
    // The job names what was packed, by its path.
    env.write("job.toml", job.replace("connector = \"hr\"", "connector = \"./hr.wasm\""));
    let _ = env.run(&["check", "--locked"]).success();
    let _ = env.run(&["connector", "lock"]).success();
    assert_eq!(env.read("rollcall.lock"), lock);
    env.write("hr.wasm", with_manifest(&manifest("1.0.0", "# another\n")));
    let _ = env.run(&["check"]).exits(12).says("E0330").says("pins the digest");
    // And a component that was pinned by its path is the one of the package.
    let _ = signed(&env, "1.0.0", "");
    std::fs::remove_file(env.path("rollcall.lock")).unwrap();
    let _ = env.run(&["connector", "lock"]).success();
    env.write("job.toml", job);
    let _ = env.run(&["check", "--locked"]).success();
}

#[test]
fn a_line_of_an_earlier_kind_is_completed() {
    let env = trusting();
    let _ = install(&env, &signed(&env, "1.0.0", ""), &["--yes", "--lock", "."]).success();
    let lock = env.read("rollcall.lock");
    let earlier: String =
        lock.split_inclusive('\n').filter(|line| !line.starts_with("component = ")).collect();
    assert!(earlier.contains("key = ") && earlier != lock, "{lock}");
    env.write("rollcall.lock", &earlier);
    let _ = env.run(&["check", "--locked"]).success();
    env.write("job.toml", env.read("job.toml").replace("connector = \"hr\"", "connector = \"./hr.wasm\""));
    let told = env.run(&["check"]).exits(12).says("E0330").says("in a line of an earlier kind");
    let _ = told.says("`rollcall connector lock JOB` completes the line");
    let _ = env.run(&["connector", "lock"]).success();
    assert_eq!(env.read("rollcall.lock"), lock);
    let _ = env.run(&["check", "--locked"]).success();
    // Without the package nobody knows what is in it, and the key stays.
    env.write("rollcall.lock", &earlier);
    let _ = env.run(&["connector", "remove", "hr"]).success();
    let _ = env.run(&["connector", "lock"]).exits(12).says("E0330").says("take the line of `hr` out");
    assert_eq!(env.read("rollcall.lock"), earlier);
}

#[test]
fn a_package_beside_a_component_of_its_name_is_told() {
    let env = trusting();
    env.write("own.wasm", partners("hr", "1.0.0"));
    let job = env.read("job.toml");
    env.write("job.toml", job.replace("connector = \"hr\"", "connector = \"./own.wasm\""));
    let _ = env.run(&["connector", "lock"]).success();
    let told = install(&env, &signed(&env, "1.1.0", ""), &["--yes"]).success().says("warning[E0330]");
    let told = told.says("jobs of this folder that name it as `hr` do not run");
    let _ = told.says("the jobs that name it by its path go on").hides("until it is moved");
    let _ = env.run(&["check", "--locked"]).success();
    env.write("job.toml", job);
    let _ = env.run(&["check"]).exits(12).says("E0330");
}

#[test]
fn an_update_says_what_still_pins_the_earlier_one() {
    let env = trusting();
    let _ = install(&env, &signed(&env, "1.0.0", ""), &["--yes", "--lock", "."]).success();
    let new = signed(&env, "1.1.0", "");
    let update = |more: &[&str]| env.run(&[&["connector", "update", &new], more].concat()).success();
    let pins = "pins the version 1.0.0 of the connector `hr`, and it is 1.1.0";
    let _ = update(&[]).says("warning").says(pins).says("`--lock DIR` with this command");
    let _ = update(&[]).says("installed already").says(pins);
    let _ = update(&["--lock", "."]).hides(pins);
    let _ = update(&[]).hides("rollcall.lock");
    let _ = env.run(&["check", "--locked"]).success();
    // Where the lock lies elsewhere it is spoken of as well.
    std::fs::remove_file(env.path("rollcall.lock")).unwrap();
    let newest = signed(&env, "1.2.0", "");
    let _ = env.run(&["connector", "update", &newest]).success().says("goes on pinning the earlier one");
}

#[test]
fn an_installed_package_that_was_changed_does_not_run() {
    let env = trusting();
    let _ = install(&env, &signed(&env, "1.0.0", ""), &["--yes"]).success();
    let folder = env.state().join("connectors");
    let package = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let package =
        package.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "rollcall")).unwrap();
    let whole = std::fs::read(&package).unwrap();
    let at = whole.windows(17).position(|window| window == b"Reads the people.").unwrap();
    let mut other = whole.clone();
    other[at] = b'r';
    std::fs::write(&package, other).unwrap();
    let _ = env.run(&["check"]).exits(12).says("E0325").says("not the one that was installed");
    std::fs::remove_file(&package).unwrap();
    let _ = env.run(&["check"]).exits(12).says("E0333").says("is gone");
    // A register that is damaged is damaged for everybody: the state's fault, and not the job's.
    std::fs::write(folder.join("register.json"), "{ \"connectors\": ").unwrap();
    for command in [&["connector", "list"][..], &["check"], &["preview"], &["connector", "run"]] {
        let _ = env.run(command).exits(1).says("the register of connectors is damaged");
    }
    // A machine where nothing was ever installed has no folder for it.
    let env = env_without();
    assert!(!env.state().join("connectors").exists());
}

fn env_without() -> TestEnv {
    let env = env();
    let _ = env.run(&["connector", "list"]).success().says("no connector is installed");
    env
}
