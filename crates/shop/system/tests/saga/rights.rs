//! Each user of the broker may do its own part, and nothing else.

use std::time::Duration;

use ballet::Settings;
use ballet_amqp::{BasicProperties, Broker, BrokerError, Outcome, Publish, RabbitMq};
use futures_util::StreamExt;
use sqlx::{Connection, PgConnection};

use crate::shop::{Shop, mugs};

const SOON: Duration = Duration::from_secs(60);

/// Publishes as a user, and gives the broker's answer.
async fn publish(
    shop: &Shop,
    user: &str,
    exchange: &str,
    key: &str,
) -> Result<Outcome, BrokerError> {
    let session = RabbitMq::new(shop.env.amqp_url(user))?.connect(user).await?;
    let mut confirms = session.confirms().await?;
    let message = Publish {
        exchange: exchange.to_owned(),
        routing_key: key.to_owned(),
        mandatory: true,
        properties: BasicProperties::default().with_content_type("application/json".into()),
        body: mugs(1, "card_approved").to_string().into(),
    };
    session.publish(&message)?;
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
async fn a_foreign_producer_may_write_its_events_and_nothing_else() {
    let shop = Shop::open("storefront").await;
    let written = publish(&shop, "storefront", "events", "cart.checked_out.v1").await;
    assert_eq!(written, Ok(Outcome::Ack));
    for key in ["orders.order_placed.v1", "payments.payment_captured.v1", "cart.checked_out.v2"] {
        let refused = refusal(&shop, "storefront", "events", key).await;
        assert!(refused.contains("ACCESS_REFUSED") && refused.contains(key), "{refused}");
    }
    for (exchange, key) in [("", "orders"), ("dead", "orders"), ("retry.5s", "orders")] {
        let refused = refusal(&shop, "storefront", exchange, key).await;
        assert!(refused.contains("ACCESS_REFUSED"), "{refused}");
    }
    shop.close().await;
}

#[tokio::test]
async fn a_service_may_write_its_own_events_and_read_its_own_queues() {
    let shop = Shop::open("services").await;
    let written = publish(&shop, "inventory", "events", "inventory.stock_received.v1").await;
    assert_eq!(written, Ok(Outcome::Ack));
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

/// The same server and login, with another's database.
fn elsewhere(url: &str, other: &str) -> String {
    let (server, _) = url.rsplit_once('/').expect("a path");
    let (_, database) = other.rsplit_once('/').expect("a path");
    format!("{server}/{database}")
}

#[tokio::test]
async fn a_database_role_gets_into_its_own_database_and_no_other() {
    let shop = Shop::open("roles").await;
    let services: Vec<&str> = shop::system().parts.iter().map(|part| part.service).collect();
    for (service, other) in
        services.iter().flat_map(|service| services.iter().map(move |other| (*service, *other)))
    {
        let own = shop.env.database_url(service);
        let url = elsewhere(own, shop.env.database_url(other));
        let refused = PgConnection::connect(&url).await.err().map(|error| error.to_string());
        match refused {
            None => assert_eq!(service, other, "{service} gets into the database of {other}"),
            Some(refused) => {
                assert_ne!(service, other);
                assert!(refused.contains("permission denied for database"), "{refused}");
            }
        }
    }
    // What the author of a service sees who was given another's database.
    let (own, other) = (shop.env.database_url("inventory"), shop.env.database_url("payments"));
    let settings = Settings::new(shop.env.amqp_url("inventory"), elsewhere(own, other));
    let started = inventory::service().start(settings).await;
    let refused = started.expect_err("it starts").to_string();
    assert!(refused.starts_with("the database: "), "{refused}");
    assert!(refused.contains("permission denied for database \"payments"), "{refused}");
    shop.close().await;
}
