//! A finding as a person and as a program read it, for every command that looks at things one by one.

use anstyle::AnsiColor;
use rollcall_edges::directory::{Finding, FindingState};
use serde_json::{Value, json};

use crate::view::human::paint;
use crate::view::text::shown;

/// What a command calls the three states: well, to be looked at, and wrong.
pub(crate) struct Words([&'static str; 3]);

/// Of a connection: each thing was tried.
pub(crate) const TRIED: Words = Words(["passed", "warned", "failed"]);
/// Of a state of health: each thing was looked at.
pub(crate) const LOOKED_AT: Words = Words(["ok", "warning", "error"]);

impl Words {
    fn of(&self, state: FindingState) -> (&'static str, AnsiColor) {
        let [well, odd, wrong] = self.0;
        match state {
            FindingState::Passed => (well, AnsiColor::Green),
            FindingState::Warned => (odd, AnsiColor::Yellow),
            FindingState::Failed => (wrong, AnsiColor::Red),
        }
    }

    /// Gives a finding as JSON.
    pub(crate) fn json(&self, finding: &Finding) -> Value {
        json!({
            "subject": finding.subject, "state": self.of(finding.state).0, "message": finding.message,
            "hint": finding.hint,
        })
    }

    /// Gives a finding as a line, with its hint below it.
    pub(crate) fn line(&self, finding: &Finding) -> String {
        let width = self.0.map(str::len).into_iter().max().unwrap_or_default();
        let (word, color) = self.of(finding.state);
        // The word is padded by hand: colours have no width.
        let pad = " ".repeat(width - word.len());
        let (subject, message) = (shown(&finding.subject), shown(&finding.message));
        let hint = finding.hint.as_ref().map(|hint| {
            let indent = " ".repeat(width + 4);
            format!("\n{indent}hint: {}", shown(hint))
        });
        format!("  {}{pad}  {subject}: {message}{}\n", paint(color, word), hint.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_stand_below_one_another_and_hints_below_their_messages() {
        let finding = |state, hint: Option<&str>| Finding {
            subject: "clock".to_owned(),
            state,
            message: "late\u{1b}".to_owned(),
            hint: hint.map(str::to_owned),
        };
        let plain = |text: String| anstream::adapter::strip_str(&text).to_string();
        let line = |words: &Words, state, hint| plain(words.line(&finding(state, hint)));
        assert_eq!(line(&LOOKED_AT, FindingState::Passed, None), "  ok       clock: late\\u{1b}\n");
        assert_eq!(
            line(&LOOKED_AT, FindingState::Warned, Some("set it")),
            "  warning  clock: late\\u{1b}\n           hint: set it\n"
        );
        assert_eq!(
            line(&TRIED, FindingState::Failed, Some("set it")),
            "  failed  clock: late\\u{1b}\n          hint: set it\n"
        );
        assert_eq!(TRIED.json(&finding(FindingState::Warned, None))["state"], "warned");
    }
}
