//! Parcels: each is booked, cancelled and delivered once, whatever happens to the answers.

use crate::world::World;
use ballet_stage::wait_until;
use shop_events::OrderId;
use shop_events::orders::{CancelReason, OrderCancelled};
use shop_rig::partner::Mood;
use shop_rig::rig::{SOON, finished};

/// The ways to lose the outcome of a request.
const LOST: [Mood; 6] = [
    Mood::Hangs,
    Mood::ActsAndHangs,
    Mood::ActsAndBreaks,
    Mood::ActsAndTrickles,
    Mood::ActsAndSays(500),
    Mood::ActsAndBabbles,
];

#[tokio::test]
async fn whatever_happens_to_an_answer_a_parcel_is_booked_and_cancelled_once() {
    let world = World::new("booked_once").await;
    for mood in LOST {
        world.partner.is("/operations", &[Mood::Says(503); 2]);
        world.partner.is("/shipments", &[mood]);
        world.partner.is("/cancellations", &[mood]);
        let order_id = world.order("IE").await;
        world.shipment_is(order_id, "scheduled").await;
        let (order, reason) = (OrderId(order_id), CancelReason::CustomerCancelled);
        let (failed_step, detail) = (None, None);
        let cancelled = OrderCancelled { order_id: order, reason, failed_step, detail };
        world.publish(order_id, &cancelled).await;
        world.shipment_is(order_id, "cancelled").await;
        let booked = world.only_effect("/shipments", order_id);
        assert_ne!(booked, world.only_effect("/cancellations", order_id), "{mood:?}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_carrier_who_refuses_is_no_failure_and_one_who_answers_for_another_is_not_believed() {
    let world = World::new("refused").await;
    let refused = world.order("AQ").await;
    let shipment = world.shipment_is(refused, "rejected").await;
    assert_eq!(shipment["reason"], "no_service_to_country");
    for (mood, why) in [
        (Mood::OtherKey, "the carrier: its answer is not ours: we asked under the key"),
        (Mood::OtherOrder, "the carrier: its answer is not ours: it is about order"),
        (Mood::Says(409), "the carrier: it refuses the request with 409"),
    ] {
        world.partner.is("/shipments", &[mood; 1000]);
        let order_id = world.order("IE").await;
        wait_until(why, SOON, || async {
            let stuck = world.stuck().await;
            let is_said = stuck.iter().any(|stuck| stuck.detail.contains(why));
            if is_said { Ok(Some(())) } else { Err(format!("{stuck:?}")) }
        })
        .await
        .expect("stuck");
        assert_eq!(world.shipment(order_id).await["status"], 404, "{mood:?}");
        world.partner.is("/shipments", &[]);
        world.shipment_is(order_id, "scheduled").await;
        world.only_effect("/shipments", order_id);
    }
    world.close().await;
}

#[tokio::test]
async fn a_parcel_on_its_way_is_not_stuck_and_is_delivered_when_the_webhook_comes() {
    let world = World::new("delivered").await;
    world.partner.is("/deliveries", &[Mood::Later]);
    let order_id = world.order("IE").await;
    world.shipment_is(order_id, "scheduled").await;
    world.confirm(order_id).await;
    let waiting = "select count(*) from ballet.call \
                   where attempts = 0 and last_error like '%no outcome yet%'";
    world.until("shipping", waiting, 1).await;
    world.shipment_is(order_id, "dispatched").await;
    assert!(world.stuck().await.is_empty());
    let key = world.only_effect("/deliveries", order_id);
    // Not delivered yet.
    assert_eq!(world.webhook(&finished("early", order_id, key)).await, 204);
    world.partner.finish(key);
    for _ in 0..2 {
        assert_eq!(world.webhook(&finished("delivered", order_id, key)).await, 204);
    }
    world.shipment_is(order_id, "delivered").await;
    assert_eq!(world.count("webhook").await, 2);
    let delivered = "ballet.ledger where step = 'deliver_shipment' and entry = 'done'";
    assert_eq!(world.count(delivered).await, 1);
    world.close().await;
}
