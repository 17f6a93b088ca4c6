//! What can go wrong between us and the broker.

use crate::session::object::Missing;

/// What went wrong between us and the broker. Never holds a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// The address cannot be understood.
    #[error(
        "AMQP_URL cannot be used: {0}; expected amqp://user:password@host:5672/vhost, \
         with several hosts separated by commas"
    )]
    BadUrl(String),

    /// The broker answered, and does not let us in.
    #[error(
        "RabbitMQ at {at} refused us: {reason}; check user, password and vhost in AMQP_URL, \
         and that the broker has loaded its definitions"
    )]
    AccessRefused {
        /// User, host and vhost.
        at: String,
        /// The broker's words.
        reason: String,
    },

    /// Nobody answers there.
    #[error("RabbitMQ at {at} cannot be reached: {reason}; it is tried again")]
    Unreachable {
        /// User, host and vhost.
        at: String,
        /// The cause.
        reason: String,
    },

    /// Its certificate is not to be trusted, or it wants one of ours.
    #[error("RabbitMQ at {at}: {reason}")]
    Tls {
        /// User, host and vhost.
        at: String,
        /// What is wrong and what to do.
        reason: String,
    },

    /// The other end does not speak AMQP 0-9-1.
    #[error("the server at {at} is not usable: {reason}; RabbitMQ 3.10 or newer is needed")]
    TooOld {
        /// User, host and vhost.
        at: String,
        /// The cause.
        reason: String,
    },

    /// Something that this service needs does not exist in the broker.
    #[error("{0}")]
    Topology(Missing),

    /// The broker closed the channel, and says why. Everything unconfirmed on it is unknown.
    #[error("RabbitMQ closed the channel: {code} {text}")]
    ChannelClosed {
        /// The AMQP reply code, 403 for a refused write.
        code: u16,
        /// The broker's words, of which it sends at most 255 bytes.
        text: String,
    },

    /// The broker closed the connection, and says why.
    #[error("RabbitMQ closed the connection: {code} {text}")]
    ConnectionClosed {
        /// The AMQP reply code, 320 for a broker that shuts down.
        code: u16,
        /// The broker's words.
        text: String,
    },

    /// The connection is gone.
    #[error("the connection to RabbitMQ is lost: {0}")]
    Lost(String),

    /// AMQP has no way to carry this message.
    #[error("the message cannot be sent over AMQP: {0}")]
    Unrepresentable(String),
}

impl BrokerError {
    /// Whether trying again alone cannot help: somebody has to change a setting or the broker.
    #[must_use]
    pub fn needs_a_person(&self) -> bool {
        match self {
            Self::BadUrl(_)
            | Self::AccessRefused { .. }
            | Self::Tls { .. }
            | Self::TooOld { .. }
            | Self::Topology(_)
            | Self::Unrepresentable(_) => true,
            Self::Unreachable { .. }
            | Self::ChannelClosed { .. }
            | Self::ConnectionClosed { .. }
            | Self::Lost(_) => false,
        }
    }

    /// Whether another connection may help: only this one is lost.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        match self {
            Self::Lost(_) | Self::ConnectionClosed { .. } | Self::Unreachable { .. } => true,
            // What we may not do, and what is not there, stays so.
            Self::ChannelClosed { code, .. } => ![403, 404].contains(code),
            Self::BadUrl(_)
            | Self::AccessRefused { .. }
            | Self::Tls { .. }
            | Self::TooOld { .. }
            | Self::Topology(_)
            | Self::Unrepresentable(_) => false,
        }
    }
}
