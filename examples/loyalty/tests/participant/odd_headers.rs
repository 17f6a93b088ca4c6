//! Headers that the Python client cannot read, or reads and cannot write.

use std::time::Duration;

use ballet::Clock;
use ballet_amqp::{AMQPValue, BasicProperties, Broker, FieldTable, Publish, RabbitMq};
use ballet_stage::{left_out, python};
use futures_util::StreamExt;
use serde_json::json;
use tokio::time::timeout;

use crate::alone::{self, PYTHON, TRIGGER};

const SOON: Duration = Duration::from_secs(60);

fn one(name: &str, value: AMQPValue) -> FieldTable {
    let mut headers = FieldTable::default();
    headers.insert(name.into(), value);
    headers
}

fn nested(levels: usize) -> AMQPValue {
    (0..levels).fold(AMQPValue::Void, |inner, _| AMQPValue::FieldTable(one("a", inner)))
}

#[tokio::test]
async fn a_header_that_python_cannot_read_or_write_stops_nobody() {
    let Some(python) = python().await else { return left_out(PYTHON) };
    let system = alone::asleep("odd_headers").await;
    let clock = Clock::system();
    let session = RabbitMq::new(system.env.ops_amqp_url()).expect("a URL").connect("test").await;
    let session = session.expect("a session");
    let mut confirms = session.confirms().await.expect("confirms");
    let mut negative = one("price", AMQPValue::LongLongInt(-1));
    negative.insert("kept".into(), AMQPValue::LongInt(7));
    negative.insert("x-retries".into(), AMQPValue::LongLongInt(-9));
    negative.insert("x-attempts".into(), AMQPValue::LongLongInt(-1));
    let good =
        json!({ "customer_id": clock.new_id(clock.now()), "total": { "amount_minor": 2500 } });
    let (good, bad) = (good.to_string(), "{}".to_owned());
    let unread = "unreadable_properties";
    let all = [
        // Milliseconds instead of seconds: the year 55,000.
        (one("at", AMQPValue::Timestamp(1_700_000_000_000)), good.clone(), Some(unread)),
        (one("deep", nested(600)), good.clone(), Some(unread)),
        (one("deep", nested(100)), good.clone(), Some(unread)),
        (negative, bad, Some("wrong_shape")),
        (FieldTable::default(), good, None),
    ];
    let mut ids = Vec::new();
    for (headers, body, _) in &all {
        let id = clock.new_id(clock.now()).to_string();
        let properties = BasicProperties::default()
            .with_content_type("application/json".into())
            .with_type(TRIGGER.into())
            .with_message_id(id.as_str().into())
            .with_correlation_id(clock.new_id(clock.now()).to_string().into())
            .with_headers(headers.clone());
        let message = Publish {
            exchange: String::new(),
            routing_key: "loyalty".to_owned(),
            mandatory: true,
            properties,
            body: body.clone().into(),
        };
        session.publish(message).expect("published");
        timeout(SOON, confirms.next()).await.expect("in time").expect("open").expect("confirmed");
        ids.push(id);
    }
    let program = alone::start(&python, &system);
    let letters = system.dead_letters(all.len() - 1).await;
    for (id, (_, body, reason)) in ids.iter().zip(&all) {
        let letter = letters.iter().find(|letter| letter["properties"]["message_id"] == **id);
        let found = letter.map(|letter| letter["properties"]["headers"]["x-dead-reason"].as_str());
        assert_eq!(found, reason.map(Some), "{letters:?}");
        assert!(letter.is_none_or(|letter| letter["payload"] == **body), "{letter:?}");
    }
    let headers = letters.iter().map(|letter| &letter["properties"]["headers"]);
    let negative: Vec<_> = headers.filter(|headers| headers["kept"] == 7).collect();
    assert_eq!(negative.len(), 1, "{letters:?}");
    assert_eq!(negative[0]["x-attempts"], 1);
    system.until("loyalty", "select count(*) from account where points = 25", 1).await;
    drop(program);
    session.close().await;
    system.close(all.len() - 1).await;
}
