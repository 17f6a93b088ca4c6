//! Completes a message with the ids that the framework would give it.

use ballet::Clock;
use ballet::core::cloud_event::Attributes;
use ballet::core::envelope::{CONTENT_TYPE, is_blank};
use ballet::core::topology::EVENTS;
use ballet::core::{EventType, Incoming, Role, Unacceptable};
use ballet_amqp::{AMQPValue, BasicProperties, FieldTable, PERSISTENT, Publish, ShortString};
use ballet_check::validate::{MessageVerdict, Validator};
use bytes::Bytes;
use serde_json::{Map, Value};

/// A message that the contracts accept.
#[derive(Debug, Clone)]
pub(crate) struct OutgoingMessage {
    pub(crate) event: EventType,
    pub(crate) message_id: String,
    /// The id of the saga that it belongs to or begins.
    pub(crate) saga: Option<String>,
    pub(crate) publish: Publish,
}

/// The attributes of a message that lacks its own.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct MessageDefaults<'a> {
    pub(crate) saga: Option<&'a str>,
    pub(crate) app_id: Option<&'a str>,
}

/// Completes a message, or returns all its faults.
pub(crate) fn outgoing(
    given: Incoming<'_>,
    headers: Option<&Map<String, Value>>,
    defaults: MessageDefaults<'_>,
    validator: &Validator,
    clock: &Clock,
) -> Result<OutgoingMessage, Vec<String>> {
    let now = clock.now();
    let fresh = clock.new_id(now).to_string();
    let named = |text: Option<&str>| text.is_some_and(|text| !is_blank(text));
    // A CloudEvent's attributes have their own ids.
    let is_plain = given.content_type.is_none_or(|form| form.starts_with(CONTENT_TYPE))
        && given.attributes == Attributes::default();
    let mut message = given;
    if !named(message.message_id) && is_plain {
        message.message_id = Some(&fresh);
    }
    if !named(message.correlation_id) {
        message.correlation_id = defaults.saga;
    }
    if !named(message.app_id) {
        message.app_id = defaults.app_id;
    }
    let MessageVerdict { event, message_id, faults } = validator.judge(&message, now);
    if !faults.is_empty() {
        let said = |fault: Unacceptable| format!("{}: {}", fault.reason.code(), fault.detail);
        return Err(faults.into_iter().map(said).collect());
    }
    let event = event.ok_or_else(|| vec!["its event is not known".to_owned()])?;
    let message_id = message_id.to_string();
    // A saga that the message begins takes the message's id by default.
    let begins = event.role() == Role::StartsSaga && is_plain;
    let saga = message.correlation_id.map(str::to_owned).or(begins.then(|| message_id.clone()));
    let mut properties = BasicProperties::default()
        .with_type(short("type", event.name())?)
        .with_message_id(short("message_id", &message_id)?)
        .with_content_type(short("content_type", message.content_type.unwrap_or(CONTENT_TYPE))?)
        .with_delivery_mode(PERSISTENT)
        .with_timestamp(u64::try_from(now.as_second()).unwrap_or_default());
    if let Some(saga) = &saga {
        properties = properties.with_correlation_id(short("correlation_id", saga)?);
    }
    if let Some(app_id) = message.app_id {
        properties = properties.with_app_id(short("app_id", app_id)?);
    }
    if let Some(encoding) = message.content_encoding {
        properties = properties.with_content_encoding(short("content_encoding", encoding)?);
    }
    if let Some(headers) = headers {
        properties = properties.with_headers(table(headers)?);
    }
    let publish = Publish {
        exchange: EVENTS.to_owned(),
        routing_key: event.name().to_owned(),
        mandatory: true,
        properties,
        body: Bytes::copy_from_slice(message.body),
    };
    Ok(OutgoingMessage { event, message_id, saga, publish })
}

fn short(name: &str, text: &str) -> Result<ShortString, Vec<String>> {
    ShortString::try_new(text).map_err(|_| vec![format!("`{name}` is longer than 255 bytes")])
}

fn table(headers: &Map<String, Value>) -> Result<FieldTable, Vec<String>> {
    let mut table = FieldTable::default();
    for (name, value) in headers {
        let value = match value {
            Value::String(text) => AMQPValue::LongString(text.as_str().into()),
            Value::Bool(is) => AMQPValue::Boolean(*is),
            Value::Number(number) => match number.as_i64() {
                Some(whole) => AMQPValue::LongLongInt(whole),
                None => return Err(vec![format!("the header {name:?} is no whole number")]),
            },
            _ => {
                let wanted = "a header is text, a whole number, or true or false";
                return Err(vec![format!("the header {name:?} cannot be sent: {wanted}")]);
            }
        };
        table.insert(short("a header's name", name)?, value);
    }
    Ok(table)
}
