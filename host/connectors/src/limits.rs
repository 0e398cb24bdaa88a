//! Every bound on what a connector may use, in one place: the named ones that a job may move under
//! `[directory.limits]`, and the fixed ones that only protect the host itself.

use std::collections::BTreeMap;
use std::time::Duration;

use rollcall_core::{Diagnostic, Text, codes};

use crate::words::did_you_mean;

/// The largest package that is accepted, in bytes. Python components measure 18 MiB.
pub const PACKAGE_BYTES: usize = 32 << 20;
/// The largest manifest, in bytes.
pub const MANIFEST_BYTES: usize = 64 << 10;
/// The largest contract inside a package, in bytes.
pub const WIT_BYTES: usize = 256 << 10;
/// The longest licence, in bytes.
pub const LICENCE_BYTES: usize = 256 << 10;
/// The longest id of a user, in bytes.
pub const ID_BYTES: usize = 512;
/// The longest token, in bytes.
pub const TOKEN_BYTES: usize = 64 << 10;
/// The most columns of a page.
pub const COLUMNS: usize = 1_000;
/// The longest name of a column or attribute, in bytes.
pub const NAME_BYTES: usize = 256;
/// The longest single text or byte string of a cell, in bytes.
pub const CELL_BYTES: usize = 1 << 20;
/// The most values of one cell.
pub const CELL_VALUES: usize = 10_000;
/// The most attributes that a connector may describe.
pub const ATTRIBUTES: usize = 100_000;
/// The most findings of a connection test, and the most faults of the settings, that are kept.
pub const FINDINGS: usize = 100;
/// The longest text of an error, hint or finding, in bytes; what is longer is cut.
pub const MESSAGE_BYTES: usize = 2_000;
/// The longest log line, in bytes; what is longer is cut.
pub const LOG_LINE_BYTES: usize = 4_000;
/// How many users are asked for at a time.
pub const PAGE_USERS: u32 = 1_000;
/// How many empty pages may follow one another before the listing counts as stuck.
pub const EMPTY_PAGES: u64 = 10_000;
/// The most table elements of all tables of an instance. Python and JavaScript need tens of thousands.
pub const TABLE_ELEMENTS: usize = 200_000;
/// The most core instances, memories and tables of an instance.
pub const INSTANCES: usize = 200;
/// The most handles that are open at a time, in the component and in the host's table.
pub const HANDLES: usize = 1_000;
/// The most bytes that one host call or one result may copy out of the guest. An empty text counts as 16 of them and takes
/// three times as many here, which is as bad as it gets.
pub const COPY_BYTES: usize = 96 << 20;
/// The most random bytes of one request.
pub const RANDOM_BYTES: u64 = 1 << 20;
/// The most bytes of one `read` of a response or a file.
pub const READ_BYTES: u32 = 1 << 20;
/// The longest request body, in bytes.
pub const REQUEST_BYTES: usize = 8 << 20;
/// The most headers of one request.
pub const REQUEST_HEADERS: usize = 100;
/// The longest header value or URL, in bytes.
pub const HEADER_BYTES: usize = 8 << 10;
/// The longest DN that a search may begin at, in bytes.
pub const DN_BYTES: usize = 8 << 10;
/// The longest filter of a search, in bytes.
pub const FILTER_BYTES: usize = 64 << 10;
/// The most attributes that one search asks for.
pub const SEARCH_ATTRIBUTES: usize = 1_000;
/// The most names that `names` gives of one folder.
pub const FOLDER_NAMES: usize = 10_000;
/// The largest file that is recorded, in bytes.
pub const RECORDED_BYTES: u64 = 64 << 20;
/// The wasm stack, in bytes.
pub const WASM_STACK_BYTES: usize = 1 << 20;
/// The stack of the fiber that runs wasm and the host functions it calls, in bytes.
pub const FIBER_STACK_BYTES: usize = 2 << 20;
/// The processor time that compiling a foreign connector may take. A Python component of 18 MiB takes 10 seconds.
pub const COMPILE_CPU: Duration = Duration::from_secs(120);
/// The wall time that it may take.
pub const COMPILE_WALL: Duration = Duration::from_secs(600);
/// The address space that compiling it may take, in bytes.
pub const COMPILE_MEMORY_BYTES: u64 = 3 << 30;
/// The most machine code that comes of it, in bytes. That of a Python component is 31 MiB.
pub const COMPILED_BYTES: u64 = 512 << 20;
/// How many linked connectors a process keeps in memory.
pub const CODES_KEPT: usize = 32;
/// How often the epoch moves on: how finely a guest is interrupted.
pub const TICK: Duration = Duration::from_millis(10);

/// One limit that a job may move.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    /// Its name under `[directory.limits]`.
    pub name: &'static str,
    /// What it is unless a job moves it.
    pub default: u64,
    /// How far a job may move it.
    pub most: u64,
    /// What it bounds, and in which unit.
    pub about: &'static str,
}

/// The limits that a job may move, with what they are unless it does and how far it may go.
pub const NAMED: &[Named] = &[
    Named {
        name: "bytes_mib",
        default: 8_192,
        most: 1 << 20,
        about: "MiB of all responses and files of one listing",
    },
    Named {
        name: "call_wall_seconds",
        default: 300,
        most: 86_400,
        about: "wall time of one call in seconds, waiting for the directory included",
    },
    Named {
        name: "cpu_seconds",
        default: 1_800,
        most: 86_400,
        about: "time on the processor of one listing, in seconds",
    },
    Named {
        name: "cpu_seconds_per_call",
        default: 60,
        most: 86_400,
        about: "time on the processor of one call, in seconds",
    },
    Named {
        name: "log_lines",
        default: 2_000,
        most: 1_000_000,
        about: "log lines of one listing; more are dropped",
    },
    Named {
        name: "memory_mib",
        default: 256,
        most: 3_072,
        about: "MiB of all memories of an instance together",
    },
    Named { name: "pages", default: 100_000, most: 100_000_000, about: "pages of one listing" },
    Named { name: "requests", default: 1_000_000, most: 100_000_000, about: "requests of one listing" },
    Named { name: "response_mib", default: 64, most: 1_024, about: "MiB of one response, decompressed" },
    Named { name: "users", default: 5_000_000, most: 100_000_000, about: "users of one listing" },
    Named {
        name: "wall_seconds",
        default: 3_600,
        most: 604_800,
        about: "wall time of one listing, in seconds",
    },
];

/// The limits of one connection to a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of all memories of the guest together, in bytes.
    pub memory_bytes: usize,
    /// Time on the processor of one call.
    pub call_cpu: Duration,
    /// Time on the processor of one listing.
    pub run_cpu: Duration,
    /// Wall time of one call, waiting for the directory included.
    pub call_wall: Duration,
    /// Wall time of one listing.
    pub run_wall: Duration,
    /// Pages of one listing.
    pub pages: u64,
    /// Changes of one listing.
    pub users: u64,
    /// Bytes of one response's body, decompressed.
    pub response_bytes: u64,
    /// Requests of one listing.
    pub requests: u64,
    /// Bytes of all responses and files of one listing.
    pub bytes: u64,
    /// Log lines of one listing.
    pub log_lines: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self::from_values(|limit| limit.default)
    }
}

impl Limits {
    /// Takes the defaults and moves what a job's `[directory.limits]` names.
    ///
    /// # Errors
    ///
    /// Gives one diagnostic for each unknown name and each value that is 0 or too large.
    pub fn with(overrides: &BTreeMap<Text, u64>) -> Result<Self, Vec<Diagnostic>> {
        let mut wrong = Vec::new();
        for (name, value) in overrides {
            let place = ["directory", "limits", name];
            let Some(limit) = NAMED.iter().find(|limit| limit.name == &**name) else {
                let message = format!("there is no limit `{name}`");
                let hint = did_you_mean(name, NAMED.iter().map(|limit| limit.name));
                wrong.push(Diagnostic::error(codes::JOB_UNKNOWN_KEY, message).path(&place).hint(hint));
                continue;
            };
            if *value == 0 || *value > limit.most {
                let message = format!("`{name}` must be between 1 and {}, not {value}", limit.most);
                let hint = format!("the default is {}", limit.default);
                wrong.push(Diagnostic::error(codes::JOB_BAD_VALUE, message).path(&place).hint(hint));
            }
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Self::from_values(|limit| overrides.get(limit.name).copied().unwrap_or(limit.default)))
    }

    fn from_values(value: impl Fn(&Named) -> u64) -> Self {
        let of = |name: &str| NAMED.iter().find(|limit| limit.name == name).map_or(0, &value);
        let seconds = |name: &str| Duration::from_secs(of(name));
        let mib = |name: &str| of(name).saturating_mul(1 << 20);
        Self {
            memory_bytes: usize::try_from(mib("memory_mib")).unwrap_or(usize::MAX),
            call_cpu: seconds("cpu_seconds_per_call"),
            run_cpu: seconds("cpu_seconds"),
            call_wall: seconds("call_wall_seconds"),
            run_wall: seconds("wall_seconds"),
            pages: of("pages"),
            users: of("users"),
            response_bytes: mib("response_mib"),
            requests: of("requests"),
            bytes: mib("bytes_mib"),
            log_lines: of("log_lines"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, value: u64, expect: Result<(), &str>) {
        let got = Limits::with(&BTreeMap::from([(Text::from(name), value)]));
        match (got, expect) {
            (Ok(_), Ok(())) => {}
            (Err(wrong), Err(expect)) => {
                assert_eq!(wrong.len(), 1);
                let told = format!("{} ({})", wrong[0].message, wrong[0].hint.clone().unwrap_or_default());
                assert_eq!(told, expect);
            }
            (got, expect) => panic!("{name} = {value}: {got:?} instead of {expect:?}"),
        }
    }

    #[test]
    fn overrides_are_checked() {
        check("memory_mib", 512, Ok(()));
        check("memory_mb", 512, Err("there is no limit `memory_mb` (did you mean `memory_mib`?)"));
        check("pages", 0, Err("`pages` must be between 1 and 100000000, not 0 (the default is 100000)"));
        check(
            "memory_mib",
            4096,
            Err("`memory_mib` must be between 1 and 3072, not 4096 (the default is 256)"),
        );
    }

    #[test]
    fn every_name_has_an_effect() {
        for limit in NAMED {
            let moved = Limits::with(&BTreeMap::from([(Text::from(limit.name), limit.default + 1)]));
            assert_ne!(moved, Ok(Limits::default()), "{} does nothing", limit.name);
        }
    }
}
