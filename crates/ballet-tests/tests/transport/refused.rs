//! A flood of messages from outside that nobody can take.

use std::ops::RangeInclusive;

use ballet::Event;
use ballet_amqp::{BasicProperties, Publish};
use ballet_stage::QueueDepth;
use futures_util::StreamExt;
use tokio::time::Instant;

use crate::returned::{WishMade, clerk};
use crate::scene::{asleep, session};
use crate::world::LONG;

/// How many come, unless `BALLET_REFUSED` says otherwise.
const USUALLY: usize = 20_000;
/// As many of one event as become dead letters within an hour, and a few more: the bound grows meanwhile.
const BOUND: RangeInclusive<u64> = 10_000..=11_000;

#[tokio::test(flavor = "multi_thread")]
async fn t229_who_waits_behind_a_flood_of_refused_messages_does_not_wait_for_copies_of_all() {
    let many = std::env::var("BALLET_REFUSED").map_or(USUALLY, |many| many.parse().unwrap());
    let mut world = asleep("flood_of_refused", vec![clerk()]).await;
    let session = session(world.env.ops_amqp_url()).await;
    let mut confirms = session.confirms().await.unwrap();
    let wish = |body: &'static str| Publish {
        exchange: "events".to_owned(),
        routing_key: WishMade::TYPE.name().to_owned(),
        mandatory: true,
        properties: BasicProperties::default().with_delivery_mode(2),
        body: body.as_bytes().into(),
    };
    let bodies = std::iter::repeat_n("{", many).chain([r#"{"wish":"a boat"}"#]);
    let mut open = 0;
    for body in bodies {
        session.publish(wish(body)).unwrap();
        open += 1;
        while open >= 1_000 {
            open -= confirms.next().await.unwrap().unwrap().len();
        }
    }
    while open > 0 {
        open -= confirms.next().await.unwrap().unwrap().len();
    }
    let begun = Instant::now();
    world.start(clerk()).await;
    world.until_count("clerk", "wish", 1).await;
    println!("the good one behind {many} waited for {:?}", begun.elapsed());
    let are_dead = |depth: QueueDepth| BOUND.contains(&depth.ready);
    world.env.management().until_depth("clerk.dead", LONG, are_dead).await.unwrap();
    session.close().await;
}
