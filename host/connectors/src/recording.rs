//! Recordings from the connectors' side: which one is made or replayed, and the files in it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rollcall_core::{Diagnostic, codes};
use rollcall_net::Replay;

use crate::network::told;
use crate::package::Package;
use crate::tape::{FileTape, Tape};
use crate::words::tame;

/// Whether traffic with the directory is recorded or replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Recording {
    /// Neither.
    #[default]
    None,
    /// Replayed instead of the network.
    Replay(PathBuf),
    /// Recorded.
    Record {
        /// The file, which is written once the reading is over.
        path: PathBuf,
        /// When this is, for people.
        at: String,
    },
}

/// A recording that is open.
#[derive(Clone)]
pub(crate) enum Recorded {
    None,
    Replay(Arc<Replay>),
    Record(Arc<rollcall_net::Recording>),
}

impl Recorded {
    /// Opens a recording that is to be replayed. One that is to be made begins with the network.
    pub(crate) fn open(wanted: &Recording, package: &Package) -> Result<Self, Vec<Diagnostic>> {
        let Recording::Replay(path) = wanted else {
            return Ok(Self::None);
        };
        let place = ["directory", "recording"];
        let at = |mut wrong: Vec<Diagnostic>| {
            for diagnostic in &mut wrong {
                diagnostic.place = Diagnostic::error(diagnostic.code, "").path(&place).place;
            }
            wrong
        };
        let replay = Replay::open(path).map_err(told).map_err(at)?;
        let (made_by, name) = (&replay.header().connector, &package.manifest().name);
        if made_by != name {
            let message =
                format!("the recording was made with the connector `{}`, not `{name}`", tame(made_by, 80));
            return Err(vec![Diagnostic::error(codes::RECORDING_INVALID, message).path(&place)]);
        }
        Ok(Self::Replay(Arc::new(replay)))
    }

    /// Gives the files' side of it.
    pub(crate) fn tape(&self) -> Tape {
        match self {
            Self::None => Tape::default(),
            recorded => Tape(Some(Arc::new(recorded.clone()))),
        }
    }

    /// Ends a recording that is made.
    pub(crate) fn write(&self) -> Result<(), Diagnostic> {
        let Self::Record(recording) = self else {
            return Ok(());
        };
        recording.finish().map_err(|error| {
            let message = error.to_string();
            told(error).pop().unwrap_or_else(|| Diagnostic::error(codes::RECORDING_INVALID, message))
        })
    }
}

impl fmt::Debug for Recorded {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::None => "None",
            Self::Replay(_) => "Replay",
            Self::Record(_) => "Record",
        })
    }
}

impl FileTape for Recorded {
    fn replays(&self) -> bool {
        matches!(self, Self::Replay(_))
    }

    fn replay(&self, path: &str) -> Result<Vec<u8>, String> {
        match self {
            Self::Replay(replay) => replay.replay_file(path).map_err(|error| error.to_string()),
            _ => Err("nothing is replayed".to_owned()),
        }
    }

    fn keep(&self, path: &str, bytes: &[u8]) -> Result<(), String> {
        match self {
            Self::Record(recording) => recording.record_file(path, bytes).map_err(|error| error.to_string()),
            _ => Ok(()),
        }
    }
}
