//! The program under test: the same lines as `host/cli/src/main.rs`, so that the tests always run the fresh one.

#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    rollcall::main()
}
