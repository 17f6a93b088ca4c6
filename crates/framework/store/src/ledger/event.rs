//! An event without its type.

use ballet_core::EventType;
use bytes::Bytes;

/// An event as JSON, with its type.
#[derive(Debug, Clone)]
pub struct EncodedEvent {
    /// Its type.
    pub event_type: EventType,
    /// The JSON.
    pub body: Bytes,
}
