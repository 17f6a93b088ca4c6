//! Errors between us and the broker.

use ballet_core::Cause;

use crate::session::object::MissingObjects;

/// An error between us and the broker. Never contains a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// The URL is invalid.
    #[error(
        "AMQP_URL is invalid: {0}; expected amqp://user:password@host:5672/vhost, \
         with several hosts separated by commas"
    )]
    BadUrl(String),

    /// The address of the management API is invalid.
    #[error(
        "RABBITMQ_MANAGEMENT_URL is invalid: {0}; expected http://user:password@host:15672, or off \
         to compare no bindings"
    )]
    BadManagementUrl(String),

    /// The broker answered, but refused access.
    #[error(
        "RabbitMQ at {at} refused access: {reason}; check user and vhost in AMQP_URL, and \
         that the broker has loaded its definitions"
    )]
    AccessRefused {
        /// User, host and vhost.
        at: String,
        /// The broker's text.
        reason: String,
    },

    /// The broker answered, and does not know the user, or not with this password.
    #[error(
        "RabbitMQ at {at} refused the login: it has no such user, or the user has another password. Set the \
         broker's URL to the new one (AMQP_URL; the file of AMQP_URL_FILE) and start again"
    )]
    LoginRefused {
        /// User, host and vhost.
        at: String,
    },

    /// The broker cannot be reached.
    #[error("RabbitMQ at {at} cannot be reached: {reason}; trying again")]
    Unreachable {
        /// User, host and vhost.
        at: String,
        /// The cause.
        reason: String,
    },

    /// The TLS handshake failed: the broker's certificate is not trusted, or the broker requires
    /// ours.
    #[error("RabbitMQ at {at}: {reason}")]
    Tls {
        /// User, host and vhost.
        at: String,
        /// The problem, and what to do about it.
        reason: String,
    },

    /// The other end does not speak AMQP 0-9-1.
    #[error("the server at {at} cannot be used: {reason}; RabbitMQ 3.10 or newer is required")]
    TooOld {
        /// User, host and vhost.
        at: String,
        /// The cause.
        reason: String,
    },

    /// Objects that this service needs do not exist in the broker.
    #[error("{0}")]
    Topology(MissingObjects),

    /// The broker closed the channel with a reason. The outcome of its unconfirmed messages is
    /// unknown.
    #[error("RabbitMQ closed the channel: {code} {text}")]
    ChannelClosed {
        /// The AMQP reply code; 403 for a refused write.
        code: u16,
        /// The broker's text, at most 255 bytes.
        text: String,
    },

    /// The broker closed the connection with a reason.
    #[error("RabbitMQ closed the connection: {code} {text}")]
    ConnectionClosed {
        /// The AMQP reply code; 320 for a broker that shuts down.
        code: u16,
        /// The broker's text.
        text: String,
    },

    /// The connection is gone.
    #[error("the connection to RabbitMQ is lost: {0}")]
    Lost(String),

    /// AMQP cannot carry this message.
    #[error("the message cannot be sent over AMQP: {0}")]
    Unrepresentable(String),
}

impl BrokerError {
    /// Returns the cause that the error names.
    #[must_use]
    pub const fn cause(&self) -> Cause {
        match self {
            Self::LoginRefused { .. } => Cause::BrokerLogin,
            Self::AccessRefused { .. } | Self::ChannelClosed { code: 403, .. } => Cause::Rights,
            Self::Topology(_) | Self::ChannelClosed { code: 404, .. } => Cause::Queue,
            _ => Cause::Broker,
        }
    }

    /// Returns true if only this connection is lost, so a new one may help.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        match self {
            Self::Lost(_) | Self::ConnectionClosed { .. } | Self::Unreachable { .. } => true,
            // A missing permission or object is still missing on a new connection.
            Self::ChannelClosed { code, .. } => ![403, 404].contains(code),
            Self::BadUrl(_)
            | Self::BadManagementUrl(_)
            | Self::AccessRefused { .. }
            | Self::LoginRefused { .. }
            | Self::Tls { .. }
            | Self::TooOld { .. }
            | Self::Topology(_)
            | Self::Unrepresentable(_) => false,
        }
    }
}
