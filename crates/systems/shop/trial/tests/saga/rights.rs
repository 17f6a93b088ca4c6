//! Each user of the broker can do only its own part.

use std::time::Duration;

use ballet::Event;
use ballet_amqp::{
    AMQPValue, BasicProperties, Broker, BrokerError, FieldTable, Publish, PublishOutcome, RabbitMq,
};
use ballet_stage::wait_until;
use futures_util::StreamExt;
use serde_json::json;
use shop_events::payments::PaymentCaptured;

use crate::shop::{FOR_ORDERS, Shop, USUAL, mugs};

const SOON: Duration = Duration::from_secs(60);

async fn publish(
    shop: &Shop,
    user: &str,
    exchange: &str,
    key: &str,
) -> Result<PublishOutcome, BrokerError> {
    let message = Publish {
        exchange: exchange.to_owned(),
        routing_key: key.to_owned(),
        mandatory: true,
        properties: BasicProperties::default().with_content_type("application/json".into()),
        body: mugs(1, "card_approved").to_string().into(),
    };
    publish_this(shop, user, message).await
}

async fn publish_this(
    shop: &Shop,
    user: &str,
    message: Publish,
) -> Result<PublishOutcome, BrokerError> {
    let session = RabbitMq::new(shop.env.amqp_url(user))?.connect(user).await?;
    let mut confirms = session.confirms().await?;
    session.publish(message)?;
    let answer = tokio::time::timeout(SOON, confirms.next()).await.expect("an answer in time");
    let answers = answer.expect("an answer")?;
    Ok(answers[0].outcome.clone())
}

async fn refusal(shop: &Shop, user: &str, exchange: &str, key: &str) -> String {
    match publish(shop, user, exchange, key).await {
        Err(error) => error.to_string(),
        Ok(outcome) => panic!("{user} may write {key} to {exchange:?}: {outcome:?}"),
    }
}

#[tokio::test]
async fn a_service_or_a_foreign_producer_may_write_its_own_events_and_nothing_else() {
    let shop = Shop::asleep("rights", USUAL).await;
    let written = publish(&shop, "storefront", "events", "cart.checked_out.v1").await;
    assert_eq!(written, Ok(PublishOutcome::Ack));
    for key in ["orders.order_placed.v1", "payments.payment_captured.v1", "cart.checked_out.v2"] {
        let refused = refusal(&shop, "storefront", "events", key).await;
        assert!(refused.contains("ACCESS_REFUSED") && refused.contains(key), "{refused}");
    }
    for (exchange, key) in [("", "orders"), ("dead", "orders"), ("retry.5s", "orders")] {
        let refused = refusal(&shop, "storefront", exchange, key).await;
        assert!(refused.contains("ACCESS_REFUSED"), "{refused}");
    }

    let written = publish(&shop, "inventory", "events", "inventory.stock_received.v1").await;
    assert_eq!(written, Ok(PublishOutcome::Ack));
    for (exchange, key) in [
        ("events", "payments.payment_captured.v1"),
        ("dead", "payments"),
        ("retry.5s", "payments"),
        ("", "payments"),
    ] {
        let refused = refusal(&shop, "inventory", exchange, key).await;
        assert!(refused.contains("ACCESS_REFUSED"), "{refused}");
    }
    let broker = RabbitMq::new(shop.env.amqp_url("inventory")).expect("a URL");
    for queue in ["payments", "payments.dead", "journal", "unrouted"] {
        let session = broker.connect("inventory").await.expect("a connection");
        let refused = session.consume(queue, "curious", 1).await.map(|_| ());
        let refused = refused.expect_err("it reads another's queue").to_string();
        assert!(refused.contains("ACCESS_REFUSED"), "{refused}");
    }
    shop.close().await;
}

/// Before RabbitMQ 4, a permission covers only the routing key, not the keys in `BCC`.
#[tokio::test]
async fn a_service_cannot_send_another_services_event_through_a_retry_queue() {
    let mut shop = Shop::with("blind_copy", FOR_ORDERS).await;
    shop.stop("payments").await;
    let order_id = shop.place_order(&mugs(1, "card_approved")).await;
    let mut headers = FieldTable::default();
    let bcc = vec![AMQPValue::LongString("orders".into())];
    headers.insert("BCC".into(), AMQPValue::FieldArray(bcc.into()));
    let forged = Publish {
        exchange: "retry.5s".to_owned(),
        routing_key: "inventory".to_owned(),
        mandatory: true,
        properties: BasicProperties::default()
            .with_content_type("application/json".into())
            .with_type(PaymentCaptured::TYPE.name().into())
            .with_app_id("payments".into())
            .with_correlation_id(order_id.as_str().into())
            .with_headers(headers),
        body: json!({ "order_id": order_id,
            "amount": { "amount_minor": 1250, "currency": "EUR" } })
        .to_string()
        .into(),
    };
    match publish_this(&shop, "inventory", forged).await {
        Ok(answer) => {
            assert_eq!(answer, PublishOutcome::Ack);
            let dead = wait_until("a dead letter", SOON, || async {
                let found = shop.env.management().peek("orders.dead", 10).await;
                Ok::<_, String>(found.map_err(|error| error.to_string())?.pop())
            });
            let dead = dead.await.expect("a dead letter");
            let headers = &dead["properties"]["headers"];
            assert_eq!(headers["x-dead-reason"], "forged_type", "{dead}");
            let detail = headers["x-dead-detail"].as_str().expect("a detail");
            assert!(detail.contains("\"inventory\""), "{detail}");
        }
        Err(refused) => assert!(refused.to_string().contains("ACCESS_REFUSED"), "{refused}"),
    }
    assert_eq!(shop.order(&order_id).await["status"], "placed");
    shop.start("payments").await;
    shop.order_is(&order_id, "completed").await;
    shop.close().await;
}
