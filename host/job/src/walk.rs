//! Going over the tree and collecting every mistake: typed look-ups that report and go on.

use std::path::{Path, PathBuf};

use rollcall_core::{Code, Diagnostic, Text, codes};

use crate::hidden::credential_like;
use crate::keys;
use crate::spans::{At, Source, place_of};
use crate::tree::{Kind, Node, Table};
use crate::values::words;

/// The mistakes found so far, and what is needed to place them.
pub(crate) struct Walk<'a> {
    /// The files.
    pub(crate) sources: &'a [Source],
    /// The folder of each file, for relative paths.
    pub(crate) folders: &'a [PathBuf],
    problems: Vec<(At, Diagnostic)>,
}

/// A table and its path.
#[derive(Clone, Copy)]
pub(crate) struct Section<'a> {
    /// Its path with dots; empty for the file itself.
    pub(crate) path: &'a str,
    /// Where it stands.
    pub(crate) at: &'a At,
    /// Its entries.
    pub(crate) table: &'a Table,
}

impl<'a> Section<'a> {
    /// Gives an entry.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Node> {
        self.table.get(key)
    }

    /// Gives the path of an entry.
    pub(crate) fn child(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

impl<'a> Walk<'a> {
    pub(crate) fn new(sources: &'a [Source], folders: &'a [PathBuf]) -> Self {
        Self { sources, folders, problems: Vec::new() }
    }

    /// Reports a mistake.
    pub(crate) fn report(&mut self, at: &At, diagnostic: Diagnostic) {
        self.problems.push((at.clone(), diagnostic));
    }

    /// Reports an error with a hint.
    pub(crate) fn error(&mut self, at: &At, code: Code, message: impl Into<String>, hint: impl Into<String>) {
        self.report(at, Diagnostic::error(code, message).hint(hint));
    }

    /// Reports a value that cannot stand.
    pub(crate) fn bad(&mut self, at: &At, message: impl Into<String>, hint: impl Into<String>) {
        self.error(at, codes::JOB_BAD_VALUE, message, hint);
    }

    /// Reports a key that must be there.
    pub(crate) fn missing(&mut self, section: &Section<'_>, key: &str, hint: &str) {
        let message = format!("`{}` is missing", section.child(key));
        self.error(section.at, codes::JOB_MISSING_KEY, message, hint);
    }

    /// Gives the mistakes in the order of files and lines.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.problems.sort_by_key(|(at, _)| (at.source, at.bytes.start));
        let sources = self.sources;
        self.problems.into_iter().map(|(at, found)| found.at(place_of(sources, &at))).collect()
    }

    /// Reports the keys of a table that do not exist. Those that look like credentials have been reported already.
    pub(crate) fn known(&mut self, section: &Section<'_>, keys: &[&str]) {
        for (key, node) in section.table {
            if keys.contains(&&**key) || (credential_like(key) && crate::hidden::revealing(&node.kind)) {
                continue;
            }
            let place =
                if section.path.is_empty() { String::new() } else { format!(" in `{}`", section.path) };
            let hint = match keys::nearest(key, keys.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there is {}", words(keys)),
            };
            let message = format!("unknown key `{key}`{place}");
            self.error(&node.key, codes::JOB_UNKNOWN_KEY, message, hint);
        }
    }

    /// Gives a table below a section, its unknown keys reported.
    pub(crate) fn section<'b>(
        &mut self,
        section: &Section<'b>,
        key: &str,
        path: &'b str,
    ) -> Option<Section<'b>> {
        let found = self.open(section, key, path)?;
        self.known(&found, keys::of(path));
        Some(found)
    }

    /// Gives a table below a section that may hold any key.
    pub(crate) fn open<'b>(
        &mut self,
        section: &Section<'b>,
        key: &str,
        path: &'b str,
    ) -> Option<Section<'b>> {
        let node = section.get(key)?;
        if let Kind::Table(table) = &node.kind {
            return Some(Section { path, at: &node.key, table });
        }
        self.wrong_type(
            &section.child(key),
            node,
            "a table",
            &format!("write [{path}] and its keys below it"),
        );
        None
    }

    /// Reports a value of the wrong type.
    pub(crate) fn wrong_type(&mut self, path: &str, node: &Node, wanted: &str, hint: &str) {
        self.bad(&node.at, format!("`{path}` takes {wanted}, not {}", node.kind.word()), hint);
    }

    /// Gives a text that is not empty.
    pub(crate) fn text(&mut self, section: &Section<'_>, key: &str) -> Option<Text> {
        let node = section.get(key)?;
        self.text_of(&section.child(key), node)
    }

    /// Gives a node's text that is not empty.
    pub(crate) fn text_of(&mut self, path: &str, node: &Node) -> Option<Text> {
        match &node.kind {
            Kind::Text(text) if text.trim().is_empty() => {
                self.bad(&node.at, format!("`{path}` is empty"), "write a value, or leave the key out");
                None
            }
            Kind::Text(text) => Some(text.clone()),
            _ => {
                self.wrong_type(path, node, "text", "put it in quotes");
                None
            }
        }
    }

    /// Gives a list of texts with their nodes. One text alone is no list.
    pub(crate) fn texts<'b>(&mut self, section: &Section<'b>, key: &str) -> Vec<(Text, &'b Node)> {
        let Some(node) = section.get(key) else { return Vec::new() };
        let path = section.child(key);
        let Kind::Array(members) = &node.kind else {
            self.wrong_type(&path, node, "a list of texts", &format!("write `{key} = [\"…\"]`"));
            return Vec::new();
        };
        members.iter().filter_map(|member| Some((self.text_of(&path, member)?, member))).collect()
    }

    /// Gives yes or no; no where the key is absent.
    pub(crate) fn boolean(&mut self, section: &Section<'_>, key: &str) -> bool {
        match section.get(key) {
            None => false,
            Some(Node { kind: Kind::Boolean(yes), .. }) => *yes,
            Some(node) => {
                let hint = format!("write `{key} = true` or `{key} = false`");
                self.wrong_type(&section.child(key), node, "true or false", &hint);
                false
            }
        }
    }

    /// Gives one of several choices.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        section: &Section<'_>,
        key: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let node = section.get(key)?;
        let path = section.child(key);
        let text = self.text_of(&path, node)?;
        if let Some((_, choice)) = choices.iter().find(|(word, _)| *word == &*text) {
            return Some(*choice);
        }
        let names: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let hint = match keys::nearest(&text, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it takes {}", words(&names)),
        };
        self.bad(&node.at, format!("`{path}` cannot be `{}`", text.escape_debug()), hint);
        None
    }

    /// Gives what `parse` makes of a text; its error is the message.
    pub(crate) fn parsed<T>(
        &mut self,
        section: &Section<'_>,
        key: &str,
        hint: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let node = section.get(key)?;
        let path = section.child(key);
        let text = self.text_of(&path, node)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(why) => {
                self.bad(&node.at, format!("`{path}` is `{}`: {why}", text.escape_debug()), hint);
                None
            }
        }
    }

    /// Gives a path, resolved against the folder of the file that it stands in.
    pub(crate) fn path(&mut self, section: &Section<'_>, key: &str) -> Option<PathBuf> {
        let text = self.text(section, key)?;
        Some(self.resolved(&text, &section.get(key)?.at))
    }

    /// Resolves a path against the folder of the file that it stands in.
    pub(crate) fn resolved(&self, text: &str, at: &At) -> PathBuf {
        self.folders.get(at.source).map_or(Path::new(""), PathBuf::as_path).join(text)
    }
}
