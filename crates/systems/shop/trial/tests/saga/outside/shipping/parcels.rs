//! Parcels: each is booked, cancelled and delivered once, whatever happens to the answers.

use crate::test_shipping::TestShipping;
use ballet_stage::wait_until;
use shop_events::OrderId;
use shop_events::orders::{CancelReason, OrderCancelled};
use shop_rig::partner::Misbehaviour;
use shop_rig::rig::{SOON, finished};

/// The ways to lose the outcome of a request.
const LOST: [Misbehaviour; 6] = [
    Misbehaviour::Hangs,
    Misbehaviour::ActsAndHangs,
    Misbehaviour::ActsAndBreaks,
    Misbehaviour::ActsAndTrickles,
    Misbehaviour::ActsAndSays(500),
    Misbehaviour::ActsAndBabbles,
];

#[tokio::test]
async fn whatever_happens_to_an_answer_a_parcel_is_booked_and_cancelled_once() {
    let service = TestShipping::new("booked_once").await;
    for misbehaviour in LOST {
        service.partner.misbehave("/operations", &[Misbehaviour::Says(503); 2]);
        service.partner.misbehave("/shipments", &[misbehaviour]);
        service.partner.misbehave("/cancellations", &[misbehaviour]);
        let order_id = service.order("IE").await;
        service.shipment_is(order_id, "scheduled").await;
        let (order, reason) = (OrderId(order_id), CancelReason::CustomerCancelled);
        let (failed_step, detail) = (None, None);
        let cancelled = OrderCancelled { order_id: order, reason, failed_step, detail };
        service.publish(order_id, &cancelled).await;
        service.shipment_is(order_id, "cancelled").await;
        let booked = service.only_effect("/shipments", order_id);
        assert_ne!(booked, service.only_effect("/cancellations", order_id), "{misbehaviour:?}");
    }
    service.close().await;
}

#[tokio::test]
async fn a_carrier_who_refuses_is_no_failure_and_one_who_answers_for_another_is_not_believed() {
    let service = TestShipping::new("refused").await;
    let refused = service.order("AQ").await;
    let is_refused = format!(
        "select count(*) from ballet.ledger where saga_id = '{refused}' and entry = 'refused'"
    );
    service.until("shipping", &is_refused, 1).await;
    assert_eq!(service.shipment(refused).await["status"], 404, "a refusal leaves no rows");
    for (misbehaviour, why) in [
        (Misbehaviour::OtherKey, "the carrier: its answer is not ours: we asked under the key"),
        (Misbehaviour::OtherOrder, "the carrier: its answer is not ours: it is about order"),
        (Misbehaviour::Says(409), "the carrier: it refuses the request with 409"),
    ] {
        service.partner.misbehave("/shipments", &[misbehaviour; 1000]);
        let order_id = service.order("IE").await;
        wait_until(why, SOON, || async {
            let stuck = service.stuck().await;
            let is_said = stuck.iter().any(|stuck| stuck.detail.contains(why));
            if is_said { Ok(Some(())) } else { Err(format!("{stuck:?}")) }
        })
        .await
        .expect("stuck");
        assert_eq!(service.shipment(order_id).await["status"], 404, "{misbehaviour:?}");
        service.partner.misbehave("/shipments", &[]);
        service.shipment_is(order_id, "scheduled").await;
        service.only_effect("/shipments", order_id);
    }
    service.close().await;
}

#[tokio::test]
async fn a_parcel_on_its_way_is_not_stuck_and_is_delivered_when_the_webhook_comes() {
    let service = TestShipping::new("delivered").await;
    service.partner.misbehave("/deliveries", &[Misbehaviour::Later]);
    let order_id = service.order("IE").await;
    service.shipment_is(order_id, "scheduled").await;
    service.confirm(order_id).await;
    let waiting = "select count(*) from ballet.call \
                   where attempts = 0 and last_error like '%no outcome yet%'";
    service.until("shipping", waiting, 1).await;
    service.shipment_is(order_id, "dispatched").await;
    assert!(service.stuck().await.is_empty());
    let key = service.only_effect("/deliveries", order_id);
    // Not delivered yet.
    assert_eq!(service.webhook(&finished("early", order_id, key)).await, 204);
    service.partner.finish(key);
    for _ in 0..2 {
        assert_eq!(service.webhook(&finished("delivered", order_id, key)).await, 204);
    }
    service.shipment_is(order_id, "delivered").await;
    assert_eq!(service.count("webhook").await, 2);
    let delivered = "ballet.ledger where step = 'deliver_shipment' and entry = 'done'";
    assert_eq!(service.count(delivered).await, 1);
    service.close().await;
}
