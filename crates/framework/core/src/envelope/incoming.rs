//! A message as the broker delivered it.

use crate::envelope::cloud_event::Attributes;
use crate::envelope::limits::HeaderSize;

/// A message as the broker delivered it. Nothing in it has been checked.
#[derive(Debug, Clone, Default)]
pub struct Incoming<'a> {
    /// The exchange that the message was published to.
    pub exchange: &'a str,
    /// The routing key.
    pub routing_key: &'a str,
    /// The service from whose queue it comes, if it comes from one.
    pub reader: Option<&'a str>,
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
    /// Header `tracestate`.
    pub tracestate: Option<&'a str>,
    /// How many members a pack has, as its header says.
    pub members: Option<i64>,
    /// Header `baggage`.
    pub baggage: Option<&'a str>,
    /// The description of [unreadable](crate::envelope::unreadable) properties, if there are any.
    pub unreadable: Option<&'a str>,
    /// CloudEvents attributes among the headers.
    pub attributes: Attributes<'a>,
    /// The size of all headers except those that our own copies of a message add.
    pub headers: HeaderSize,
    /// Whether the header `CC` asks the broker to route the message by other keys as well.
    pub carbon_copy: bool,
    /// A header that the journal cannot keep, and why.
    pub unkept_header: Option<(&'a str, &'static str)>,
    /// The body.
    pub body: &'a [u8],
}
