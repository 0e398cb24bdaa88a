//! Searches in a recording: a line a page, in the format that [`Recording`](crate::Recording) describes.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::error::NetError;
use crate::ldap::{LdapEntry, LdapPage, LdapPages, LdapQuery, LdapScope, LdapValues, LdapWire};
use crate::recording::Recording;
use crate::scrub::Scrubber;

/// What decides which search answers: base, scope, filter, attributes. How large its pages are does not matter.
pub(crate) type LdapSearchKey = (String, LdapScope, String, Vec<String>);

/// A page of a search.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LdapPageLine {
    #[serde(default)]
    pub(crate) base: String,
    #[serde(default = "subtree")]
    pub(crate) scope: LdapScope,
    #[serde(default = "any")]
    pub(crate) filter: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) attributes: Vec<String>,
    /// Counted from 1; a page 1 begins a search.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub(crate) page: u32,
    /// Whether further pages follow.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) more: bool,
    pub(crate) entries: Vec<EntryLine>,
}

/// An entry: its name and its attributes, each with all values.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntryLine {
    pub(crate) dn: String,
    #[serde(default)]
    pub(crate) attributes: BTreeMap<String, Vec<ValueLine>>,
}

/// A value: text, or bytes that are none.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum ValueLine {
    Text(String),
    Bytes { base64: String },
}

fn subtree() -> LdapScope {
    LdapScope::Subtree
}

fn any() -> String {
    "(objectClass=*)".to_owned()
}

fn one() -> u32 {
    1
}

fn is_one(number: &u32) -> bool {
    *number == 1
}

fn is_false(yes: &bool) -> bool {
    !*yes
}

impl LdapPageLine {
    pub(crate) fn key(&self) -> LdapSearchKey {
        (self.base.clone(), self.scope, self.filter.clone(), self.attributes.clone())
    }

    /// Gives the entries, or what is damaged in them.
    pub(crate) fn into_entries(self) -> Result<Vec<LdapEntry>, String> {
        let value = |line: ValueLine| match line {
            ValueLine::Text(text) => Ok(text.into_bytes()),
            ValueLine::Bytes { base64 } => {
                STANDARD.decode(base64).map_err(|error| format!("the base64 is damaged: {error}"))
            }
        };
        let entry = |line: EntryLine| {
            let attribute = |(name, lines): (String, Vec<ValueLine>)| {
                let values: Result<_, String> = lines.into_iter().map(value).collect();
                Ok(LdapValues { name, values: values? })
            };
            let attributes: Result<_, String> = line.attributes.into_iter().map(attribute).collect();
            Ok(LdapEntry { dn: line.dn, attributes: attributes? })
        };
        self.entries.into_iter().map(entry).collect()
    }
}

pub(crate) fn key(query: &LdapQuery) -> LdapSearchKey {
    (query.base.clone(), query.scope, query.filter.clone(), query.attributes.clone())
}

fn line(entry: &LdapEntry, scrubber: &Scrubber) -> EntryLine {
    let value = |bytes: &Vec<u8>| match std::str::from_utf8(bytes) {
        Ok(text) => ValueLine::Text(scrubber.redact(text)),
        Err(_) => ValueLine::Bytes { base64: STANDARD.encode(bytes) },
    };
    let kept = entry.attributes.iter().filter(|attribute| !is_private(&attribute.name));
    EntryLine {
        dn: scrubber.redact(&entry.dn),
        attributes: kept
            .map(|attribute| (attribute.name.clone(), attribute.values.iter().map(value).collect()))
            .collect(),
    }
}

/// Says whether an attribute holds a password or what one can be guessed from.
fn is_private(name: &str) -> bool {
    const PARTS: [&str; 10] = [
        "password",
        "unicodepwd",
        "ntpwd",
        "lmpwd",
        "dbcspwd",
        "admpwd",
        "pwdhistory",
        "nthash",
        "krbprincipalkey",
        "supplementalcredentials",
    ];
    let name = name.to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part))
}

/// Records the searches that pass through a wire.
pub struct LdapRecorder<W> {
    inner: W,
    recording: Arc<Recording>,
}

impl<W: LdapWire> LdapRecorder<W> {
    /// Puts a recording around a wire.
    pub fn new(inner: W, recording: Arc<Recording>) -> Self {
        Self { inner, recording }
    }
}

#[async_trait]
impl<W: LdapWire> LdapWire for LdapRecorder<W> {
    async fn search(&self, query: LdapQuery) -> Result<Box<dyn LdapPages>, NetError> {
        let (base, scope, filter, attributes) = key(&query);
        let inner = self.inner.search(query).await?;
        let next = LdapPageLine { base, scope, filter, attributes, page: 1, more: true, entries: Vec::new() };
        Ok(Box::new(Recorded { inner, recording: self.recording.clone(), next, held: None }))
    }
}

/// A search that is recorded. A page waits until it is known whether another one follows.
struct Recorded {
    inner: Box<dyn LdapPages>,
    recording: Arc<Recording>,
    next: LdapPageLine,
    held: Option<LdapPageLine>,
}

#[async_trait]
impl LdapPages for Recorded {
    async fn next(&mut self) -> Result<LdapPage, NetError> {
        let page = self.inner.next().await?;
        let ended = page.entries.is_empty();
        if let Some(held) = self.held.take() {
            self.recording.record_page(&LdapPageLine { more: !ended, ..held })?;
        } else if ended && self.next.page == 1 {
            self.recording.record_page(&LdapPageLine { more: false, ..self.next.clone() })?;
        }
        if !ended {
            let scrubber = self.recording.scrubber();
            let entries = page.entries.iter().map(|entry| line(entry, scrubber)).collect();
            self.held = Some(LdapPageLine { entries, ..self.next.clone() });
        }
        self.next.page = self.next.page.saturating_add(1);
        Ok(page)
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        // Whoever asked left off here; the replay must not take that for the end.
        if let Some(held) = self.held.take()
            && let Err(error) = self.recording.record_page(&held)
        {
            tracing::warn!(%error, "the last page of a search is not recorded");
        }
    }
}
