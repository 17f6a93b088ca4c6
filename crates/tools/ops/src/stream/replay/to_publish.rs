//! The message that a replay publishes for a record.

use ballet_amqp::headers::properties_to_keep;
use ballet_amqp::{BasicProperties, Publish};

use crate::stream::record::Record;

/// Returns the record as published, without `user_id`, which the broker refuses for another user, and the obsolete
/// `cluster_id`.
#[must_use]
pub fn to_publish(record: Record) -> Publish {
    let properties = match record.properties.user_id() {
        Some(_) => without_user(&record.properties),
        None => record.properties,
    };
    Publish {
        exchange: record.exchange,
        routing_key: record.routing_key,
        mandatory: true,
        properties,
        body: record.body.into(),
    }
}

fn without_user(from: &BasicProperties) -> BasicProperties {
    let mut kept = properties_to_keep(from);
    if let Some(headers) = from.headers().clone() {
        kept = kept.with_headers(headers);
    }
    if let Some(mode) = *from.delivery_mode() {
        kept = kept.with_delivery_mode(mode);
    }
    if let Some(expiration) = from.expiration().clone() {
        kept = kept.with_expiration(expiration);
    }
    kept
}
