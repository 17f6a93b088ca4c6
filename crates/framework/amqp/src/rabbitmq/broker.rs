//! RabbitMQ through lapin. lapin's own recovery stays off: the owner of a session reconnects.

use std::sync::Arc;
use std::time::Duration;

use ballet_core::topology::Binding;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use lapin::ConnectionProperties;
use lapin::uri::AMQPScheme;
use serde_json::Value;
use tokio::time::timeout;

use crate::rabbitmq::address::{Addresses, peer};
use crate::rabbitmq::frames;
use crate::rabbitmq::management::{Management, ManagementAddress};
use crate::rabbitmq::session::LapinSession;
use crate::rabbitmq::translate::connect_error;
use crate::session::error::BrokerError;
use crate::session::seam::{Broker, NotListed, Session};
use crate::tls::TlsFiles;

/// A service tries again, at the next address.
const PATIENCE: Duration = Duration::from_secs(6);

/// A RabbitMQ server or cluster.
#[derive(Debug)]
pub struct RabbitMq {
    addresses: Addresses,
    tls: TlsFiles,
    management: Management,
    patience: Duration,
}

impl RabbitMq {
    /// Creates a broker without connecting. See [`Addresses::parse`] for the format of the URL.
    ///
    /// # Errors
    ///
    /// [`BrokerError::BadUrl`] if the URL is invalid.
    pub fn new(url: &str) -> Result<Self, BrokerError> {
        let addresses = Addresses::parse(url)?;
        let management = Management::beside(addresses.all());
        Ok(Self { addresses, tls: TlsFiles::default(), management, patience: PATIENCE })
    }

    /// Sets the address of the management API. By default it is port 15672 of each host, if all
    /// have AMQP on port 5672. An address without a user takes the broker's, except with TLS, since
    /// this connection is not encrypted.
    ///
    /// # Errors
    ///
    /// [`BrokerError::BadManagementUrl`] if the address has no user, and a broker has TLS.
    pub fn management(self, address: ManagementAddress) -> Result<Self, BrokerError> {
        let management = Management::at(address, self.addresses.all())?;
        Ok(Self { management, ..self })
    }

    /// Sets the certificates for URLs that start with `amqps://`.
    #[must_use]
    pub fn tls(self, tls: TlsFiles) -> Self {
        Self { tls, ..self }
    }

    /// Sets the limit for TCP, TLS, the AMQP handshake and the channel together. By default it is six
    /// seconds.
    #[must_use]
    pub fn patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }
}

impl Broker for RabbitMq {
    fn connect<'a>(
        &'a self,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Arc<dyn Session>, BrokerError>> {
        let uri = self.addresses.next();
        let peer = peer(uri);
        let at = peer.to_string();
        async move {
            let properties = ConnectionProperties::default().with_connection_name(name.into());
            let encrypted = uri.scheme == AMQPScheme::AMQPS;
            let tls = encrypted.then(|| self.tls.connector(&at)).transpose()?;
            let nobody = encrypted && self.tls.certificate.is_none();
            let open = frames::connect(uri.clone(), properties, tls);
            match timeout(self.patience, open).await {
                Ok(Ok((connection, channel))) => {
                    Ok(Arc::new(LapinSession::new(connection, channel, peer)) as Arc<dyn Session>)
                }
                Ok(Err(error)) => {
                    Err(connect_error(&error, at)).map_err(|error| hint(error, nobody))
                }
                Err(_) => Err(BrokerError::Unreachable {
                    at,
                    reason: format!("no answer within {:?}", self.patience),
                }),
            }
        }
        .boxed()
    }

    fn bindings(&self) -> BoxFuture<'_, Result<Vec<Binding>, NotListed>> {
        self.management.bindings().boxed()
    }

    fn queues(&self) -> BoxFuture<'_, Result<Vec<Value>, NotListed>> {
        self.management.queues().boxed()
    }
}

/// Adds a hint about our certificate. With TLS 1.3, a broker that requires one may just close the
/// connection.
fn hint(error: BrokerError, without_certificate: bool) -> BrokerError {
    match error {
        BrokerError::Unreachable { at, reason } if without_certificate => {
            let advice =
                "if it requires a client certificate, set AMQP_CERT_FILE and AMQP_KEY_FILE";
            BrokerError::Unreachable { at, reason: format!("{reason}; {advice}") }
        }
        other => other,
    }
}
