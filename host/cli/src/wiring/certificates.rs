//! The certificates of a job's directory, for whoever looks after it.

use rollcall_net::Looked;

use super::{Session, in_order};
use crate::failure::Failure;

impl Session {
    /// Looks at the certificates of the directory's servers.
    pub(crate) async fn certificates(&self) -> Result<Vec<(String, Looked)>, Failure> {
        // Nobody signs in for a handshake, so no credential is asked for.
        let spec = self.spec(None, Vec::new(), false)?;
        let seen = self.host.certificates(&self.package, &spec).await;
        seen.map_err(|wrong| Failure::invalid(in_order(self.located(wrong))))
    }
}
