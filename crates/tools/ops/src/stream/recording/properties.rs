//! The properties of AMQP 0-9-1 as JSON, by their names there, and back.

use ballet_amqp::{BasicProperties, ShortString};
use serde_json::{Map, Value, json};

use crate::stream::recording::value::{headers_as_json, table_of_json};

type Read = fn(&BasicProperties) -> &Option<ShortString>;
type Set = fn(BasicProperties, ShortString) -> BasicProperties;

/// The properties that are texts.
const TEXTS: [(&str, Read, Set); 10] = [
    ("message_id", BasicProperties::message_id, BasicProperties::with_message_id),
    ("type", BasicProperties::kind, BasicProperties::with_type),
    ("correlation_id", BasicProperties::correlation_id, BasicProperties::with_correlation_id),
    ("app_id", BasicProperties::app_id, BasicProperties::with_app_id),
    ("content_type", BasicProperties::content_type, BasicProperties::with_content_type),
    ("content_encoding", BasicProperties::content_encoding, BasicProperties::with_content_encoding),
    ("reply_to", BasicProperties::reply_to, BasicProperties::with_reply_to),
    ("expiration", BasicProperties::expiration, BasicProperties::with_expiration),
    ("user_id", BasicProperties::user_id, BasicProperties::with_user_id),
    ("cluster_id", BasicProperties::cluster_id, BasicProperties::with_cluster_id),
];
const TIMESTAMP: &str = "timestamp";
const DELIVERY_MODE: &str = "delivery_mode";
const PRIORITY: &str = "priority";
const HEADERS: &str = "headers";

/// Returns the properties without the headers.
pub(crate) fn properties_as_json(properties: &BasicProperties) -> Map<String, Value> {
    let mut json = Map::new();
    for (name, read, _) in TEXTS {
        let text = read(properties).as_ref();
        json.extend(text.map(|text| (name.to_owned(), json!(text.as_str()))));
    }
    let numbers = [
        (TIMESTAMP, *properties.timestamp()),
        (DELIVERY_MODE, properties.delivery_mode().map(u64::from)),
        (PRIORITY, properties.priority().map(u64::from)),
    ];
    for (name, number) in numbers {
        json.extend(number.map(|number| (name.to_owned(), json!(number))));
    }
    json
}

pub(super) fn as_json(properties: &BasicProperties) -> Map<String, Value> {
    let mut json = properties_as_json(properties);
    let headers = properties.headers().as_ref().map(headers_as_json);
    json.extend(headers.map(|headers| (HEADERS.to_owned(), Value::Object(headers))));
    json
}

pub(crate) fn of_json(json: &Map<String, Value>) -> Result<BasicProperties, String> {
    let mut properties = BasicProperties::default();
    for (name, value) in json {
        let wrong = || format!("the property `{name}` is not {value}");
        let byte = || value.as_u64().and_then(|byte| u8::try_from(byte).ok()).ok_or_else(wrong);
        properties = match (name.as_str(), value) {
            (TIMESTAMP, value) => properties.with_timestamp(value.as_u64().ok_or_else(wrong)?),
            (DELIVERY_MODE, _) => properties.with_delivery_mode(byte()?),
            (PRIORITY, _) => properties.with_priority(byte()?),
            (HEADERS, Value::Object(headers)) => properties.with_headers(table_of_json(headers)?),
            (name, Value::String(text)) => {
                let known = TEXTS.iter().find(|(known, ..)| *known == name);
                let (_, _, set) = known.ok_or_else(|| format!("unknown property `{name}`"))?;
                let long = |_| format!("the property `{name}` has more than 255 bytes");
                set(properties, ShortString::try_new(text.as_str()).map_err(long)?)
            }
            _ => return Err(wrong()),
        };
    }
    Ok(properties)
}
