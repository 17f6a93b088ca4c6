//! Each parcel is booked, cancelled and delivered once, whatever happens to the answers.

use crate::outside::partner::Misbehaviour;
use crate::outside::rig::{Rig, finished};

/// Payments meets the others, with the same client.
const LOST: [Misbehaviour; 2] = [Misbehaviour::ActsAndHangs, Misbehaviour::ActsAndSays(500)];

#[tokio::test]
async fn whatever_happens_to_an_answer_a_parcel_is_booked_cancelled_and_delivered_once() {
    let service = Rig::shipping("booked_once").await;
    for misbehaviour in LOST {
        service.partner.misbehave("/shipments", &[misbehaviour]);
        service.partner.misbehave("/cancellations", &[misbehaviour]);
        let order_id = service.parcel("IE").await;
        service.row_is(order_id, "scheduled").await;
        service.cancel(order_id).await;
        service.row_is(order_id, "cancelled").await;
        let booked = service.only_effect("/shipments", order_id);
        assert_ne!(booked, service.only_effect("/cancellations", order_id), "{misbehaviour:?}");
    }
    a_refusal_is_no_failure_and_an_answer_for_another_is_not_believed(&service).await;
    a_parcel_on_its_way_is_delivered_when_the_webhook_comes(&service).await;
    service.close().await;
}

async fn a_refusal_is_no_failure_and_an_answer_for_another_is_not_believed(service: &Rig) {
    let refused = service.parcel("AQ").await;
    let is_refused = format!(
        "select count(*) from ballet.ledger where saga_id = '{refused}' and entry = 'refused'"
    );
    service.until("shipping", &is_refused, 1).await;
    assert_eq!(service.row(refused).await["status"], 404, "a refusal leaves no rows");
    service.partner.misbehave("/shipments", &[Misbehaviour::OtherOrder; 1000]);
    let order_id = service.parcel("IE").await;
    let why = "the carrier: its answer is not ours: it is about order";
    service.is_stuck(order_id, why).await;
    assert_eq!(service.row(order_id).await["status"], 404);
    service.partner.misbehave("/shipments", &[]);
    service.row_is(order_id, "scheduled").await;
    service.only_effect("/shipments", order_id);
}

async fn a_parcel_on_its_way_is_delivered_when_the_webhook_comes(service: &Rig) {
    service.partner.misbehave("/deliveries", &[Misbehaviour::Later]);
    let order_id = service.parcel("IE").await;
    service.row_is(order_id, "scheduled").await;
    service.confirm(order_id).await;
    service.is_waiting().await;
    service.row_is(order_id, "dispatched").await;
    assert!(service.stuck().await.is_empty());
    let key = service.only_effect("/deliveries", order_id);
    service.partner.finish(key);
    assert_eq!(service.webhook(&finished(order_id, key)).await, 204);
    service.row_is(order_id, "delivered").await;
}
