//! The `rollcall` binary.

fn main() -> std::process::ExitCode {
    rollcall::main()
}
