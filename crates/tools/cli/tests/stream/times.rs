//! `ballet replay` of events with ids of a wrong clock.

use ballet::Clock;
use ballet::core::id::time_of;
use ballet_amqp::BasicProperties;
use ballet_testkit::command::ended;
use jiff::SignedDuration;
use serde_json::json;
use uuid::Uuid;

use crate::replay::{published, replay};
use crate::world::{StreamWorld, TICKED, event, numbers};

#[tokio::test]
async fn an_event_from_a_clock_that_was_a_year_ahead_holds_up_no_other_and_makes_none_old() {
    let recorded = StreamWorld::new("ahead").await;
    let now = Clock::system().now();
    let a_year_ahead = now + SignedDuration::from_hours(365 * 24);
    // The journal takes events that services then refuse.
    let events = (0..).zip([now, a_year_ahead, now]).map(|(number, at)| {
        let id = Clock::standing(at, number).new_id(at).to_string();
        let properties = BasicProperties::default().with_message_id(id.into());
        event(TICKED, properties, &json!({ "number": number }))
    });
    recorded.publish(events.collect()).await;
    let file = recorded.record("ahead.jsonl").await;
    let test = StreamWorld::new("ahead-target").await;
    // The first event at the pace of the recording.
    ended(replay(&test, &[&file])).await.ends_with(0);
    ended(replay(&test, &[&file, "--pace", "max", "--new-ids"])).await.ends_with(0);
    let sent = published(&test).await;
    assert_eq!(numbers(&sent), [0, 1, 2, 0, 1, 2]);
    for at in [3, 5] {
        let id = sent[at]["properties"]["message_id"].as_str().expect("text");
        let time = time_of(id.parse::<Uuid>().expect("a UUID")).expect("version 7");
        assert!(now.duration_since(time).as_hours() < 1, "{time}");
    }
    test.close().await;
    recorded.close().await;
}
