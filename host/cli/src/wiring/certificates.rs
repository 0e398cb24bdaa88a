//! The certificates of a job's directory, for whoever looks after it.

use rollcall_net::Looked;

use super::Session;
use crate::failure::Failure;

impl Session {
    /// Looks at the certificates of the directories' servers.
    pub(crate) async fn certificates(&self) -> Result<Vec<(String, Looked)>, Failure> {
        let mut all = Vec::new();
        for (directory, connector) in self.both() {
            // Nobody signs in for a handshake, so no credential is asked for.
            let spec = self.spec(directory, connector, None, false)?;
            let seen = self.host.certificates(&connector.package, &spec).await;
            all.extend(seen.map_err(|wrong| self.wrong(directory, wrong))?);
        }
        Ok(all)
    }
}
