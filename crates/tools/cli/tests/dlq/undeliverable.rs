//! The journal is read past undeliverable messages.

use ballet_amqp::{AMQPValue, BasicProperties, FieldTable, Publish};

use crate::missed_events::repair;
use crate::publish::contracts;
use crate::world::{CounterWorld, TICKED, publish_all};

/// A stream takes the header, but the broker cannot write it as the property `type`.
fn undeliverable() -> Publish {
    let mut headers = FieldTable::default();
    headers.insert("x-basic-type".into(), AMQPValue::LongInt(5));
    Publish {
        exchange: "events".to_owned(),
        routing_key: "clock.tikked.v1".to_owned(),
        mandatory: true,
        properties: BasicProperties::default().with_headers(headers),
        body: b"{}".to_vec().into(),
    }
}

#[tokio::test]
async fn t175_good_events_around_undeliverable_ones_are_found_and_sent_and_the_others_named() {
    let world = CounterWorld::new("undeliverable").await;
    contracts(&world);
    world.unbind(TICKED).await;
    world.tick(TICKED, 0).await;
    publish_all(world.env.ops_amqp_url(), [undeliverable(), undeliverable()]).await;
    world.tick(TICKED, 1).await;
    let repaired = repair(&world, "1h", 3).await;
    repaired.says(&["2 messages of the journal could not be read: offset "]);
    world.all_counted_once(2).await;
    world.close().await;
}
