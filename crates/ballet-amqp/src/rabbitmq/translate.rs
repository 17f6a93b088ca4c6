//! Converts lapin's types to those of the session interface.

use lapin::ErrorKind;
use lapin::protocol::AMQPErrorKind;
use lapin::types::ShortString;

use crate::session::error::BrokerError;
use crate::session::message::Delivery;
use crate::tls;

pub(super) fn delivery(from: lapin::message::Delivery) -> Delivery {
    Delivery {
        tag: from.delivery_tag,
        redelivered: from.redelivered,
        exchange: from.exchange.into(),
        routing_key: from.routing_key.into(),
        properties: from.properties,
        body: from.data,
    }
}

pub(super) fn short(text: &str) -> Result<ShortString, BrokerError> {
    ShortString::try_new(text).map_err(|_| {
        BrokerError::Unrepresentable(format!("`{text:.40}...` is longer than 255 bytes"))
    })
}

pub(super) fn error(from: &lapin::Error) -> BrokerError {
    match from.kind() {
        ErrorKind::ProtocolError(closed) => {
            let (code, text) = (closed.get_id(), closed.get_message().to_string());
            match closed.kind() {
                AMQPErrorKind::Soft(_) => BrokerError::ChannelClosed { code, text },
                AMQPErrorKind::Hard(_) => BrokerError::ConnectionClosed { code, text },
            }
        }
        _ => BrokerError::Lost(from.to_string()),
    }
}

/// Converts the error of a failed connect.
pub(super) fn connect_error(from: &lapin::Error, at: String) -> BrokerError {
    let reason = match error(from) {
        BrokerError::ChannelClosed { code: 403, text }
        | BrokerError::ConnectionClosed { code: 403 | 530, text } => {
            return BrokerError::AccessRefused { at, reason: text };
        }
        BrokerError::Lost(reason) => reason,
        other => other.to_string(),
    };
    if let Some(reason) = tls::problem(&reason, "AMQP_CA_FILE") {
        return BrokerError::Tls { at, reason };
    }
    match from.kind() {
        ErrorKind::InvalidProtocolVersion(_) => BrokerError::TooOld { at, reason },
        _ => BrokerError::Unreachable { at, reason },
    }
}
