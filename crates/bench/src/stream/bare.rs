//! The bare loops: the code with lapin and serde_json that somebody would write to read the journal, or to send a file
//! to the broker, for events that are known to be JSON text. It checks nothing, and ends with the connection.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use ballet::core::topology::JOURNAL;
use futures_util::StreamExt;
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::contestants::handwritten::{channel, confirmed};

/// The prefetch of the commands.
const PREFETCH: u16 = 1_000;
const ACK_EVERY: u64 = 250;
const IN_FLIGHT: usize = 1_000;
const BUFFER: usize = 256 * 1024;

/// A line in the format of the commands, without the time.
#[derive(Serialize, Deserialize)]
struct TapLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<i64>,
    exchange: &'a str,
    routing_key: &'a str,
    #[serde(borrow)]
    properties: TapProperties<'a>,
    body: &'a RawValue,
}

#[derive(Serialize, Deserialize)]
struct TapProperties<'a> {
    message_id: Option<&'a str>,
    #[serde(rename = "type")]
    kind: Option<&'a str>,
    correlation_id: Option<&'a str>,
    app_id: Option<&'a str>,
    timestamp: Option<u64>,
    content_type: Option<&'a str>,
    delivery_mode: Option<u8>,
    headers: BTreeMap<&'a str, &'a str>,
}

/// Prints this many events of the journal.
///
/// # Errors
///
/// If anything fails.
pub async fn tap(url: &str, events: u64) -> Result<()> {
    let mut out = BufWriter::with_capacity(BUFFER, std::io::stdout());
    read(url, events, &mut out).await?;
    Ok(out.flush()?)
}

/// Writes this many events of the journal to a file.
///
/// # Errors
///
/// If anything fails.
pub async fn record(url: &str, events: u64, file: &Path) -> Result<()> {
    let mut out = BufWriter::with_capacity(BUFFER, File::create(file)?);
    read(url, events, &mut out).await?;
    Ok(out.into_inner()?.sync_all()?)
}

async fn read(url: &str, events: u64, out: &mut impl Write) -> Result<()> {
    let channel = channel(url, "bare loop").await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-stream-offset".into(), AMQPValue::LongString("first".into()));
    let consumer = channel.basic_consume(JOURNAL.into(), "bare".into(), <_>::default(), arguments);
    let mut deliveries = consumer.await?;
    for _ in 0..events {
        let delivery = deliveries.next().await.context("the journal ended")??;
        write(&delivery, out)?;
        if delivery.delivery_tag.is_multiple_of(ACK_EVERY) {
            let options = BasicAckOptions { multiple: true };
            channel.basic_ack(delivery.delivery_tag, options).await?;
        }
    }
    Ok(())
}

fn write(delivery: &Delivery, out: &mut impl Write) -> Result<()> {
    let (mut offset, mut headers) = (None, BTreeMap::new());
    let all = delivery.properties.headers().as_ref().into_iter().flat_map(FieldTable::inner);
    for (name, value) in all {
        match value {
            AMQPValue::LongLongInt(number) => offset = Some(*number),
            AMQPValue::LongString(text) => {
                headers.insert(name.as_str(), std::str::from_utf8(text.as_bytes())?);
            }
            _ => {}
        }
    }
    fn text(property: &Option<ShortString>) -> Option<&str> {
        property.as_ref().map(ShortString::as_str)
    }
    let from = &delivery.properties;
    let properties = TapProperties {
        message_id: text(from.message_id()),
        kind: text(from.kind()),
        correlation_id: text(from.correlation_id()),
        app_id: text(from.app_id()),
        timestamp: *from.timestamp(),
        content_type: text(from.content_type()),
        delivery_mode: *from.delivery_mode(),
        headers,
    };
    let line = TapLine {
        offset,
        exchange: delivery.exchange.as_str(),
        routing_key: delivery.routing_key.as_str(),
        properties,
        body: serde_json::from_slice(&delivery.data)?,
    };
    serde_json::to_writer(&mut *out, &line)?;
    Ok(out.write_all(b"\n")?)
}

/// Sends the events of a recording.
///
/// # Errors
///
/// If anything fails.
pub async fn replay(url: &str, file: &Path) -> Result<()> {
    let channel = channel(url, "bare loop").await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    let mut lines = BufReader::with_capacity(BUFFER, File::open(file)?);
    let (mut text, mut in_flight) = (String::new(), VecDeque::new());
    // The first line is the header.
    lines.read_line(&mut text)?;
    loop {
        text.clear();
        if lines.read_line(&mut text)? == 0 {
            break;
        }
        if in_flight.len() >= IN_FLIGHT
            && let Some(first) = in_flight.pop_front()
        {
            confirmed(first).await?;
        }
        let line: TapLine<'_> = serde_json::from_str(&text)?;
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let body = line.body.get().as_bytes();
        let (exchange, key) = (line.exchange.into(), line.routing_key.into());
        let sent = channel.basic_publish(exchange, key, options, body, line.properties.basic());
        in_flight.push_back(sent.await?);
    }
    for last in in_flight {
        confirmed(last).await?;
    }
    Ok(())
}

impl TapProperties<'_> {
    fn basic(&self) -> BasicProperties {
        let mut headers = FieldTable::default();
        for (name, value) in &self.headers {
            headers.insert((*name).into(), AMQPValue::LongString((*value).into()));
        }
        let text = |text: Option<&str>| text.unwrap_or_default().into();
        BasicProperties::default()
            .with_message_id(text(self.message_id))
            .with_type(text(self.kind))
            .with_correlation_id(text(self.correlation_id))
            .with_app_id(text(self.app_id))
            .with_timestamp(self.timestamp.unwrap_or_default())
            .with_content_type(text(self.content_type))
            .with_delivery_mode(self.delivery_mode.unwrap_or_default())
            .with_headers(headers)
    }
}
