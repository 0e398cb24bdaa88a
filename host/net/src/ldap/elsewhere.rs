//! Search result references (RFC 4511, 4.5.3): a part of what was asked for lies on another server.
//!
//! Nobody follows them, for the other server would get the password. On most directories such a part is a hole in the
//! reading: people whose branch has moved to another server would count as gone. So they end the search, unless the job
//! says that such parts are left out. Active Directory names its other partitions like this in every search from a
//! domain's root. Those never were a part of the domain, and mean nothing.

use crate::error::NetError;
use crate::ldap::connection::Connection;
use crate::ldap::message::Ask;
use crate::ldap::refusal::{self, code};
use crate::ldap::search::{Pages, answers};
use crate::ldap::{LdapScope, filter};

/// Active Directory, and Active Directory Lightweight Directory Services (MS-ADTS 3.1.1.3.4.3).
const CAPABILITIES: [&[u8]; 2] = [b"1.2.840.113556.1.4.800", b"1.2.840.113556.1.4.1851"];

impl Pages {
    /// Refuses a page that has a hole.
    pub(super) async fn refuse_hole(
        &mut self,
        connection: &mut Connection,
        reference: &str,
    ) -> Result<(), NetError> {
        let skipped = self.door.skip_referrals || self.is_active_directory(connection).await?;
        if !skipped {
            let server = self.door.way.server.to_string();
            return Err(refusal::hole(&self.door.about(&server), &self.query.base, reference));
        }
        tracing::debug!(server = %self.door.way.server, "a part lies on another server and is left out");
        Ok(())
    }

    /// Asks the server what it is, once.
    async fn is_active_directory(&mut self, connection: &mut Connection) -> Result<bool, NetError> {
        if let Some(known) = self.door.kept().active_directory {
            return Ok(known);
        }
        let any = filter::encode("(objectClass=*)").map_err(|why| refusal::refused(why, None))?;
        let attributes = ["supportedCapabilities".to_owned()];
        let ask =
            Ask { base: "", scope: LdapScope::Base, filter: &any, attributes: &attributes, paged: None };
        self.requests = self.requests.saturating_add(1);
        let heard = answers(connection, &ask, &mut self.bytes, self.door.page_bytes).await?;
        let mut values = heard.entries.iter().flat_map(|root| &root.attributes).flat_map(|one| &one.values);
        let active_directory =
            heard.outcome.code == code::SUCCESS && values.any(|value| CAPABILITIES.contains(&&value[..]));
        self.door.kept().active_directory = Some(active_directory);
        Ok(active_directory)
    }
}
