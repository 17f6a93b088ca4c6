//! Webhooks of the card processor.

use std::time::Duration;

use ballet_http::signature::sign;
use serde_json::json;
use uuid::Uuid;

use crate::outside::partner::Misbehaviour;
use crate::outside::rig::{NEW_SECRET, OLD_SECRET, Rig, finished, new_id, now};

#[tokio::test]
async fn an_outcome_that_comes_late_is_asked_for_when_the_webhook_comes_however_often() {
    let service = Rig::payments("late_outcome").await;
    service.partner.misbehave("/authorizations", &[Misbehaviour::Later]);
    let order_id = service.order("card_approved").await;
    let key = service.is_asked("/authorizations", order_id).await;
    // The processor asks for a pause of an hour, which is no error.
    service.is_waiting().await;
    assert_eq!(service.webhook(&finished(order_id, key)).await, 204, "there is no outcome yet");
    assert_eq!(service.row(order_id).await["status"], 404);
    service.partner.finish(key);
    // A later version's field changes nothing.
    let mut late = finished(order_id, key);
    late["api_version"] = json!({ "major": 2 });
    for _ in 0..2 {
        assert_eq!(service.webhook(&late).await, 204);
    }
    service.row_is(order_id, "authorized").await;
    service.only_effect("/authorizations", order_id);

    // A hint that comes during the call, and such of another order or key.
    service.partner.misbehave("/authorizations", &[Misbehaviour::ActsAndHangs]);
    let order_id = service.order("card_approved").await;
    let key = service.is_asked("/authorizations", order_id).await;
    for (order_id, key) in [(order_id, key), (new_id(), key), (order_id, new_id())] {
        assert_eq!(service.webhook(&finished(order_id, key)).await, 204);
    }
    service.row_is(order_id, "authorized").await;
    service.only_effect("/authorizations", order_id);
    assert_eq!(service.events(2).await.len(), 2, "each payment is told once");
    service.close().await;
}

#[tokio::test]
async fn a_webhook_that_is_not_signed_as_it_should_be_is_refused() {
    let service = Rig::payments("signatures").await;
    let body = finished(Uuid::from_u128(7), Uuid::from_u128(8)).to_string();
    let sign = |secret: &str, ago: u64, body: &str| {
        let at = now() - Duration::from_secs(ago);
        sign(secret, at.as_second(), body.as_bytes())
    };
    let good = sign(NEW_SECRET, 0, &body);
    for (what, signatures, body) in [
        ("no signature", vec![], &*body),
        ("two signatures", vec![good.clone(), good.clone()], &*body),
        ("another secret", vec![sign("another-secret", 0, &body)], &*body),
        ("an old signature", vec![sign(NEW_SECRET, 3600, &body)], &*body),
        ("another body", vec![good.clone()], &*body.replace("finished", "forged")),
        ("garbage", vec!["garbage".to_owned()], "garbage"),
    ] {
        let answer = service.send(&signatures, body).await;
        assert_eq!(answer.status(), 401, "{what}");
    }
    let huge = format!("{body}{}", " ".repeat(100_000));
    assert_eq!(service.send(&[sign(NEW_SECRET, 0, &huge)], &huge).await.status(), 413);
    // During a change of secrets, both are valid.
    assert_eq!(service.send(&[sign(OLD_SECRET, 0, &body)], &body).await.status(), 204);
    assert_eq!(service.send(&[sign(NEW_SECRET, 200, &body)], &body).await.status(), 204);
    service.close().await;
}
