//! Why a call of the management API has no answer.

use hyper::StatusCode;

/// Why a call has no answer. The text says where, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ManagementError {
    /// The address cannot be used.
    #[error(
        "the address of RabbitMQ's management API (BALLET_MANAGEMENT_URL, RABBITMQ_MANAGEMENT_URL or \
         --management-url) should be like http://user:password@host:15672; for an API with https:// alone, \
         run a tunnel that speaks TLS on this machine (stunnel, socat), and name that"
    )]
    Address,
    /// There is no connection, it broke, or the answer takes too long.
    #[error(
        "RabbitMQ's management API at {at} cannot be reached: {cause}. Check that the plugin \
         rabbitmq_management is enabled, or set the address with RABBITMQ_MANAGEMENT_URL or --management-url"
    )]
    Unreachable {
        /// The address, without the password.
        at: String,
        /// What went wrong.
        cause: String,
    },
    /// It answers with another status than success.
    #[error("RabbitMQ at {at} answers {} to {call}: {reason}", .status.as_u16())]
    Refused {
        /// The address, without the password.
        at: String,
        /// The status.
        status: StatusCode,
        /// The method and the path.
        call: String,
        /// The broker's reason, and advice.
        reason: String,
    },
    /// Something else answers, or the answer does not end.
    #[error("the management API at {at} does not answer in JSON as expected: {cause}")]
    Unexpected {
        /// The address, without the password.
        at: String,
        /// What is wrong with the answer.
        cause: String,
    },
}

impl ManagementError {
    /// Whether what the path names does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::NOT_FOUND, .. })
    }

    /// What went wrong, without the address and the advice.
    pub(crate) fn cause(&self) -> String {
        match self {
            Self::Address => self.to_string(),
            Self::Unreachable { cause, .. } | Self::Unexpected { cause, .. } => cause.clone(),
            Self::Refused { status, .. } => status.to_string(),
        }
    }
}
