//! `[notify]`: who is told of a run, and of what.

use rollcall_core::Text;
use url::{Host, Url};

use crate::directory::command;
use crate::keys;
use crate::values::words;
use crate::walk::{Section, Walk};

/// Who is told of a run, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// Of what; each once.
    pub on: Vec<Event>,
    /// Who.
    pub target: Target,
}

/// What can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// A run failed, or some of its changes did.
    Failed,
    /// The guard refused a run.
    Refused,
    /// Users were skipped with errors.
    Skipped,
    /// A credential expires soon, or has.
    Expiring,
    /// Something was changed on the phone system.
    Changed,
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A program with its arguments, which gets the run's JSON on standard input.
    Command(Vec<Text>),
    /// A URL that the run's JSON, without what is personal, is posted to.
    Webhook(Text),
}

/// Every event by the word that the file has for it.
const EVENTS: [(&str, Event); 5] = [
    ("failed", Event::Failed),
    ("refused", Event::Refused),
    ("skipped", Event::Skipped),
    ("expiring", Event::Expiring),
    ("changed", Event::Changed),
];

impl Event {
    /// Gives the word that the file has for it.
    pub fn word(self) -> &'static str {
        EVENTS.iter().find(|(_, event)| *event == self).map_or("", |(word, _)| word)
    }
}

/// Reads `[notify]`; `None` where there is none, or none that can be used.
pub(crate) fn notify(walk: &mut Walk<'_>, root: &Section<'_>) -> Option<Notify> {
    let section = walk.section(root, "notify", "notify")?;
    let on = events(walk, &section);
    match (section.get("command"), section.get("webhook")) {
        (Some(_), Some(node)) => {
            walk.bad(&node.key, "`notify` has a command and a webhook", "keep one of the two");
            None
        }
        (None, None) => {
            let hint = "write `command = [\"./tell\"]` or `webhook = \"https://…\"`";
            walk.missing(&section, "command", hint);
            None
        }
        (Some(_), None) => {
            let words = command(walk, &section)?;
            Some(Notify { on, target: Target::Command(words) })
        }
        (None, Some(_)) => {
            let hint = "write `https://…`; `http://` is for this machine alone";
            let url = walk.parsed(&section, "webhook", hint, webhook)?;
            Some(Notify { on, target: Target::Webhook(url) })
        }
    }
}

/// Reads `on`; without it everything that is trouble.
fn events(walk: &mut Walk<'_>, section: &Section<'_>) -> Vec<Event> {
    if section.get("on").is_none() {
        return EVENTS.iter().map(|(_, event)| *event).filter(|event| *event != Event::Changed).collect();
    }
    let mut on = Vec::new();
    for (text, node) in walk.texts(section, "on") {
        match EVENTS.iter().find(|(word, _)| *word == &*text) {
            Some((_, event)) => on.push(*event),
            None => {
                let names: Vec<&str> = EVENTS.iter().map(|(word, _)| *word).collect();
                let hint = match keys::nearest(&text, names.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("it takes {}", words(&names)),
                };
                walk.bad(&node.at, format!("`notify.on` cannot be `{}`", text.escape_debug()), hint);
            }
        }
    }
    on.sort();
    on.dedup();
    on
}

/// Checks a webhook's URL.
fn webhook(text: &str) -> Result<Text, String> {
    let url = Url::parse(text).map_err(|why| why.to_string())?;
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => return Err("it names no host".into()),
    };
    match url.scheme() {
        "https" => Ok(text.into()),
        "http" if loopback => Ok(text.into()),
        "http" => Err("what it carries would leave this machine unencrypted".into()),
        other => Err(format!("`{other}` is no scheme for it")),
    }
}
