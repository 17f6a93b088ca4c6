//! Permissions that are taken and given back, on a real broker.

use ballet_stage::{Method, TestEnv};
use serde_json::{Value, json};

use crate::rabbitmq::{bind, env, rabbitmq};
use ballet_testkit::wire::clients::{TestConsumer, TestPublisher, batch, out, redirect, wait_for};

/// Takes or gives a permission of the service.
async fn permit(env: &TestEnv, kind: &str, permission: &Value) {
    let user = env.amqp_url("orders").split_once("://").unwrap().1.split_once(':').unwrap().0;
    let path = [kind, env.vhost(), user];
    env.management().call(Method::PUT, &path, Some(permission)).await.unwrap();
}

fn write(exchanges: &str) -> Value {
    json!({"configure": "^$", "write": exchanges, "read": "^orders$"})
}

#[tokio::test]
async fn t186_events_wait_while_the_right_to_their_exchange_is_taken_and_leave_in_order() {
    let env = env("right").await;
    let mut publisher = TestPublisher::usual(rabbitmq(&env));
    let mut consumer = TestConsumer::usual(rabbitmq(&env));
    publisher.ready().await;
    permit(&env, "permissions", &write("^bare$")).await;
    bind(&env, "bare", "#").await;
    for number in 1..=40 {
        publisher.handle.send(out(number, &["orders.x"]));
    }
    wait_for(publisher.handle.held(), "held", |held| {
        held.as_ref().is_some_and(|reason| reason.contains("exchange 'events'"))
    })
    .await;
    // Messages to another exchange do not wait.
    let mut elsewhere = out(41, &["orders.x"]);
    redirect(&mut elsewhere, 0, "bare");
    publisher.handle.send(elsewhere);
    assert_eq!(publisher.published().await.batch, batch(41));
    permit(&env, "permissions", &write("^(events|bare)$")).await;
    for number in 1..=40 {
        let published = publisher.published().await;
        assert_eq!((published.batch, published.unpublishable), (batch(number), vec![]));
    }
    wait_for(publisher.handle.held(), "free", Option::is_none).await;
    let (first, receipt) = consumer.next().await;
    assert_eq!(first, "41.0");
    receipt.settle();
    for number in 1..=40 {
        let (mut id, mut receipt) = consumer.next().await;
        while id == first {
            // A channel that a refusal closed has carried it without a confirm, so it came again.
            receipt.settle();
            (id, receipt) = consumer.next().await;
        }
        assert_eq!(id, format!("{number}.0"));
        receipt.settle();
    }
    env.close().await.unwrap();
}
