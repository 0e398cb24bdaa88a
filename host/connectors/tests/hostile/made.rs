//! Components from text, for what a Rust guest cannot do: a core module in WAT with the calling convention written by
//! hand, wrapped as any toolchain would.

use rollcall_connectors::{ConnectSpec, Package};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::bench::job;

const WIT: &str = include_str!("../../../../plugins/wit/v0.1/connector.wit");

/// The parts of the WASI that a hand-made guest asks for.
const WASI: [&str; 2] = [
    "package wasi:random@0.2.6;\ninterface random { get-random-bytes: func(len: u64) -> list<u8>; }",
    "package wasi:clocks@0.2.6;\ninterface monotonic-clock { now: func() -> u64; }",
];

const MANIFEST: &str = r#"
name = "made"
version = "0.1.0"
about = "Written by hand; a guest for tests."
contract = "0.1"
"#;

/// Asks for the one server that nobody is at.
pub(crate) const GRANT: &str = r#"
[[grant.http]]
origin = "http://127.0.0.1:9"
methods = ["GET"]
reason = "Reads."
"#;

/// A guest to be made. Everything that it does not say is done as it should be.
#[derive(Clone, Copy)]
pub(crate) struct Made<'a> {
    /// Further imports of its world, in WIT.
    pub(crate) imports: &'a str,
    /// What stands at the head of the module: imports, tables, functions.
    pub(crate) head: &'a str,
    /// Further memories.
    pub(crate) memories: &'a str,
    /// The first memory, in pages of 64 KiB.
    pub(crate) pages: u32,
    /// The body of `attributes`.
    pub(crate) attributes: &'a str,
    /// The body of `listing.open`.
    pub(crate) open: &'a str,
    /// The body of `listing.next`. The page that it gives stands at 64, and is empty.
    pub(crate) next: &'a str,
    /// The body of the destructor of `listing`.
    pub(crate) destructor: &'a str,
    /// How it writes texts.
    pub(crate) encoding: StringEncoding,
    /// What its manifest asks for.
    pub(crate) grants: &'a str,
}

/// Ends well, with nobody.
pub(crate) const ENDS: &str = "(i32.store8 (i32.const 96) (i32.const 1)) (i32.const 64)";

impl Default for Made<'_> {
    fn default() -> Self {
        Self {
            imports: "",
            head: "",
            memories: "",
            pages: 2,
            attributes: "(i32.const 64)",
            open: "(i32.store (i32.const 36) (call $new (i32.const 1))) (i32.const 32)",
            next: ENDS,
            destructor: "",
            encoding: StringEncoding::UTF8,
            grants: "",
        }
    }
}

impl Made<'_> {
    fn text(&self) -> String {
        let Self { head, memories, pages, attributes, open, next, destructor, .. } = self;
        // Field positions of `result<page, error>` at 64: tag 64, columns 68, changes 76, token 84, end 96.
        format!(
            r#"(module
  (import "[export]rollcall:connector/directory@0.1.0" "[resource-new]listing"
    (func $new (param i32) (result i32)))
  {head}
  (memory (export "memory") {pages}) {memories}
  (global $top (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
    (global.set $top (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func (export "rollcall:connector/directory@0.1.0#validate") (param i32 i32) (result i32) (i32.const 64))
  (func (export "rollcall:connector/directory@0.1.0#identity") (param i32 i32) (result i32) (i32.const 64))
  (func (export "rollcall:connector/directory@0.1.0#check") (param i32 i32) (result i32) (i32.const 64))
  (func (export "rollcall:connector/directory@0.1.0#attributes") (param i32 i32) (result i32) {attributes})
  (func (export "rollcall:connector/directory@0.1.0#[static]listing.open")
    (param i32 i32 i32 i32 i32) (result i32) {open})
  (func (export "rollcall:connector/directory@0.1.0#[method]listing.next") (param i32 i32) (result i32) {next})
  (func (export "rollcall:connector/directory@0.1.0#[dtor]listing") (param i32) {destructor})
)"#
        )
    }

    /// Gives the component.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        resolve.push_source("connector.wit", WIT).unwrap();
        for text in WASI {
            resolve.push_source("wasi.wit", text).unwrap();
        }
        let world = format!(
            "package test:guest;\nworld guest {{ include rollcall:connector/connector@0.1.0; {} }}",
            self.imports
        );
        let package = resolve.push_source("guest.wit", &world).unwrap();
        let world = resolve.select_world(&[package], Some("guest")).unwrap();
        let mut module = wat::parse_str(self.text()).unwrap();
        embed_component_metadata(&mut module, &resolve, world, self.encoding).unwrap();
        let component = ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap();
        sealed(component, &format!("{MANIFEST}{}", self.grants))
    }

    /// Gives the package.
    pub(crate) fn package(&self) -> Package {
        Package::read(self.bytes()).unwrap()
    }
}

/// Seals a manifest into a component.
fn sealed(mut component: Vec<u8>, manifest: &str) -> Vec<u8> {
    const NAME: &str = "rollcall:manifest";
    let length = |length: usize| {
        // LEB128 of any length that fits into two bytes.
        [(length & 0x7f | 0x80) as u8, (length >> 7) as u8]
    };
    component.push(0);
    component.extend(length(1 + NAME.len() + manifest.len()));
    component.push(NAME.len() as u8);
    component.extend(NAME.bytes());
    component.extend(manifest.bytes());
    component
}

/// A job for such a guest, with limits that a test has patience for.
pub(crate) fn made() -> ConnectSpec {
    let mut spec = job(serde_json::json!({}));
    spec.limits.insert("cpu_seconds_per_call".into(), 1);
    spec
}
