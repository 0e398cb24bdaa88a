//! Where every key of a job stands, so that whoever names a key by its path can be shown the line.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use rollcall_core::{Diagnostic, Place, Text};

use crate::job::Job;

/// A file that the job was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// Its path as the user named it.
    pub(crate) file: Text,
    /// Its text. Credentials that should not stand there are stars here, so that no message can show one.
    pub(crate) text: Text,
}

/// Some bytes of one of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct At {
    /// Which file, by its place in the list.
    pub(crate) source: usize,
    /// Which bytes.
    pub(crate) bytes: Range<usize>,
}

/// The place of every key of a job.
#[derive(Clone, Debug, Default)]
pub struct Spans {
    pub(crate) sources: Arc<[Source]>,
    pub(crate) places: BTreeMap<Vec<Text>, At>,
}

impl Spans {
    /// Gives the files that the job was read from with their text: the job file first, then those it includes. The text
    /// of a job without mistakes is as it stands in the file.
    pub fn files(&self) -> impl Iterator<Item = (&Text, &Text)> {
        self.sources.iter().map(|source| (&source.file, &source.text))
    }

    /// Gives where a key's value stands (for a table: its key), or the nearest table above it that stands anywhere.
    pub fn place(&self, path: &[&str]) -> Option<Place> {
        let path: Vec<Text> = path.iter().map(|key| Text::from(*key)).collect();
        self.nearest(&path)
    }

    /// Gives the place of a key, or of the nearest table above it that the file has. The file as a whole is no place.
    fn nearest(&self, path: &[Text]) -> Option<Place> {
        let at = (1..=path.len()).rev().find_map(|length| self.places.get(&path[..length]))?;
        Some(place_of(&self.sources, at))
    }
}

/// Makes bytes of a file a place.
pub(crate) fn place_of(sources: &[Source], at: &At) -> Place {
    match sources.get(at.source) {
        Some(source) => {
            Place::Span { file: source.file.clone(), source: source.text.clone(), bytes: at.bytes.clone() }
        }
        None => Place::Nowhere,
    }
}

impl Job {
    /// Gives the files that the job was read from, its own first.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.spans.sources.iter().map(|source| &*source.file)
    }

    /// Gives where a key stands: `job.place(&["rules", "files"])`.
    pub fn place(&self, path: &[&str]) -> Option<Place> {
        self.spans.place(path)
    }

    /// Makes a diagnostic's path of keys a place in the job's file. Other places stay as they are.
    #[must_use]
    pub fn resolve(&self, diagnostic: Diagnostic) -> Diagnostic {
        match &diagnostic.place {
            Place::Path(path) => match self.spans.nearest(path) {
                Some(place) => diagnostic.at(place),
                None => diagnostic,
            },
            Place::Nowhere | Place::Span { .. } => diagnostic,
        }
    }
}
