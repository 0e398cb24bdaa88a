//! Our signatures and minisign's, each held against the other's program, where that is installed.

use std::process::{Command, Output};

use rollcall_tests::harness::TestEnv;

use crate::packages::{signed, trusting};

/// Runs minisign in a machine's folder; gives nothing where there is none.
fn minisign(env: &TestEnv, arguments: &[&str]) -> Option<Output> {
    let run = Command::new("minisign").args(arguments).current_dir(env.path("")).output();
    match run {
        Ok(output) => Some(output),
        Err(error) => {
            println!("not played: there is no minisign: {error}");
            None
        }
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn minisign_believes_what_is_signed_here() {
    let env = trusting();
    let package = signed(&env, "1.0.0", "");
    // `-H` takes the newer kind alone.
    for arguments in
        [&["-V", "-p", "acme.pub", "-m", &package][..], &["-V", "-H", "-p", "acme.pub", "-m", &package]]
    {
        let Some(output) = minisign(&env, arguments) else { return };
        assert!(output.status.success() && said(&output).contains("sha256:"), "{}", said(&output));
    }
    let mut changed = std::fs::read(env.path(&package)).unwrap();
    changed[600] ^= 1;
    env.write(&package, changed);
    let Some(output) = minisign(&env, &["-V", "-p", "acme.pub", "-m", &package]) else { return };
    assert!(!output.status.success(), "{}", said(&output));
}

#[test]
fn what_minisign_signs_is_believed_here() {
    let env = trusting();
    let package = signed(&env, "1.0.0", "");
    let Some(drawn) = minisign(&env, &["-G", "-W", "-p", "their.pub", "-s", "their.key"]) else { return };
    assert!(drawn.status.success(), "{}", said(&drawn));
    for kind in [&[][..], &["-l"]] {
        std::fs::remove_file(env.path(&format!("{package}.minisig"))).unwrap();
        let arguments = [&["-S", "-s", "their.key", "-m", &package], kind].concat();
        let Some(output) = minisign(&env, &arguments) else { return };
        assert!(output.status.success(), "{}", said(&output));
        let _ = env.run(&["connector", "verify", &package, "--key", "their.pub"]).success();
        let _ = env.run(&["connector", "verify", &package]).exits(12).says("E0324");
    }
    let _ = env.run(&["connector", "trust", "add", "their.pub", "--publisher", "They"]).success();
    let _ = env.run(&["connector", "install", &package, "--yes"]).success().says("signed by They");
    let _ = env.run(&["check"]).success();
}
