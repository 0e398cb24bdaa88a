//! The end-to-end suite: one binary, so that the program is linked once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "the long tests say what they played")]
#![forbid(unsafe_code)]

use rollcall_tests::harness::TestEnv;
use rollcall_tests::repository;

mod admission;
mod adopt;
mod architecture;
mod bad_data;
mod clouds;
mod clouds_examples;
mod codes;
mod conformance;
mod connectors;
mod directories;
mod drift;
mod elsewhere;
mod entra_changes;
mod examples;
mod faults;
mod files;
mod google;
mod guard;
mod history;
mod identity;
mod kills;
mod ldap;
mod ldap_changes;
mod ldap_entries;
mod ldap_samba;
mod leavers;
mod lifecycle;
mod links;
mod management;
mod minisign;
mod okta;
mod operators;
mod packages;
mod partners;
mod plans;
mod recordings;
mod refusals;
mod registries;
mod scim;
mod secrets;
mod serve;
mod serving;
mod state_files;
mod suite;
mod trust;
mod undo;

/// Makes a machine of its own for a test.
fn env() -> TestEnv {
    TestEnv::new(env!("CARGO_BIN_EXE_rollcall"), concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"))
}
