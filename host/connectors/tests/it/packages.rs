//! What is no connector is refused before it is compiled.

use rollcall_connectors::Package;

use crate::bench::guest;

fn check(bytes: Vec<u8>, expect: &str) {
    let wrong = Package::read(bytes).expect_err(expect);
    assert!(wrong[0].message.contains(expect), "{wrong:?} has no `{expect}`");
    let code = if expect.contains("made for the contract") { "E0320" } else { "E0301" };
    assert_eq!(wrong[0].code.0, code);
}

#[test]
fn what_is_no_connector_is_refused() {
    check(Vec::new(), "no WebAssembly component");
    check(b"PK\x03\x04 a zip".to_vec(), "no WebAssembly component");
    check(b"\0asm\x01\0\0\0".to_vec(), "a WebAssembly module, not a component");
    check(b"\0asm\x0d\0\x01\0".to_vec(), "does not export `rollcall:connector/directory@0.1.0`");
    check(vec![0; (32 << 20) + 1], "larger than 32 MiB");
}

#[test]
fn machine_code_is_refused() {
    let engine = wasmtime::Engine::default();
    let code = engine.precompile_component(b"\0asm\x0d\0\x01\0").unwrap();
    check(code, "machine code");
}

#[test]
fn a_truncated_package_is_refused() {
    let whole = guest("rollcall-connector-csv");
    for length in (8..whole.len()).step_by(1024) {
        assert!(Package::read(whole[..length].to_vec()).is_err(), "{length} bytes of {}", whole.len());
    }
}

#[test]
fn two_manifests_are_one_too_many() {
    let mut bytes = guest("rollcall-connector-csv");
    let section = b"\x11rollcall:manifestx = 1";
    bytes.push(0);
    bytes.push(section.len() as u8);
    bytes.extend_from_slice(section);
    check(bytes, "2 manifests");
}

#[test]
fn another_contract_is_named() {
    let bytes = guest("rollcall-connector-csv");
    let changed =
        replaced(&bytes, b"rollcall:connector/directory@0.1.0", b"rollcall:connector/directory@0.7.0");
    check(changed, "made for the contract `0.7.0` and this program speaks `0.1`");
    let changed = replaced(&bytes, b"rollcall:connector/files@0.1.0", b"rollcall:connector/filez@0.1.0");
    check(changed, "imports `rollcall:connector/filez@0.1.0`, which nobody gives");
    let changed = replaced(&bytes, b"[[grant.files]]", b"[[grant.httpx]]");
    check(changed, "unknown field `httpx`");
}

/// Puts bytes of the same length in the place of others, wherever they stand.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut changed = bytes.to_vec();
    let places: Vec<usize> = bytes
        .windows(from.len())
        .enumerate()
        .filter(|(_, window)| *window == from)
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty());
    for at in places {
        changed[at..at + to.len()].copy_from_slice(to);
    }
    changed
}
