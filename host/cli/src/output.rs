//! The two streams: the payload on standard output, everything else on standard error.

use rollcall_core::{Diagnostic, Severity};

use crate::args::{Color, Global};
use crate::render::render;

/// Where a command writes to.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// Whether the payload is JSON.
    pub(crate) json: bool,
    quiet: bool,
}

impl Output {
    /// Sets the streams up as the command line says.
    pub(crate) fn new(global: &Global) -> Self {
        match global.color {
            Color::Auto => {}
            Color::Always => anstream::ColorChoice::Always.write_global(),
            Color::Never => anstream::ColorChoice::Never.write_global(),
        }
        Self { json: global.json, quiet: global.quiet }
    }

    /// Writes the payload. A reader that has gone away is no error.
    pub(crate) fn payload(&self, text: &str) {
        use std::io::Write as _;
        let mut out = anstream::stdout().lock();
        let _ = out.write_all(text.as_bytes());
        let _ = out.flush();
    }

    /// Writes the payload for people; with `--json` it goes nowhere.
    pub(crate) fn human(&self, text: &str) {
        if !self.json && !self.quiet {
            self.payload(text);
        }
    }

    /// Tells something besides the payload.
    pub(crate) fn say(&self, text: &str) {
        if !self.quiet {
            anstream::eprintln!("{text}");
        }
    }

    /// Writes diagnostics to standard error; with `--quiet` only errors.
    pub(crate) fn diagnostics(&self, diagnostics: &[Diagnostic]) {
        let wanted: Vec<Diagnostic> =
            diagnostics.iter().filter(|d| !self.quiet || d.severity == Severity::Error).cloned().collect();
        if !wanted.is_empty() {
            anstream::eprint!("{}", render(&wanted));
        }
    }

    /// Shows on standard error what a question is about.
    pub(crate) fn ask(&self, plan: &str, diagnostics: &[Diagnostic]) {
        anstream::eprint!("{plan}{}", render(diagnostics));
    }

    /// Asks a question on the terminal and tells whether the answer was `yes`.
    pub(crate) fn confirm(&self, question: &str) -> bool {
        anstream::eprint!("{question} ");
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).is_ok() && answer.trim() == "yes"
    }
}
