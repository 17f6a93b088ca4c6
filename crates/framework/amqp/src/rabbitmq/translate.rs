//! Converts lapin's types to those of the session interface.

use lapin::ErrorKind;
use lapin::protocol::AMQPErrorKind;
use lapin::types::{MAX_SHORT_STRING_LENGTH, ShortString};

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

pub(super) fn short(text: impl Into<String>) -> Result<ShortString, BrokerError> {
    let text = text.into();
    if text.len() > MAX_SHORT_STRING_LENGTH {
        let problem = format!("`{text:.40}...` is longer than 255 bytes");
        return Err(BrokerError::Unrepresentable(problem));
    }
    Ok(text.into())
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

/// The broker's answer to an unknown user, and to a wrong password.
const NO_LOGIN: &str = "Login was refused";

/// CONNECTION_FORCED.
const FORCED: u16 = 320;

pub(super) fn connect_error(from: &lapin::Error, at: String) -> BrokerError {
    let reason = match error(from) {
        BrokerError::ChannelClosed { code: 403, text }
        | BrokerError::ConnectionClosed { code: 403, text }
            if text.contains(NO_LOGIN) =>
        {
            return BrokerError::LoginRefused { at };
        }
        BrokerError::ChannelClosed { code: 403, text }
        | BrokerError::ConnectionClosed { code: 403 | 530, text } => {
            return BrokerError::AccessRefused { at, reason: text };
        }
        // The broker was there, and closed the connection before it was open: it stops, or an operator
        // closed it.
        closed @ BrokerError::ConnectionClosed { code: FORCED, .. } => return closed,
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

#[cfg(test)]
mod tests {
    use lapin::protocol::{AMQPError, AMQPHardError};

    use super::*;

    #[test]
    fn a_broker_that_closes_a_connection_while_it_opens_was_reached() {
        let closed = |kind: AMQPHardError| {
            let error = AMQPError::new(AMQPErrorKind::Hard(kind), "said".into());
            connect_error(&ErrorKind::ProtocolError(error).into(), "rabbit".to_owned())
        };
        let forced = closed(AMQPHardError::CONNECTIONFORCED);
        assert!(matches!(&forced, BrokerError::ConnectionClosed { code: FORCED, .. }), "{forced}");
        assert!(forced.is_loss());
        let no_vhost = closed(AMQPHardError::NOTALLOWED);
        assert!(matches!(&no_vhost, BrokerError::AccessRefused { .. }), "{no_vhost}");
    }
}
