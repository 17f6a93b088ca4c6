//! Deliveries for tests.

use ballet_amqp::{AMQPValue, BasicProperties, Delivery, FieldTable};

pub(crate) fn delivered(
    exchange: &str,
    routing_key: &str,
    properties: BasicProperties,
    headers: &[(&str, AMQPValue)],
) -> Delivery {
    let mut table = FieldTable::default();
    for (name, value) in headers {
        table.insert((*name).into(), value.clone());
    }
    Delivery {
        tag: 1,
        redelivered: false,
        exchange: exchange.to_owned(),
        routing_key: routing_key.to_owned(),
        properties: properties.with_headers(table),
        body: Vec::new(),
    }
}

pub(crate) fn long_string(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
