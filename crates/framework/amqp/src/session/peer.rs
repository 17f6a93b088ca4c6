//! The other end of a connection.

use std::fmt;

/// The address of the other end, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// `host:port`.
    pub address: String,
    /// The virtual host.
    pub vhost: String,
    /// The user that we authenticated as.
    pub user: String,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (vhost `{}`, user `{}`)", self.address, self.vhost, self.user)
    }
}
