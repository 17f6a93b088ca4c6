//! A message as it came from the broker, and how much of it is looked at.

use jiff::SignedDuration;

use crate::cloud_event::Attributes;

/// A message as it came from the broker, not yet believed.
#[derive(Debug, Clone, Default)]
pub struct Incoming<'a> {
    /// The exchange that the message was published to.
    pub exchange: &'a str,
    /// The routing key.
    pub routing_key: &'a str,
    /// AMQP `type`.
    pub event_type: Option<&'a str>,
    /// AMQP `message_id`.
    pub message_id: Option<&'a str>,
    /// AMQP `correlation_id`.
    pub correlation_id: Option<&'a str>,
    /// AMQP `app_id`.
    pub app_id: Option<&'a str>,
    /// AMQP `content_type`.
    pub content_type: Option<&'a str>,
    /// AMQP `content_encoding`.
    pub content_encoding: Option<&'a str>,
    /// Header `causation_id`.
    pub causation_id: Option<&'a str>,
    /// Header `traceparent`.
    pub traceparent: Option<&'a str>,
    /// CloudEvents attributes among the headers.
    pub attributes: Attributes<'a>,
    /// How much the headers are, all but those that our own copies of a message have.
    pub headers: HeaderSize,
    /// The body.
    pub body: &'a [u8],
}

/// How much a message's headers are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeaderSize {
    /// How many there are, those in nested tables included.
    pub count: usize,
    /// Bytes of names and values.
    pub bytes: usize,
    /// How deep tables and lists are nested.
    pub depth: usize,
}

/// How far a message may lie in the past or in the future, and how big it may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The biggest body, in bytes; of a packed one also what is in it.
    pub max_body: usize,
    /// How deep a body may be nested.
    pub max_depth: usize,
    /// The most that headers may be.
    pub max_headers: HeaderSize,
    /// How long message ids are remembered.
    pub inbox_window: SignedDuration,
    /// How long sagas are remembered.
    pub saga_window: SignedDuration,
    /// How far a clock elsewhere may be ahead of ours.
    pub clock_skew: SignedDuration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body: 1024 * 1024,
            max_depth: 64,
            // A quarter of what fits into a frame: our copies need room for the reason.
            max_headers: HeaderSize { count: 64, bytes: 32 * 1024, depth: 8 },
            inbox_window: SignedDuration::from_hours(7 * 24),
            saga_window: SignedDuration::from_hours(90 * 24),
            clock_skew: SignedDuration::from_mins(5),
        }
    }
}
