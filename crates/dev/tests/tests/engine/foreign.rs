//! Messages that others send through the management API.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::trip::{RoomBooked, TripBooked};
use crate::world::TripWorld;

const BOOKED: &str = "desk.trip_booked.v1";
const ROME: &str = r#"{"city":"Rome"}"#;

fn body(message: &Value) -> Vec<u8> {
    let payload = message["payload"].as_str().expect("a payload");
    match message["payload_encoding"].as_str() {
        Some("base64") => STANDARD.decode(payload).expect("base64"),
        _ => payload.as_bytes().to_vec(),
    }
}

async fn to_the_queue(world: &TripWorld, properties: &Value, body: impl AsRef<[u8]>) {
    let published = world.env.management().publish("amq.default", "hotel", properties, body).await;
    assert!(published.expect("published"));
}

#[tokio::test]
async fn t23_t24_t26_t111_t162_what_is_refused_says_why() {
    let world = TripWorld::hotel("refused").await;
    let saga = world.new_saga().to_string();
    let good = json!({"type": BOOKED, "correlation_id": saga});
    let with = |more: Value| {
        let mut properties = good.clone();
        let all = properties.as_object_mut().expect("an object");
        all.extend(more.as_object().expect("an object").clone());
        properties
    };
    let many: serde_json::Map<String, Value> =
        (0..65).map(|number| (format!("h{number}"), json!(number))).collect();
    let mut nested = json!(1);
    for _ in 0..10 {
        nested = json!({ "a": nested });
    }
    let cloud = json!({"content_type": "application/cloudevents+json"});
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let packed = with(json!({"content_encoding": "gzip"}));
    let unheard = json!({"type": "desk.trip_dreamt.v1"});
    let ahead = json!({"message_id": "0fffffff-ffff-7fff-8fff-ffffffffffff"});
    let long_ago = "01000000-0000-7000-8000-000000000000";
    let mut cases: Vec<(&str, Value, Vec<u8>)> = vec![
        ("unknown_version", json!({"type": "desk.trip_booked.v2"}), ROME.into()),
        ("unknown_type", unheard, ROME.into()),
        ("no_type", json!({}), ROME.into()),
        ("headers_too_big", with(json!({"headers": many})), ROME.into()),
        ("headers_too_big", with(json!({"headers": {"h": "x".repeat(40_000)}})), "{}".into()),
        ("headers_too_big", with(json!({"headers": {"h": nested.clone()}})), "[]".into()),
        ("body_too_big", good.clone(), vec![b' '; 1_100_000]),
        ("wrong_content_encoding", packed, ROME.into()),
        ("wrong_content_type", with(json!({"content_type": "text/csv"})), ROME.into()),
        ("not_utf8", good.clone(), b"{\"city\":\"K\xf6ln\"}".to_vec()),
        ("too_deep", good.clone(), deep.clone().into()),
        ("too_deep", good.clone(), format!(r#"{{"city":"Rome","more":{deep}}}"#).into()),
        ("not_a_cloud_event", cloud.clone(), ROME.into()),
        ("not_json", cloud, "{".into()),
        ("not_json", good.clone(), "".into()),
        ("wrong_shape", good.clone(), "[]".into()),
        ("no_correlation_id", json!({"type": BOOKED}), ROME.into()),
        ("wrong_correlation_id", with(json!({"correlation_id": "seventeen"})), ROME.into()),
        ("clock_ahead", with(ahead), ROME.into()),
        ("too_old_to_deduplicate", with(json!({"message_id": long_ago})), ROME.into()),
        ("saga_too_old", with(json!({"correlation_id": long_ago})), ROME.into()),
    ];
    for (_, properties, body) in &cases {
        to_the_queue(&world, properties, body).await;
    }
    // The exchange's routing key names the publisher.
    let forged: [(&str, Value, Vec<u8>); 2] = [
        ("forged_type", with(json!({"type": "desk.trip_booked.v9"})), ROME.into()),
        ("forged_app_id", with(json!({"app_id": "hotel"})), ROME.into()),
    ];
    for (_, properties, body) in &forged {
        world.publish_raw(BOOKED, properties, body).await;
    }
    cases.extend(forged);
    let dead = world.dead_letters(cases.len()).await;
    for (reason, properties, sent) in &cases {
        let letter = dead.iter().find(|letter| {
            letter["properties"]["headers"]["x-dead-reason"] == *reason && body(letter) == *sent
        });
        let letter = letter.unwrap_or_else(|| panic!("no {reason} for {properties}: {dead:#?}"));
        let kept = &letter["properties"];
        for (name, value) in properties.as_object().expect("an object") {
            if name != "headers" {
                assert_eq!(&kept[name], value, "{name} of {reason}");
            }
        }
        for (name, value) in properties["headers"].as_object().into_iter().flatten() {
            if *value == nested {
                // A copy leaves out what is nested too deep for its readers.
                let word = "headers nested too deep were dropped";
                assert_eq!(kept["headers"]["x-dead-headers"], word);
            } else {
                assert_eq!(&kept["headers"][name], value, "header {name} of {reason}");
            }
        }
        assert_eq!(kept["headers"]["x-dead-service"], "hotel");
        let detail = kept["headers"]["x-dead-detail"].as_str().expect("a sentence");
        assert!(detail.len() > 20, "{reason}: {detail}");
    }
    assert_eq!(world.count("hotel", "room").await, 0);
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(saga).await;
    assert_eq!(world.dead_letters(cases.len()).await.len(), cases.len());
}
