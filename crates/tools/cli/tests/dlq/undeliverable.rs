//! The journal is read past messages that the broker can deliver to no reader.

use std::time::Duration;

use ballet_amqp::{AMQPValue, BasicProperties, FieldTable, Publish};
use ballet_stage::wait_until;
use ballet_testkit::command::ended_within;
use serde_json::Value;

use crate::missed_events::CONFIRMED;
use crate::shop::ShopWorld;
use crate::world::publish_all;

/// The limit for hundreds of connections to a busy broker.
const LONG: Duration = Duration::from_secs(300);

/// A misspelt type, which nobody consumes.
const MISSPELT: &str = "cart.checkedout.v1";
const REDRIVE: [&str; 5] = ["dlq", "redrive", "--from-journal", "shipping", "--since"];

/// The headers of an undeliverable message: a stream takes them, but the broker cannot write them as the property
/// `type`.
fn undeliverable() -> [AMQPValue; 2] {
    [AMQPValue::LongInt(5), AMQPValue::LongString("t".repeat(256).into())]
}

impl ShopWorld {
    /// Publishes events at once, so that the journal may take them as one chunk. An event without an
    /// id has the header, and is undeliverable.
    async fn burst(&self, events: &[Result<String, AMQPValue>]) {
        let message = |event: &Result<String, AMQPValue>| {
            let (key, properties) = match event {
                Ok(id) => {
                    let properties = BasicProperties::default().with_message_id(id.as_str().into());
                    (CONFIRMED, properties.with_type(CONFIRMED.into()))
                }
                Err(header) => {
                    let mut headers = FieldTable::default();
                    headers.insert("x-basic-type".into(), header.clone());
                    (MISSPELT, BasicProperties::default().with_headers(headers))
                }
            };
            Publish {
                exchange: "events".to_owned(),
                routing_key: key.to_owned(),
                mandatory: true,
                properties,
                body: "{}".into(),
            }
        };
        publish_all(self.env.ops_amqp_url(), events.iter().map(message)).await;
    }

    /// The result of a dry run: the ids, and the offsets of unreadable messages.
    async fn listed(&self) -> (Vec<String>, Vec<u64>) {
        let arguments = [&REDRIVE[..], &["1h", "--dry-run", "-o", "json"]].concat();
        let ended = ended_within(LONG, &mut self.command(&arguments)).await;
        let listed: Vec<Value> = ended.ends_with(3).json();
        let mut ids = Vec::new();
        let mut offsets = Vec::new();
        for row in &listed {
            match row["unreadable_offset"].as_u64() {
                None => ids.push(row["id"].as_str().expect("an id").to_owned()),
                Some(offset) => {
                    assert!(row["id"].is_null() && row["type"].is_null(), "{row}");
                    offsets.push(offset);
                }
            }
        }
        (ids, offsets)
    }
}

#[tokio::test]
async fn t175_the_journal_is_read_past_messages_that_no_reader_gets_and_they_are_counted() {
    let shop = ShopWorld::open("undeliverable").await;
    shop.unbind("shipping", CONFIRMED).await;
    let mut orders = shop.order(2).await;
    shop.all_are(&orders, "confirmed").await;
    for header in undeliverable() {
        shop.burst(&[Err(header)]).await;
    }
    let behind = shop.order(2).await;
    shop.all_are(&behind, "confirmed").await;
    orders.extend(behind);
    shop.topology("apply").await.ends_with(0);

    // An order is confirmed a moment before its event is in the journal.
    let listed = wait_until("the missed events", LONG, || async {
        let (ids, offsets) = shop.listed().await;
        match (ids.len(), offsets.len()) {
            (4, 2) => Ok(Some(offsets)),
            _ => Err(format!("{ids:?} {offsets:?}")),
        }
    });
    let offsets = listed.await.expect("four events, and two that cannot be read");
    let sent = shop.ballet(&[&REDRIVE[..], &["1h"]].concat()).await.ends_with(3);
    assert!(sent.err.contains("4 events sent to shipping"), "{sent:?}");
    let says = "2 messages of the journal could not be read: offset ";
    let says = format!("{says}{}", offsets[0]);
    assert!(sent.err.contains(&says), "{sent:?}");
    shop.all_are(&orders, "completed").await;
    let again = shop.ballet(&[&REDRIVE[..], &["1h"]].concat()).await.ends_with(3);
    assert!(again.err.contains("shipping has missed nothing"), "{again:?}");
    assert!(again.err.contains(&says), "{again:?}");
    shop.is_sound().await;
    shop.close().await;
}

#[tokio::test]
async fn t175_good_events_among_undeliverable_ones_are_all_found() {
    let shop = ShopWorld::open("among").await;
    shop.unbind("shipping", CONFIRMED).await;
    let [number, long] = undeliverable();
    let good = || Ok(ShopWorld::new_id());
    let bad = || Err(number.clone());
    // The first message, and some one by one. Each bad one costs up to 25 connections.
    let mut bursts = vec![vec![bad()], vec![good()], vec![Err(long)], vec![bad(), bad(), good()]];
    // Chunks that hold both, and the end.
    let mut chunk: Vec<_> = (0..300).map(|_| good()).collect();
    chunk.push(bad());
    chunk.extend((0..20).map(|_| good()));
    chunk.push(bad());
    bursts.push(chunk);
    for burst in &bursts {
        shop.burst(burst).await;
    }

    let events = bursts.concat();
    let mut expected: Vec<String> = events.iter().filter_map(|event| event.clone().ok()).collect();
    expected.sort_unstable();
    let (ids, offsets) = shop.listed().await;
    assert_eq!(offsets.len(), events.len() - expected.len(), "{offsets:?}");
    assert_eq!(ids, expected);
    shop.close().await;
}
