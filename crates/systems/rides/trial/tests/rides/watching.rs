//! A rider who watches a ride by server-sent events.

use std::time::Duration;

use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use crate::town::Town;

const LIMIT: Duration = Duration::from_secs(60);

async fn events(town: &Town, ride: Uuid, seen: Option<&str>) -> Response {
    let url = format!("{}/rides/{ride}/events", town.system.url("dispatch"));
    let request = Client::new().get(url);
    let request = match seen {
        Some(id) => request.header("Last-Event-ID", id),
        None => request,
    };
    request.send().await.expect("an answer")
}

/// Returns ids and data, until the stream ends.
async fn read(answer: Response) -> Vec<(String, Value)> {
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let text = tokio::time::timeout(LIMIT, answer.text()).await.expect("an end in time");
    let text = text.expect("the stream ends properly");
    let event = |event: &str| {
        let field = |name| event.lines().find_map(|line| line.strip_prefix(name));
        let data = serde_json::from_str(field("data: ")?).expect("JSON");
        Some((field("id: ").expect("an id").to_owned(), data))
    };
    text.split("\n\n").filter_map(event).collect()
}

fn statuses(events: &[(String, Value)]) -> Vec<(&str, &str)> {
    events.iter().map(|(id, data)| (&**id, data["status"].as_str().expect("a status"))).collect()
}

#[tokio::test]
async fn a_rider_sees_each_change_of_a_ride_as_it_comes() {
    let town = Town::new("rides_watch").await;
    let (rider, drivers) = (town.rider().await, [town.driver(1).await, town.driver(2).await]);
    let ride = town.request(rider).await;
    let watch = tokio::spawn(read(events(&town, ride, None).await));
    town.until_asked(ride, drivers[0]).await;
    town.act(ride, drivers[0], "decline").await;
    town.until_asked(ride, drivers[1]).await;
    town.drive(ride, drivers[1]).await;
    let seen = watch.await.expect("no panic");
    let all = [
        ("1", "requested"),
        ("2", "searching"),
        ("3", "offered"),
        ("4", "searching"),
        ("5", "offered"),
        ("6", "accepted"),
        ("7", "assigned"),
        ("8", "picked_up"),
        ("9", "riding"),
        ("10", "completed"),
    ];
    assert_eq!(statuses(&seen), all);
    assert_eq!(seen[2].1["attempt"], 1);
    assert_eq!(seen[9].1["driver_id"], drivers[1].to_string());
    // A client that reconnects misses nothing, and learns when nothing more comes.
    let rest = read(events(&town, ride, Some("8")).await).await;
    assert_eq!(statuses(&rest), all[8..]);
    assert_eq!(events(&town, ride, Some("10")).await.status(), StatusCode::NO_CONTENT);
    let unknown = events(&town, town.system.new_id(), None).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    town.close().await;
}
