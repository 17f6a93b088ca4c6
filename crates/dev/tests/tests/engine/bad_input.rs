//! Messages that cannot be taken are kept with the reason, their bodies as they came.

use serde_json::{Value, json};

use crate::trip::{DESK_TABLES, RoomBooked, TripBooked, desk};
use crate::world::{TripWorld, part};

fn without(properties: &Value, name: &str) -> Value {
    let mut properties = properties.clone();
    properties.as_object_mut().expect("an object").remove(name);
    properties
}

fn with(properties: &Value, name: &str, value: &str) -> Value {
    let mut properties = properties.clone();
    properties[name] = json!(value);
    properties
}

#[tokio::test]
async fn t23_t24_t26_t111_what_cannot_be_taken_is_a_dead_letter_with_its_reason() {
    let world = TripWorld::hotel("bad").await;
    let key = "desk.trip_booked.v1";
    let good = json!({
        "message_id": world.new_id(), "type": key, "correlation_id": world.new_id(),
        "app_id": "desk", "content_type": "application/json",
    });
    let body = r#"{"city":"Rome"}"#;
    let cases = [
        ("not_json", good.clone(), "{"),
        ("not_json", good.clone(), ""),
        ("wrong_shape", good.clone(), r#"{"town":"Rome"}"#),
        ("forged_type", with(&good, "type", "desk.trip_booked.v9"), body),
        ("wrong_content_type", with(&good, "content_type", "text/xml"), body),
        ("wrong_content_encoding", with(&good, "content_encoding", "br"), body),
        ("forged_app_id", with(&good, "app_id", "hotel"), body),
        ("no_correlation_id", without(&good, "correlation_id"), body),
        ("wrong_correlation_id", with(&good, "correlation_id", "seventeen"), body),
        ("clock_ahead", with(&good, "message_id", "0fffffff-ffff-7fff-8fff-ffffffffffff"), body),
        (
            "too_old_to_deduplicate",
            with(&good, "message_id", "01000000-0000-7000-8000-000000000000"),
            body,
        ),
        (
            "saga_too_old",
            with(&good, "correlation_id", "01000000-0000-7000-8000-000000000000"),
            body,
        ),
    ];
    for (_, properties, body) in &cases {
        world.publish_raw(key, properties, body).await;
    }
    let dead = world.dead_letters(cases.len()).await;
    for (reason, properties, body) in &cases {
        let letter = dead
            .iter()
            .find(|m| {
                m["properties"]["headers"]["x-dead-reason"] == *reason && m["payload"] == *body
            })
            .unwrap_or_else(|| panic!("no dead letter {reason} with body {body:?}: {dead:#?}"));
        let kept = &letter["properties"];
        for (name, value) in properties.as_object().expect("an object") {
            assert_eq!(&kept[name], value, "{name} of {reason}");
        }
        assert_eq!(kept["headers"]["x-dead-service"], "hotel");
        assert_eq!(kept["headers"]["x-dead-exchange"], "events");
        assert_eq!(kept["headers"]["x-dead-routing-key"], key);
        assert!(kept["headers"]["x-dead-detail"].as_str().is_some_and(|text| text.len() > 10));
    }
    assert_eq!(world.count("hotel", "room").await, 0);
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(saga).await;
}

#[tokio::test]
async fn a_dead_letter_loses_what_would_act_on_the_copy_but_keeps_the_words() {
    let world = TripWorld::hotel("expires").await;
    let properties = json!({
        "type": "desk.trip_booked.v1", "expiration": "60000",
        "headers": {"CC": ["somewhere.else"], "mine": "kept"},
    });
    world.publish_raw("desk.trip_booked.v1", &properties, "?").await;
    let dead = world.dead_letters(1).await;
    let kept = &dead[0]["properties"];
    assert_eq!(kept["expiration"], Value::Null);
    assert_eq!(kept["headers"]["x-original-expiration"], "60000");
    assert_eq!(kept["headers"]["CC"], Value::Null);
    assert_eq!(kept["headers"]["x-original-cc"], json!(["somewhere.else"]));
    assert_eq!(kept["headers"]["mine"], "kept");
}

#[tokio::test]
async fn a_dead_letter_has_its_body_as_it_came_and_the_properties_that_were_derived() {
    let world = TripWorld::new("hello", vec![part(desk(), DESK_TABLES)]).await;
    let (key, body) = ("agency.trip_wanted.v1", "{ \"hello\" : 1 }");
    world.publish_raw(key, &json!({"delivery_mode": 1, "cluster_id": "c"}), body).await;
    let dead = world.dead_letters(1).await;
    let letter = &dead[0];
    assert_eq!(letter["payload"], body);
    assert_eq!((&letter["exchange"], &letter["routing_key"]), (&json!("dead"), &json!("desk")));
    let mut kept = letter["properties"].as_object().expect("properties").clone();
    let headers = kept.remove("headers").expect("headers");
    let id = kept["message_id"].clone();
    assert_eq!(
        Value::Object(kept),
        json!({"type": key, "message_id": id, "correlation_id": id, "delivery_mode": 2})
    );
    let names: Vec<&String> = headers.as_object().expect("headers").keys().collect();
    assert_eq!(
        names,
        [
            "x-attempts",
            "x-dead-at",
            "x-dead-detail",
            "x-dead-exchange",
            "x-dead-reason",
            "x-dead-routing-key",
            "x-dead-service"
        ]
    );
    assert_eq!(headers["x-dead-exchange"], "events");
    assert_eq!(
        headers["x-dead-detail"],
        "the body does not have the shape of agency.trip_wanted.v1: missing field `city`"
    );
}

#[tokio::test]
async fn t23_a_type_that_no_handler_knows_is_a_dead_letter() {
    let world = TripWorld::hotel("unknown").await;
    let management = world.env.management();
    let events = ["desk.trip_dreamt.v1", "desk.trip_booked.v9"];
    for event in events {
        // Straight to the service's queue, as an operator may do.
        let properties = json!({"type": event});
        let published = management.publish("amq.default", "hotel", &properties, "{}").await;
        assert!(published.expect("published"));
    }
    let dead = world.dead_letters(2).await;
    for (event, reason) in events.into_iter().zip(["unknown_type", "unknown_version"]) {
        let letter = dead.iter().find(|letter| letter["properties"]["type"] == event);
        let headers = &letter.expect("a dead letter")["properties"]["headers"];
        assert_eq!(headers["x-dead-reason"], reason);
        let detail = headers["x-dead-detail"].as_str().expect("a sentence");
        assert!(detail.contains(event), "{detail}");
        assert_eq!(detail.contains("desk.trip_booked.v1"), reason == "unknown_version", "{detail}");
    }
}
