//! Each process of location has all positions, also one that was killed (SIGKILL) and started again. Riders see some
//! of them.

use ballet::Settings;
use ballet_stage::{OwnProcess, wait_until};
use location::config::LocationSettings;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::town::{LIMIT, NEAR, Town, id, place};

const AMQP: &str = "PLACES_AMQP_URL";
const DATABASE: &str = "PLACES_DATABASE_URL";

/// Not a test, but the entry of the test's second process. Without a database it does nothing.
#[test]
fn replica() {
    let setting = |name| std::env::var(name).ok();
    let (Some(amqp), Some(database)) = (setting(AMQP), setting(DATABASE)) else { return };
    let service = || location::service(LocationSettings::default());
    OwnProcess::serve(service, Settings::new(amqp, database));
}

/// Starts another process of location. Returns it and its URL.
async fn started(town: &Town) -> (OwnProcess, String) {
    let process = OwnProcess::start("places::replica", |command| {
        command
            .env(AMQP, town.system.env.amqp_url("location"))
            .env(DATABASE, town.system.env.database_url("location"));
    });
    let mut process = process.expect("a process");
    let url = process.serving().await.expect("a service");
    (process, url)
}

/// Waits until this replica gives the same answer as the town's own.
async fn until_alike(town: &Town, url: &str) {
    let (_, expected) = town.system.get("location", NEAR).await;
    let alike = wait_until("two replicas answer alike", LIMIT, || async {
        let answer = reqwest::get(format!("{url}{NEAR}")).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let near: Value = answer.json().await.map_err(|error| error.to_string())?;
        if near == expected { Ok(Some(())) } else { Err(near.to_string()) }
    });
    alike.await.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test]
async fn each_replica_has_all_drivers_also_after_it_was_killed() {
    let town = Town::new("rides_places").await;
    town.driver(1).await;
    // This replica reads the stream from before, and follows it.
    let (mut killed, url) = started(&town).await;
    until_alike(&town, &url).await;
    town.driver(2).await;
    until_alike(&town, &url).await;
    killed.kill().await.expect("killed");
    town.driver(3).await;
    let (again, url) = started(&town).await;
    until_alike(&town, &url).await;
    drop(again);
    town.close().await;
}

/// Returns the drivers that a rider sees who is signed in at the gateway, the nearest first.
async fn seen_by(town: &Town, rider: Uuid, most: u16) -> Vec<Uuid> {
    let request = Client::new()
        .get(format!("{}{NEAR}&limit={most}", town.system.url("location")))
        .header("x-ballet-subject", rider.to_string())
        .header("x-ballet-scopes", "rides:ride");
    let answer = request.send().await.expect("an answer");
    let near: Value = answer.json().await.expect("JSON");
    let items = near["items"].as_array().unwrap_or_else(|| panic!("{near}"));
    items.iter().map(|one| id(&one["driver_id"])).collect()
}

#[tokio::test]
async fn a_rider_sees_who_is_free_and_who_comes_and_not_where_others_are_driven() {
    let town = Town::new("rides_seen").await;
    let (rider, other) = (town.rider().await, town.rider().await);
    let (comes, free, off) = (town.driver(1).await, town.driver(2).await, town.driver(3).await);
    assert_eq!(seen_by(&town, other, 10).await, [comes, free, off]);
    let ride = town.request(rider).await;
    town.until_asked(ride, comes).await;
    town.accept(ride, comes).await;
    assert_eq!(seen_by(&town, rider, 10).await, [comes, free, off]);
    town.act(ride, comes, "start").await;
    town.until_driver(comes, "riding").await;
    let (status, answer) = town.offline(off).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(seen_by(&town, rider, 10).await, [comes, free]);
    assert_eq!(seen_by(&town, other, 10).await, [free]);
    // The nearest of all is hidden, and does not hide the next.
    assert_eq!(seen_by(&town, other, 1).await, [free]);
    let (_, near) = town.system.get("location", NEAR).await;
    let all = near["items"].as_array().map(Vec::len);
    assert_eq!(all, Some(3), "operators see all: {near}");
    town.close().await;
}

#[tokio::test]
async fn what_is_wrong_in_a_request_is_named_where_it_is() {
    let town = Town::new("rides_wrong").await;
    let journey = json!({ "rider_id": town.system.new_id(),
        "pickup": { "lat": 95, "lon": 13.4 }, "destination": { "lat": 52.5, "lon": 13.4 } });
    let (status, problem) = town.system.post("dispatch", "/quotes", &journey).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(problem["errors"][0]["pointer"], "#/pickup/lat", "{problem}");
    let online = format!("/drivers/{}/online", town.system.new_id());
    for seats in [0, 9] {
        let shift = json!({ "seats": seats, "at": place(0) });
        let (status, problem) = town.system.post("location", &online, &shift).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert_eq!(problem["errors"][0]["pointer"], "#/seats", "{problem}");
    }
    for (service, path, status, name) in [
        ("dispatch", "/trips?after=mug", StatusCode::BAD_REQUEST, "after"),
        ("location", "/near?lat=52.5&lon=200", StatusCode::UNPROCESSABLE_ENTITY, "lon"),
    ] {
        let (answered, problem) = town.system.get(service, path).await;
        assert_eq!(answered, status, "{problem}");
        assert_eq!(problem["errors"][0]["name"], name, "{problem}");
    }
    town.close().await;
}
