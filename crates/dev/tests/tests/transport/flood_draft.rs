//! How a message of a flood is made.

use std::io::Write;

use ballet::MessageId;
use ballet_amqp::{AMQPValue, BasicProperties, FieldTable, Publish};

use crate::flood::message::{FloodMessage, MessageFate, NUMBER};

pub(super) struct Draft {
    pub(super) exchange: &'static str,
    pub(super) key: &'static str,
    pub(super) properties: BasicProperties,
    pub(super) headers: FieldTable,
    pub(super) body: Vec<u8>,
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

impl Draft {
    pub(super) fn packed(mut self) -> Self {
        self.body = gzip(&self.body);
        self.properties = self.properties.with_content_encoding("gzip".into());
        self
    }

    pub(super) fn straight(mut self) -> Self {
        self.properties = self.properties.with_type(self.key.into());
        (self.exchange, self.key) = ("", "hotel");
        self
    }

    pub(super) fn header(mut self, name: &str, value: AMQPValue) -> Self {
        self.headers.insert(name.into(), value);
        self
    }

    pub(super) fn with(mut self, change: impl FnOnce(BasicProperties) -> BasicProperties) -> Self {
        self.properties = change(self.properties);
        self
    }

    pub(super) fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }

    pub(super) fn message(mut self, number: u64, id: MessageId, fate: MessageFate) -> FloodMessage {
        let bears = AMQPValue::LongLongInt(i64::try_from(number).unwrap());
        self.headers.insert(NUMBER.into(), bears);
        let publish = Publish {
            exchange: self.exchange.to_owned(),
            routing_key: self.key.to_owned(),
            mandatory: true,
            properties: self.properties.with_headers(self.headers).with_delivery_mode(2),
            body: self.body.into(),
        };
        FloodMessage { id, fate, publish, raw: None }
    }
}
