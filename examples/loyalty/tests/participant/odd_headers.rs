//! Headers that the Python client cannot read, or reads and cannot write.

use std::time::Duration;

use ballet::Clock;
use ballet_amqp::{AMQPValue, BasicProperties, Broker, FieldTable, Publish, RabbitMq};
use ballet_stage::{Method, left_out, python};
use futures_util::StreamExt;
use serde_json::{Value, json};
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
        // Milliseconds, where the client expects seconds: the year 55,000.
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

#[tokio::test]
async fn headers_that_leave_a_copy_no_room_in_a_frame_stop_nobody() {
    let Some(python) = python().await else { return left_out(PYTHON) };
    let system = alone::asleep("long_headers").await;
    let clock = Clock::system();
    let customer = clock.new_id(clock.now());
    let good = json!({ "customer_id": customer, "total": { "amount_minor": 2500 } });
    let long = json!({ "long": "x".repeat(130_850), "kept": "y" });
    let many: Value = (0..65).map(|number| (format!("h{number}"), json!(number))).collect();
    let deep = (0..9).fold(json!(1), |inner, _| json!({ "a": inner }));
    // As many as a producer may send, in a message that was edited and sent back.
    let mut full: Value = (0..64).map(|number| (format!("h{number}"), json!(number))).collect();
    full["x-original-headers"] = json!("x".repeat(40_000));
    full["x-redriven-by"] = json!("ada");
    full["x-edited-why"] = json!("a wrong field");
    let named_like_ours = json!({ "x-original-note": "x".repeat(60_000) });
    let all = [
        (long, json!({})),
        (many, good.clone()),
        (json!({ "deep": deep }), good.clone()),
        (named_like_ours, good.clone()),
        (full, good),
    ];
    // Over the console, since our own client refuses to publish it.
    let path = ["exchanges", system.env.vhost(), "amq.default", "publish"];
    for (headers, body) in all {
        let message = json!({
            "routing_key": "loyalty",
            "payload": body.to_string(),
            "payload_encoding": "string",
            "properties": {
                "type": TRIGGER,
                "message_id": clock.new_id(clock.now()),
                "correlation_id": clock.new_id(clock.now()),
                "headers": headers,
            },
        });
        let sent = system.env.management().call(Method::POST, &path, Some(&message)).await;
        assert_eq!(sent.expect("an answer"), json!({ "routed": true }));
    }
    let program = alone::start(&python, &system);
    let letters = system.dead_letters(4).await;
    let headers: Vec<_> = letters.iter().map(|letter| &letter["properties"]["headers"]).collect();
    let is_refused = |headers: &&Value| headers["x-dead-reason"] == "headers_too_big";
    assert!(headers.iter().all(is_refused), "{letters:?}");
    let kept: Vec<_> = headers.iter().filter(|headers| headers["kept"] == "y").collect();
    assert_eq!(kept.len(), 1, "{letters:?}");
    assert_eq!(kept[0]["long"], json!(null), "{letters:?}");
    system.until("loyalty", "select count(*) from account where points = 25", 1).await;
    drop(program);
    system.close(4).await;
}
