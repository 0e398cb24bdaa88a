//! Progress on long work: a line that counts, on a terminal only.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};
use rollcall_core::text::count;
use rollcall_engine::observe::{Event, Observer};

/// Shows how far a run is.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Begins; hidden off a terminal and with `--quiet`.
    pub(crate) fn new(quiet: bool) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        Self(bar)
    }

    /// Shows what the connector itself says.
    pub(crate) fn connector(&self, done: u32, total: Option<u32>) {
        let users =
            total.map_or_else(|| count(done, "user"), |total| format!("{done} of {}", count(total, "user")));
        self.0.set_message(format!("reading the directory: {users}"));
    }

    /// Takes the line away, before something else is written.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}

impl Observer for Progress {
    fn event(&self, event: Event) {
        self.0.set_message(match event {
            Event::Pulled(users) => format!("reading the directory: {}", count(users, "user")),
            Event::Mapped(users) => format!("mapping: {}", count(users, "user")),
            Event::Reading => "reading the phone system".to_owned(),
            Event::Applied(done, all) => format!("writing: {done} of {all}"),
        });
    }
}
