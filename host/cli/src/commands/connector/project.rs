//! `connector new`: a project of a partner's own.

use std::path::{Path, PathBuf};

use rollcall_connectors::Manifest;
use rollcall_core::codes;
use serde_json::json;

use crate::args::Language;
use crate::commands::connector::files;
use crate::exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::view::json as shapes;
use crate::view::text::shown;

/// The folder that a project has the SDK in.
const SDK: &str = "sdk";
const IGNORED: &str =
    "/target\n/node_modules\n/.venv\n__pycache__\n*.key\n*.rollcall*\n*.wasm\n*.wasm.old\noffice.db*\n";

/// What a project begins with: a connector that is tested in this repository.
struct Start {
    manifest: &'static str,
    /// Where the manifest goes.
    manifest_path: &'static str,
    /// The name that the connector has here.
    name: &'static str,
    /// Path and text of the rest; `NAME` and `CRATE` stand for the project's name.
    files: &'static [(&'static str, &'static str)],
    sdk: &'static [(&'static str, &'static str)],
    /// What the files are, for people.
    about: &'static str,
}

const RUST: Start = Start {
    manifest: include_str!("../../../../../plugins/sdk/examples/roster.toml"),
    manifest_path: "src/connector.toml",
    name: "roster",
    files: &[
        ("Cargo.toml", include_str!("template/Cargo.toml.txt")),
        ("src/lib.rs", include_str!("../../../../../plugins/sdk/examples/roster.rs")),
        ("tests/reads.rs", include_str!("template/reads.rs.txt")),
        ("job.toml", include_str!("template/job.toml.txt")),
        ("people.recording", include_str!("template/people.recording.txt")),
        ("sdk/rollcall-connector/Cargo.toml", include_str!("template/sdk.toml.txt")),
    ],
    sdk: rollcall_bundled::SDK,
    about: "src/lib.rs          the connector; src/connector.toml says what it asks for\n  \
            tests/reads.rs      `cargo test` runs it natively",
};

const JAVASCRIPT: Start = Start {
    manifest: include_str!("../../../../../examples/partner-connector/javascript/connector.toml"),
    manifest_path: "connector.toml",
    name: "hr",
    files: &[
        ("hr.js", include_str!("../../../../../examples/partner-connector/javascript/hr.js")),
        (
            "test/hr.test.js",
            include_str!("../../../../../examples/partner-connector/javascript/test/hr.test.js"),
        ),
        (".npmrc", include_str!("../../../../../examples/partner-connector/javascript/.npmrc")),
        ("package.json", include_str!("template/package.json.txt")),
        ("job.toml", include_str!("template/hr.toml.txt")),
        ("people.recording", include_str!("../../../../../examples/partner-connector/hr.recording")),
    ],
    sdk: rollcall_bundled::SDK_JAVASCRIPT,
    about: "hr.js               the connector; connector.toml says what it asks for\n  \
            test/hr.test.js     `npm test` runs it in Node",
};

const PYTHON: Start = Start {
    manifest: include_str!("../../../../../examples/partner-connector/python/connector.toml"),
    manifest_path: "connector.toml",
    name: "hr",
    files: &[
        ("hr.py", include_str!("../../../../../examples/partner-connector/python/hr.py")),
        (
            "tests/test_hr.py",
            include_str!("../../../../../examples/partner-connector/python/tests/test_hr.py"),
        ),
        ("requirements.txt", "./sdk\n"),
        ("job.toml", include_str!("template/hr.toml.txt")),
        ("people.recording", include_str!("../../../../../examples/partner-connector/hr.recording")),
    ],
    sdk: rollcall_bundled::SDK_PYTHON,
    about: "hr.py               the connector; connector.toml says what it asks for\n  \
            tests/test_hr.py    `.venv/bin/python -m unittest tests/test_hr.py` runs it in plain Python",
};

impl Start {
    const fn of(language: Language) -> &'static Start {
        match language {
            Language::Rust => &RUST,
            Language::Javascript => &JAVASCRIPT,
            Language::Python => &PYTHON,
        }
    }

    /// Gives the manifest under another name.
    fn manifest(&self, name: &str) -> String {
        self.manifest.replacen(&format!("name = \"{}\"", self.name), &format!("name = \"{name}\""), 1)
    }

    /// Gives a file's text under another name.
    fn filled(&self, text: &str, name: &str) -> String {
        let recorded = format!("\"connector\":\"{}\"", self.name);
        text.replace("\"roster.toml\"", "\"connector.toml\"")
            .replacen(&recorded, &format!("\"connector\":\"{name}\""), 1)
            .replace("NAME", name)
            .replace("CRATE", &name.replace('-', "_"))
    }
}

/// Makes a project.
pub(super) fn new(output: &Output, name: &str, dir: Option<&Path>, lang: Language) -> Result<u8, Failure> {
    let start = Start::of(lang);
    let manifest = start.manifest(name);
    Manifest::parse(manifest.as_bytes()).map_err(|_| {
        let message = format!("`{}` is no name for a connector", name.escape_default());
        let hint = "it is of `[a-z0-9-]`, begins with a letter, and is at most 40 long";
        Failure::new(exit::USAGE, codes::USAGE, message).hint(hint)
    })?;
    if rollcall_bundled::find(name).is_some() {
        let message = format!("`{name}` is the name of a connector that comes with rollcall");
        return Err(Failure::new(exit::USAGE, codes::NAME_RESERVED, message).hint("give another name"));
    }
    let dir = dir.map_or_else(|| PathBuf::from(name), Path::to_owned);
    if std::fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some()) {
        let message = format!("the folder `{}` is not empty", dir.display());
        return Err(Failure::new(exit::USAGE, codes::FILE, message).hint("give the name of a new one"));
    }
    for (path, text) in start.files {
        write(&dir.join(path), &start.filled(text, name))?;
    }
    write(&dir.join(start.manifest_path), &manifest)?;
    write(&dir.join(".gitignore"), IGNORED)?;
    for (path, text) in start.sdk {
        write(&dir.join(SDK).join(path), text)?;
    }
    if output.json {
        output.payload(&shapes::write(&json!({
            "schema_version": shapes::SCHEMA_VERSION, "name": name, "folder": dir.display().to_string(),
        })));
    }
    let dir = dir.display().to_string();
    output.human(&format!(
        "{0}\n\n  {1}\n  job.toml            runs it, against the answers in people.recording\n  sdk/                the SDK's \
         sources\n\nNext: cd {0} && rollcall connector build && rollcall connector run\n",
        shown(&dir),
        start.about,
    ));
    Ok(exit::DONE)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| {
            let message = format!("`{}` cannot be made: {error}", folder.display());
            Failure::new(exit::ERROR, codes::FILE, message)
        })?;
    }
    files::write(path, text.as_bytes(), false)
}
