//! The journal is read past messages that the broker cannot deliver.

use std::time::Duration;

use ballet_amqp::{AMQPValue, BasicProperties, FieldTable, Publish};
use ballet_testkit::command::{CommandOutput, ended_within};
use serde_json::Value;

use crate::publish::contracts;
use crate::world::{CounterWorld, TICKED, ballet, publish_all};

/// The limit for hundreds of connections to a busy broker.
const LONG: Duration = Duration::from_secs(300);

/// Nobody consumes this misspelt type.
const MISSPELT: &str = "clock.tikked.v1";

/// An event without a number has a header that a stream takes, but that the broker cannot write as the property
/// `type`. All good ones have one size.
fn message(world: &CounterWorld, event: &Result<u64, AMQPValue>) -> Publish {
    let (key, properties, body) = match event {
        Ok(number) => {
            let properties = BasicProperties::default().with_message_id(world.new_id().into());
            (TICKED, properties.with_type(TICKED.into()), format!(r#"{{"number": {number:4}}}"#))
        }
        Err(header) => {
            let mut headers = FieldTable::default();
            headers.insert("x-basic-type".into(), header.clone());
            let properties = BasicProperties::default().with_headers(headers);
            (MISSPELT, properties, "{}".to_owned())
        }
    };
    Publish {
        exchange: "events".to_owned(),
        routing_key: key.to_owned(),
        mandatory: true,
        properties,
        body: body.into(),
    }
}

async fn from_journal(world: &CounterWorld, more: &[&str]) -> CommandOutput {
    let mut command = ballet(&world.env, &world.place);
    command.args(["dlq", "redrive", "--from-journal", "counter", "--since", "1h"]).args(more);
    command.env("BALLET_CONTRACTS", world.place.join("clocks"));
    command.env("DATABASE_URL", world.env.database_url("counter"));
    ended_within(LONG, &mut command).await.ends_with(3)
}

/// The broker sends a chunk in packets, and drops one with an undeliverable message. The good ones before it come
/// only if some connection begins where a packet ends just before it. Messages of different sizes may have no such
/// place, and then a good one counts as unreadable, too. So nothing else is published meanwhile.
#[tokio::test]
async fn t175_good_events_among_undeliverable_ones_are_all_found_and_sent_and_the_others_counted() {
    let world = CounterWorld::new("undeliverable").await;
    contracts(&world);
    world.unbind(TICKED).await;
    let number = AMQPValue::LongInt(5);
    let long = AMQPValue::LongString("t".repeat(256).into());
    let (mut goods, bad) = (0.., || Err(number.clone()));
    let mut good = || Ok(goods.next().expect("a number"));
    // The first message, and some one by one. Each bad one costs up to 25 connections.
    let mut bursts = vec![vec![bad()], vec![good()], vec![Err(long)], vec![bad(), bad(), good()]];
    // Chunks that hold both, and the end.
    let mut chunk: Vec<_> = (0..300).map(|_| good()).collect();
    chunk.push(bad());
    chunk.extend((0..20).map(|_| good()));
    chunk.push(bad());
    bursts.push(chunk);
    // Each burst at once, so that the journal may take it as one chunk.
    let mut expected = Vec::new();
    for burst in &bursts {
        let messages: Vec<Publish> = burst.iter().map(|event| message(&world, event)).collect();
        let ids = messages.iter().filter_map(|one| one.properties.message_id().as_ref());
        expected.extend(ids.map(ToString::to_string));
        publish_all(world.env.ops_amqp_url(), messages).await;
    }
    expected.sort_unstable();

    let rows: Vec<Value> = from_journal(&world, &["--dry-run", "-o", "json"]).await.json();
    let (unreadable, missed): (Vec<_>, Vec<_>) =
        rows.iter().partition(|row| row["unreadable_offset"].is_u64());
    assert!(unreadable.iter().all(|row| row["id"].is_null() && row["type"].is_null()), "{rows:?}");
    let ids: Vec<_> = missed.iter().map(|row| row["id"].as_str().expect("an id")).collect();
    assert_eq!(ids, expected, "{unreadable:?}");
    assert_eq!(unreadable.len(), bursts.concat().len() - expected.len(), "{unreadable:?}");

    let first = &unreadable[0]["unreadable_offset"];
    let counted = format!("6 messages of the journal could not be read: offset {first},");
    let sent = format!("{} events sent to counter", expected.len());
    from_journal(&world, &[]).await.says(&[&sent, &counted]);
    world.all_counted_once(i64::try_from(expected.len()).expect("a count")).await;
    world.close().await;
}
