//! A binding that is removed, and policies with which queues lose messages, while the service runs.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ballet::Event;
use ballet_stage::wait_until;
use ballet_testkit::health::{metrics, until_ready};
use reqwest::Method;
use serde_json::{Value, json};

use crate::trip::TripBooked;
use crate::world::{SOON, TripWorld, the_hotel};

async fn says(address: SocketAddr, status: u16, words: &str) -> String {
    says_of("bindings", address, status, words).await
}

async fn says_of(part: &str, address: SocketAddr, status: u16, words: &str) -> String {
    let said = |said: &Value| said[part].as_str().unwrap_or_default().to_owned();
    let is_it = |found, now: &Value| found == status && said(now).contains(words);
    said(&until_ready(address, &format!("readiness {status} with {words:?}"), is_it).await)
}

#[tokio::test]
async fn t180_t221_what_loses_messages_at_the_broker_is_named_within_a_minute_until_it_is_mended() {
    let mut world = TripWorld::hotel("unbound").await;
    // Without the address it cannot compare, and does not claim to.
    says(world.services[0].address(), 200, "not compared: RABBITMQ_MANAGEMENT_URL is not set")
        .await;
    let of_broker = reqwest::Url::parse(world.env.amqp_url("hotel")).expect("a URL");
    let management = reqwest::Url::parse(world.env.management().url()).expect("a URL");
    let with = |password: Option<&str>| {
        let mut address = management.clone();
        address.set_username(of_broker.username()).expect("a user");
        address.set_password(password).expect("a password");
        address.to_string()
    };
    let at = with(Some("of-yesterday"));
    world.start_with(the_hotel(), |settings| settings.management_url = Some(at)).await;
    says(world.services[1].address(), 200, "401").await;
    world.services.remove(1).stop().await;
    let at = with(of_broker.password());
    world.start_with(the_hotel(), |settings| settings.management_url = Some(at)).await;
    let address = world.services[1].address();
    assert_eq!(says(address, 200, "ok").await, "ok");
    assert_eq!(says_of("queues", address, 200, "ok").await, "ok");

    let (management, vhost) = (world.env.management(), world.env.vhost());
    let key = TripBooked::TYPE.name();
    let path = ["bindings", vhost, "e", "route", "q", "hotel"];
    let removed_at = Instant::now();
    let this = [&path[..], &[key]].concat();
    management.call(Method::DELETE, &this, None).await.expect("removed");
    let policed = [
        ("hotel", json!({ "message-ttl": 60_000 }), "message-ttl is 60000, but should be none"),
        ("hotel.dead", json!({ "max-length": 1_000 }), "max-length is 1000, but should be 100000"),
        ("retry.5s", json!({ "expires": 900_000 }), "expires is 900000, but should be none"),
    ];
    for (queue, definition, _) in &policed {
        let policy = json!({ "pattern": format!("^{}$", queue.replace('.', r"\.")),
            "apply-to": "queues", "priority": 9, "definition": definition });
        let path = ["operator-policies", vhost, &format!("of {queue}")];
        management.call(Method::PUT, &path, Some(&policy)).await.expect("a policy");
    }
    let binding = format!("the binding of queue `hotel` to `route` with key `{key}` is missing");
    let said = says(address, 503, &binding).await;
    assert!(removed_at.elapsed() < Duration::from_secs(60), "{:?}", removed_at.elapsed());
    let repair = said.split('`').find(|words| words.starts_with("ballet topology repair"));
    let since = repair.expect("a command").strip_prefix("ballet topology repair --since ");
    since.expect("a time").parse::<jiff::Timestamp>().expect("a time");
    let metric = |value: u8| {
        format!(r#"ballet_binding_missing{{exchange="route",to="hotel",key="{key}"}} {value}"#)
    };
    let metrics = || async { metrics(address).await.expect("metrics") };
    assert!(metrics().await.contains(&metric(1)), "{}", metrics().await);
    for (queue, _, words) in &policed {
        let said = says_of("queues", address, 503, words).await;
        assert!(said.contains(&format!("queue `{queue}`: ")), "{said}");
        assert!(said.contains(&format!("operator policy `of {queue}`")), "{said}");
        assert!(said.contains(": messages are lost"), "{said}");
        let metric = format!(r#"ballet_queue_differs{{queue="{queue}"}} 1"#);
        assert!(metrics().await.contains(&metric), "{}", metrics().await);
    }

    for (queue, ..) in &policed {
        let path = ["operator-policies", vhost, &format!("of {queue}")];
        management.call(Method::DELETE, &path, None).await.expect("removed");
    }
    management.call(Method::POST, &path, Some(&json!({"routing_key": key}))).await.expect("bound");
    assert_eq!(says(address, 200, "ok").await, "ok");
    assert_eq!(says_of("queues", address, 200, "ok").await, "ok");
    assert!(metrics().await.contains(&metric(0)), "{}", metrics().await);
    // The service itself has no further permission.
    let compared = wait_until("a comparison", SOON, || async {
        let metrics = metrics().await;
        let is = metrics.contains("ballet_bindings_compared 1");
        if is { Ok(Some(())) } else { Err("the console has not answered") }
    });
    compared.await.expect("a comparison");

    // Without its journal the system works, but records nothing.
    let path = ["queues", vhost, "journal"];
    management.call(Method::DELETE, &path, None).await.expect("deleted");
    says_of("queues", address, 200, "queue `journal` is missing").await;
    let said = says(address, 200, "the journal does not record").await;
    assert!(said.contains("the binding of queue `journal` to `events`"), "{said}");
    let metric = r##"ballet_binding_missing{exchange="events",to="journal",key="#"} 1"##;
    assert!(metrics().await.contains(metric), "{}", metrics().await);
}
