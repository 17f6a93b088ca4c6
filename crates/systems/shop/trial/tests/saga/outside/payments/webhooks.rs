//! Webhooks of the card processor.

use std::time::Duration;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::outside::partner::Misbehaviour;
use crate::outside::payments::test_payments::TestPayments;
use crate::outside::rig::{NEW_SECRET, OLD_SECRET, finished, new_id, now};

fn ended(event_id: &str, order_id: Uuid, reference: &str) -> Value {
    json!({
        "event_id": event_id,
        "type": "authorization.expired",
        "occurred_at": now(),
        "order_id": order_id,
        "reference": reference,
    })
}

#[tokio::test]
async fn an_outcome_that_comes_late_is_asked_for_when_the_webhook_comes_however_often() {
    let service = TestPayments::new("late_outcome").await;
    service.partner.misbehave("/authorizations", &[Misbehaviour::Later]);
    let order_id = service.order("card_approved").await;
    let key = service.is_asked("/authorizations", order_id).await;
    // The processor asks for a pause of an hour, which is no error.
    service.is_waiting().await;
    // The processor has no outcome yet.
    assert_eq!(service.webhook(&finished("early", order_id, key)).await, 204);
    assert_eq!(service.row(order_id).await["status"], 404);
    service.partner.finish(key);
    // A later version's field changes nothing.
    let mut late = finished("late", order_id, key);
    late["api_version"] = json!({ "major": 2 });
    for _ in 0..2 {
        assert_eq!(service.webhook(&late).await, 204);
    }
    service.row_is(order_id, "authorized").await;
    assert_eq!(service.webhook(&finished("after", order_id, key)).await, 204);
    service.only_effect("/authorizations", order_id);
    assert_eq!(service.count("webhook").await, 3);
    assert_eq!(service.events(1).await.len(), 1, "the payment is told once");
    before_the_answer_or_for_another_order_it_changes_nothing_twice(&service).await;
    service.close().await;
}

async fn before_the_answer_or_for_another_order_it_changes_nothing_twice(service: &TestPayments) {
    service.partner.misbehave("/authorizations", &[Misbehaviour::ActsAndHangs]);
    let order_id = service.order("card_approved").await;
    let key = service.is_asked("/authorizations", order_id).await;
    assert_eq!(service.webhook(&finished("meanwhile", order_id, key)).await, 204);
    let (other, unknown) = (new_id(), new_id());
    assert_eq!(service.webhook(&finished("other", other, key)).await, 204);
    assert_eq!(service.webhook(&finished("unknown", order_id, unknown)).await, 204);
    service.row_is(order_id, "authorized").await;
    assert_eq!(service.row(other).await["status"], 404);
    service.only_effect("/authorizations", order_id);
    assert_eq!(service.events(2).await.len(), 2);
}

/// F9.
async fn money_of_an_authorisation_that_has_ended_is_not_asked_for(service: &TestPayments) {
    let order_id = service.order("card_approved").await;
    service.row_is(order_id, "authorized").await;
    let key = service.only_effect("/authorizations", order_id);
    let reference = format!("auth_{key}");
    assert_eq!(service.webhook(&ended("e1", order_id, &reference)).await, 204);
    assert_eq!(service.webhook(&ended("e1", order_id, &reference)).await, 204);
    assert_eq!(service.webhook(&ended("e2", order_id, "auth_of_another")).await, 204);
    assert_eq!(service.row(order_id).await["state"], "authorized", "until it is needed");
    service.ship(order_id).await;
    let events: Vec<String> = service.events(2).await.into_iter().map(|(name, _)| name).collect();
    let expected = ["payments.payment_authorized.v1", "payments.payment_capture_failed.v1"];
    assert_eq!(events, expected);
    assert_eq!(service.partner.operations("/captures", &order_id.to_string()).len(), 0);
}

#[tokio::test]
async fn a_webhook_that_is_not_signed_as_it_should_be_is_refused_and_not_stored() {
    let service = TestPayments::new("signatures").await;
    let body = finished("signed", Uuid::from_u128(7), Uuid::from_u128(8)).to_string();
    let sign = |secret: &str, seconds: u64, body: &str| {
        let at = now() - Duration::from_secs(seconds);
        common::outside::signature(secret, at, body.as_bytes())
    };
    let good = sign(NEW_SECRET, 0, &body);
    for (what, signatures, body) in [
        ("no signature", vec![], &*body),
        ("two signatures", vec![good.clone(), good.clone()], &*body),
        ("another secret", vec![sign("another-secret", 0, &body)], &*body),
        ("an old signature", vec![sign(NEW_SECRET, 3600, &body)], &*body),
        ("another body", vec![good.clone()], &*body.replace("signed", "forged")),
        ("garbage", vec!["garbage".to_owned()], "garbage"),
    ] {
        let answer = service.send(&signatures, body).await;
        assert_eq!(answer.status(), 401, "{what}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{what}");
    }
    let huge = format!("{body}{}", " ".repeat(100_000));
    assert_eq!(service.send(&[sign(NEW_SECRET, 0, &huge)], &huge).await.status(), 413);
    assert_eq!(service.count("webhook").await, 0);

    let wrong = body.replace("operation.finished", "");
    assert_eq!(service.send(&[sign(NEW_SECRET, 0, &wrong)], &wrong).await.status(), 422);
    let mut early = finished("early", Uuid::from_u128(7), Uuid::from_u128(8));
    early["occurred_at"] = json!("-009998-01-01T00:00:00Z");
    assert_eq!(service.webhook(&early).await, 422);
    assert_eq!(service.count("webhook").await, 0);
    // During a change of secrets, both are valid.
    assert_eq!(service.send(&[sign(OLD_SECRET, 0, &body)], &body).await.status(), 204);
    assert_eq!(service.send(&[sign(NEW_SECRET, 200, &body)], &body).await.status(), 204);
    assert_eq!(service.count("webhook").await, 1);
    money_of_an_authorisation_that_has_ended_is_not_asked_for(&service).await;
    service.close().await;
}
