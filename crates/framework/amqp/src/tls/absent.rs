//! Without the feature `tls` nothing is encrypted, and what asks for it is refused.

use std::io;

use crate::session::error::BrokerError;
use crate::tls::TlsFiles;

const ABSENT: &str = "this program is built without TLS: turn on ballet's feature `tls`";

pub(crate) type Encrypted<S> = S;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Connector {}

impl Connector {
    pub(crate) async fn connect<S>(&self, _: &str, _: S) -> io::Result<Encrypted<S>> {
        match *self {}
    }
}

impl TlsFiles {
    pub(super) fn usable(&self) -> Result<(), String> {
        if self.any() { Err(ABSENT.to_owned()) } else { Ok(()) }
    }

    #[expect(clippy::unused_self, reason = "with TLS it reads the files")]
    pub(crate) fn connector(&self, at: &str) -> Result<Connector, BrokerError> {
        Err(BrokerError::Tls { at: at.to_owned(), reason: ABSENT.to_owned() })
    }
}
