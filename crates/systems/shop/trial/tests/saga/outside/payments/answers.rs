//! Lost, broken and foreign answers: each effect happens once, and no answer is mistaken for another.

use crate::outside::partner::Misbehaviour;
use crate::outside::rig::Rig;

/// The outcome of a request gets lost in these ways.
const LOST: [Misbehaviour; 9] = [
    Misbehaviour::Hangs,
    Misbehaviour::ActsAndHangs,
    Misbehaviour::ActsAndBreaks,
    Misbehaviour::ActsAndTrickles,
    Misbehaviour::ActsAndSays(500),
    Misbehaviour::Says(503),
    Misbehaviour::Says(429),
    Misbehaviour::ActsAndBabbles,
    Misbehaviour::ActsAndFloods,
];

#[tokio::test]
async fn whatever_happens_to_an_answer_the_money_is_held_captured_refunded_and_voided_once() {
    let service = Rig::payments("lost_answers").await;
    for misbehaviour in LOST {
        service.partner.misbehave("/authorizations", &[misbehaviour, misbehaviour]);
        let order_id = service.order("card_approved").await;
        service.row_is(order_id, "authorized").await;
        let key = service.only_effect("/authorizations", order_id);
        assert_eq!(service.count(&format!("ballet.call where call_key = '{key}'")).await, 1);
        service.partner.misbehave("/authorizations", &[]);
    }
    let events = service.events(LOST.len()).await;
    assert_eq!(events.len(), LOST.len(), "{events:?}");
    capture_refund_and_void_happen_once_under_a_key_each(&service).await;
    service.close().await;
}

async fn capture_refund_and_void_happen_once_under_a_key_each(service: &Rig) {
    for path in ["/captures", "/refunds", "/voids"] {
        service.partner.misbehave(
            path,
            &[
                Misbehaviour::ActsAndHangs,
                Misbehaviour::ActsAndBreaks,
                Misbehaviour::ActsAndSays(502),
            ],
        );
    }
    let (captured, held) =
        (service.order("card_approved").await, service.order("card_approved").await);
    service.row_is(captured, "authorized").await;
    service.ship(captured).await;
    service.row_is(captured, "captured").await;
    service.row_is(held, "authorized").await;
    for order_id in [captured, held] {
        service.cancel(order_id).await;
    }
    service.row_is(captured, "refunded").await;
    service.row_is(held, "voided").await;
    let keys = [("/authorizations", captured), ("/captures", captured), ("/refunds", captured)];
    let mut keys: Vec<_> = keys.map(|(path, order)| service.only_effect(path, order)).to_vec();
    keys.extend([
        service.only_effect("/authorizations", held),
        service.only_effect("/voids", held),
    ]);
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 5, "each operation has a key of its own");
    assert_eq!(service.partner.operations("/voids", &captured.to_string()).len(), 0);
}

#[tokio::test]
async fn a_declined_card_is_a_refusal_and_an_answer_that_is_not_ours_is_refused_and_said() {
    let service = Rig::payments("not_ours").await;
    let order_id = service.order("card_declined").await;
    let events = service.events(1).await;
    assert_eq!(events, [("payments.payment_declined.v1".to_owned(), order_id.to_string())]);
    assert_eq!(service.row(order_id).await["status"], 404, "a refusal leaves no rows");
    is_refused_and_said(&service).await;
    a_look_up_that_does_not_name_the_key_says_nothing_of_the_money(&service).await;
    service.close().await;
}

async fn a_look_up_that_does_not_name_the_key_says_nothing_of_the_money(service: &Rig) {
    // The answers are lost. A proxy answers the look-ups, in JSON.
    service.partner.misbehave("/operations", &[Misbehaviour::Says(404); 1000]);
    service.partner.misbehave("/authorizations", &[Misbehaviour::ActsAndSays(503); 1000]);
    let order_id = service.order("card_approved").await;
    service.is_asked("/authorizations", order_id).await;
    service.cancel(order_id).await;
    let aborted = format!(
        "select count(*) from ballet.ledger where saga_id = '{order_id}' and entry = 'aborted'"
    );
    service.until("payments", &aborted, 1).await;
    // As if no attempt were under way after so many.
    let failed = "select count(*) from ballet.call \
                  where closed_at is null and owner = 0 and attempts > 0";
    service.until("payments", failed, 1).await;
    let skip = "update ballet.call set attempts = 9, next_at = now(), owner = 0 \
                where closed_at is null";
    service.execute("payments", skip).await;
    service.is_stuck(order_id, "404 without the key").await;
    service.partner.misbehave("/operations", &[]);
    let due = "update ballet.call set next_at = now() where owner = 0 and closed_at is null";
    service.execute("payments", due).await;
    service.row_is(order_id, "voided").await;
    service.only_effect("/voids", order_id);
}

async fn is_refused_and_said(service: &Rig) {
    for (misbehaviour, why) in [
        (Misbehaviour::OtherKey, "its answer is not ours: we asked under the key"),
        (Misbehaviour::OtherOrder, "its answer is not ours: it is about order"),
        (Misbehaviour::OtherAmount, "its answer is not ours: it is about 1 EUR"),
        (Misbehaviour::Says(409), "it refuses the request with 409: it is 409, ***"),
        // No business reason, so the order waits.
        (Misbehaviour::Says(422), "it refuses the request with 422"),
    ] {
        service.partner.misbehave("/authorizations", &[misbehaviour; 1000]);
        let order_id = service.order("card_approved").await;
        service.is_stuck(order_id, why).await;
        assert_eq!(
            service.row(order_id).await["status"],
            404,
            "{misbehaviour:?}: nothing is recorded"
        );
        service.partner.misbehave("/authorizations", &[]);
        service.row_is(order_id, "authorized").await;
        service.only_effect("/authorizations", order_id);
    }
}
