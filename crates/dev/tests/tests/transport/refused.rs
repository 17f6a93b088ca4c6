//! A flood of messages from outside that nobody can take.

use ballet::Event;
use ballet_amqp::{BasicProperties, Publish};
use ballet_stage::QueueDepth;
use futures_util::StreamExt;
use tokio::time::Instant;

use crate::returned::{WishMade, clerk};
use crate::scene::{asleep, session};
use crate::world::LONG;

/// The default of `BALLET_REFUSED`.
const USUALLY: usize = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn t229_behind_a_flood_of_refused_messages_a_good_one_is_handled_and_all_are_dead_letters() {
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
    // The queue's bound is above them.
    let are_dead = |depth: QueueDepth| depth.ready == u64::try_from(many).unwrap();
    world.env.management().until_depth("clerk.dead", LONG, are_dead).await.unwrap();
    session.close().await;
}
