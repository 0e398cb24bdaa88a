//! A partner's connector, let in: compiled in a process of its own, kept, and a bomb that harms that process alone.

use std::io::Write as _;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use rollcall_tests::scene::{Job, Scene};

use crate::{env, repository};

/// Has a component compiled by the child's command.
fn compiled(component: &[u8], limits: &[&str]) -> Output {
    let env = env();
    let mut command = env.command(&[&["compile-component"], limits].concat());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let component = component.to_vec();
    // A child that ends early breaks the pipe.
    let writer = std::thread::spawn(move || drop(input.write_all(&component)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// A length as WebAssembly writes it (LEB128).
fn length(mut length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while length > 0x7f {
        bytes.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [&[id][..], &length(content.len()), content].concat()
}

/// A component with one function that adds a number to a local again and again.
fn bomb(additions: usize) -> Vec<u8> {
    let mut body = vec![1, 1, 0x7f];
    for _ in 0..additions {
        body.extend([0x20, 0, 0x41, 1, 0x6a, 0x21, 0]);
    }
    body.push(0x0b);
    let code = [&[1][..], &length(body.len()), &body].concat();
    let module =
        [b"\0asm\x01\0\0\0".to_vec(), section(1, &[1, 0x60, 0, 0]), section(3, &[1, 0]), section(10, &code)];
    [b"\0asm\x0d\0\x01\0".to_vec(), section(1, &module.concat())].concat()
}

#[test]
fn a_compile_bomb_ends_its_own_process_and_no_other() {
    let small = compiled(&bomb(10), &[]);
    assert!(small.status.success() && !small.stdout.is_empty(), "{small:?}");
    let large = bomb(1_000_000);
    let began = Instant::now();
    for limits in [["--cpu", "1"], ["--memory", "300"]] {
        let output = compiled(&large, &limits);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{limits:?}: it was compiled; {said}");
        assert!(output.stdout.is_empty(), "{limits:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    let output = compiled(b"\0asm\x0d\0\x01\0 and more", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stderr.is_empty());
}

#[test]
fn a_partners_connector_is_compiled_apart_and_kept() {
    let scene = Scene::new(env(), 1);
    let package = std::fs::read(repository("tests/data/packages/roster-0.1.0.wasm")).unwrap();
    scene.env.write("roster.wasm", package);
    let job = Job::default().text("https://roster.example");
    let (_, rest) = job.split_once("[phone_system]").unwrap();
    let head = "name = \"Roster\"\n[directory]\nconnector = \"./roster.wasm\"\n[directory.settings]\n\
                url = \"https://roster.example\"\nclient_id = \"c\"\n[directory.credentials]\n\
                client_secret = { env = \"CLIENT_SECRET\" }\n[directory.grants]\n\
                http = [\"https://roster.example\"]\n[phone_system]";
    scene.env.write("roster.toml", format!("{head}{rest}"));
    let apart = "compiled in a process of its own";
    let _ = scene.env.run(&["check", "roster.toml", "-vv"]).says(apart);
    let _ = scene.env.run(&["check", "roster.toml", "-vv"]).hides(apart);
    // Somebody changes the machine code: it is not loaded, and said so.
    let kept = std::fs::read_dir(scene.env.state().join("components")).unwrap();
    let code = kept
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "cwasm"))
        .unwrap();
    let mut bytes = std::fs::read(&code).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&code, bytes).unwrap();
    let _ = scene.env.run(&["check", "roster.toml", "-vv"]).says("is not used and made anew").says(apart);
    // What is bundled is compiled here, as it was.
    let _ = scene.env.run(&["check", "job.toml", "-vv"]).success().hides(apart);
}
