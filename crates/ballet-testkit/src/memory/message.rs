//! A message in a queue, and its delivery.

use ballet_amqp::headers::DELIVERY_COUNT;
use ballet_amqp::{AMQPValue, Delivery, FieldTable, Publish};

#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) publish: Publish,
    pub(super) earlier_deliveries: i64,
}

impl Message {
    pub(super) fn deliver(&self, tag: u64) -> Delivery {
        let publish = &self.publish;
        let mut properties = publish.properties.clone();
        if self.earlier_deliveries > 0 {
            let mut headers =
                properties.headers().as_ref().map_or_else(FieldTable::default, Clone::clone);
            let count = AMQPValue::LongLongInt(self.earlier_deliveries);
            headers.insert(DELIVERY_COUNT.into(), count);
            properties = properties.with_headers(headers);
        }
        Delivery {
            tag,
            redelivered: self.earlier_deliveries > 0,
            exchange: publish.exchange.clone(),
            routing_key: publish.routing_key.clone(),
            properties,
            body: publish.body.to_vec(),
        }
    }
}
