//! Behaviour that only a real broker can show.

use std::collections::BTreeSet;

use ballet_amqp::{Broker, BrokerError, RabbitMq, Unpublishable};
use ballet_stage::{Method, Servers, TestEnv};
use serde_json::{Value, json};

use ballet_testkit::wire::clients::{
    SOON, TestConsumer, TestPublisher, message, out, redirect, until,
};

/// One service that may write its own keys, and receives them.
fn definitions() -> Value {
    let exchange = |name: &str| {
        json!({"name": name, "vhost": "shop", "type": "topic", "durable": true,
               "auto_delete": false, "internal": false, "arguments": {}})
    };
    json!({
        "users": [
            {"name": "ops", "password_hash": "", "tags": "administrator"},
            {"name": "orders", "password_hash": "", "tags": ""},
        ],
        "vhosts": [{"name": "shop"}],
        "permissions": [
            {"user": "ops", "vhost": "shop", "configure": ".*", "write": ".*", "read": ".*"},
            {"user": "orders", "vhost": "shop", "configure": "^$",
             "write": "^(events|bare|gone)$", "read": "^orders$"},
        ],
        "topic_permissions": [
            {"user": "orders", "vhost": "shop", "exchange": "events", "write": "^orders\\.",
             "read": ".*"},
        ],
        "exchanges": [exchange("events"), exchange("bare"), exchange("private")],
        "queues": [{
            "name": "orders", "vhost": "shop", "durable": true, "auto_delete": false,
            "arguments": {"x-queue-type": "quorum", "x-delivery-limit": 20},
        }],
        "bindings": [{
            "source": "events", "vhost": "shop", "destination": "orders",
            "destination_type": "queue", "routing_key": "orders.#", "arguments": {},
        }],
    })
}

pub(crate) async fn env(name: &str) -> TestEnv {
    let servers = Servers::shared().await.unwrap();
    TestEnv::new(servers, name, &definitions(), &[]).await.unwrap()
}

pub(crate) fn rabbitmq(env: &TestEnv) -> RabbitMq {
    RabbitMq::new(env.amqp_url("orders")).unwrap()
}

pub(crate) async fn bind(env: &TestEnv, source: &str, key: &str) {
    let path = ["bindings", env.vhost(), "e", source, "q", "orders"];
    let body = json!({"routing_key": key});
    env.management().call(Method::POST, &path, Some(&body)).await.unwrap();
}

#[tokio::test]
async fn t51_t137_one_forged_key_costs_its_neighbours_nothing() {
    let env = env("forged").await;
    let mut publisher = TestPublisher::usual(rabbitmq(&env));
    let mut consumer = TestConsumer::usual(rabbitmq(&env));
    publisher.ready().await;
    publisher.handle.send(out(1, &["orders.x"; 50]));
    let mut keys = vec!["orders.y"; 50];
    keys[25] = "stock.forged";
    publisher.handle.send(out(2, &keys));
    publisher.handle.send(out(3, &["orders.z"]));
    let mut refused = Vec::new();
    for _ in 1..=3 {
        let published = publisher.published().await;
        refused
            .extend(published.unpublishable.into_iter().map(|one| (published.batch.number, one)));
    }
    let [(2, Unpublishable { position: 25, reason, .. })] = &refused[..] else {
        panic!("{refused:?}");
    };
    assert!(reason.contains("topic 'stock.forged' in exchange 'events'"), "{reason}");
    let mut arrived = BTreeSet::new();
    while arrived.len() < 50 + 49 + 1 {
        let (id, receipt) = consumer.next().await;
        arrived.insert(id);
        receipt.settle();
    }
    env.close().await.unwrap();
}

#[tokio::test]
async fn t04_returned_messages_are_told_from_their_neighbours() {
    let env = env("returned").await;
    let mut publisher = TestPublisher::usual(rabbitmq(&env));
    publisher.ready().await;
    for number in 0..300 {
        let mut one = out(number, &["orders.x", "orders.x"]);
        if number % 3 == 1 {
            redirect(&mut one, usize::from(number % 2 == 0), "bare");
        }
        publisher.handle.send(one);
    }
    let mut published = BTreeSet::new();
    while published.len() < 200 {
        published.insert(publisher.published().await.batch.number);
    }
    assert!(published.iter().all(|number| number % 3 != 1), "{published:?}");
    assert!(publisher.none_published());
    bind(&env, "bare", "#").await;
    while published.len() < 300 {
        published.insert(publisher.published().await.batch.number);
    }
    env.close().await.unwrap();
}

#[tokio::test]
async fn t20_a_deleted_queue_is_noticed_named_and_waited_for() {
    let env = env("deleted").await;
    let consumer = TestConsumer::usual(rabbitmq(&env));
    consumer.ready().await;
    env.management().delete_queue("orders").await.unwrap();
    let state = consumer.handle.state();
    until("the queue is missed", || format!("{:?}", *state.borrow()).contains("Missing")).await;
    let body = json!({"durable": true, "arguments": {"x-queue-type": "quorum"}});
    let path = ["queues", env.vhost(), "orders"];
    env.management().call(Method::PUT, &path, Some(&body)).await.unwrap();
    consumer.ready().await;
    env.close().await.unwrap();
}

#[tokio::test]
async fn t147_t159_who_is_not_let_in_is_told_why_and_no_password() {
    let env = env("refused").await;
    let good = env.amqp_url("orders").to_owned();
    let (head, host) = good.split_once('@').unwrap();
    let (user, password) = head.rsplit_once(':').unwrap();
    let connect = |url: String| async move {
        RabbitMq::new(&url).unwrap().connect("test").await.err().map(|error| {
            assert!(!error.to_string().contains("s3cret"), "{error}");
            error
        })
    };
    let wrong = connect(format!("{user}:s3cret@{host}")).await;
    assert!(matches!(wrong, Some(BrokerError::LoginRefused { .. })), "{wrong:?}");
    let (server, _) = host.split_once('/').unwrap();
    let nowhere = connect(format!("{user}:{password}@{server}/nowhere")).await;
    assert!(matches!(nowhere, Some(BrokerError::AccessRefused { .. })), "{nowhere:?}");
    let nobody = connect(format!("{user}:s3cret@127.0.0.1:1/x")).await;
    assert!(matches!(nobody, Some(BrokerError::Unreachable { .. })), "{nobody:?}");

    // The first host is dead, the second is not.
    let both = RabbitMq::new(&format!("{user}:{password}@127.0.0.1:1,{host}")).unwrap();
    let publisher = TestPublisher::usual(both);
    publisher.ready().await;
    publisher.handle.publish_now(message("orders.x", "1"), SOON).await.unwrap();
    env.close().await.unwrap();
}
