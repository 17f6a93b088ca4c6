//! The questions that a session asks, and the ends of a session, its consumers and its further channels.

use std::collections::BTreeSet;

use ballet_amqp::{Broker, Lookup, Object};
use ballet_stage::{Method, Servers};
use ballet_testkit::wire::clients::{TestConsumer, TestPublisher, out};
use serde_json::json;

use crate::broker::rabbitmq::{env, rabbitmq};

#[tokio::test]
async fn t201_a_question_that_is_refused_is_an_answer_and_the_session_goes_on() {
    let env = env("hidden").await;
    let session = rabbitmq(&env).connect("orders asks").await.unwrap();
    let find = async |object: Object| session.find(&object).await.unwrap();
    // The user has no right on it: RabbitMQ 4.2.6 and later do not tell.
    let private = find(Object::Exchange("private".to_owned())).await;
    assert_ne!(private, Lookup::Absent);
    // 4.2.6 and 4.3.0 ask for the right to configure it.
    let own = find(Object::Queue("orders".to_owned())).await;
    assert_ne!(own, Lookup::Absent);
    let elsewhere = find(Object::Queue("nowhere".to_owned())).await;
    assert!(matches!(elsewhere, Lookup::Absent | Lookup::Hidden(_)), "{elsewhere:?}");
    for hidden in [&private, &own, &elsewhere] {
        if let Lookup::Hidden(text) = hidden {
            assert!(text.contains("ACCESS_REFUSED"), "{text}");
        }
    }
    assert!(session.closed().borrow().is_none(), "it goes on");
    drop(session.consume("orders", "orders", 1).await.unwrap());
    session.close().await;
    env.close().await.unwrap();
}

/// From 4.3 on a queue has a limit of its own for acknowledgements.
#[tokio::test]
async fn t201_a_consumer_that_the_broker_cancels_in_time_gets_its_messages_again() {
    let version = Servers::shared().await.unwrap().rabbitmq().version();
    if (version.major, version.minor) < (4, 3) {
        return;
    }
    let env = env("time").await;
    let path = ["policies", env.vhost(), "impatient"];
    let policy = json!({"pattern": "^orders$", "apply-to": "queues",
                        "definition": {"consumer-timeout": 2_000}});
    env.management().call(Method::PUT, &path, Some(&policy)).await.unwrap();
    let publisher = TestPublisher::usual(rabbitmq(&env));
    let mut consumer = TestConsumer::usual(rabbitmq(&env));
    publisher.handle.send(out(1, &["orders.x", "orders.x"]));
    let held = consumer.take(2).await;
    // Only the loss of the consumer brings them back.
    let again = consumer.take(2).await;
    let ids: BTreeSet<&str> = again.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, BTreeSet::from(["1.0", "1.1"]));
    drop(held);
    again.into_iter().for_each(|(_, receipt)| receipt.settle());
    consumer.ready().await;
    publisher.handle.send(out(2, &["orders.x"]));
    let (id, receipt) = consumer.next().await;
    assert_eq!(id, "2.0");
    receipt.settle();
    env.close().await.unwrap();
}
