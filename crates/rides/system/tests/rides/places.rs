//! Each process of location has all places, also one that was killed (SIGKILL) and started again.

use ballet::Settings;
use ballet_stage::{OwnProcess, wait_until};
use location::config::LocationSettings;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::town::{LIMIT, NEAR, Town};

const AMQP: &str = "PLACES_AMQP_URL";
const DATABASE: &str = "PLACES_DATABASE_URL";

/// No test: what the process of the test runs. Without a database it does nothing.
#[test]
fn replica() {
    let setting = |name| std::env::var(name).ok();
    let (Some(amqp), Some(database)) = (setting(AMQP), setting(DATABASE)) else { return };
    let service = || location::service(LocationSettings::default());
    OwnProcess::serve(service, Settings::new(amqp, database));
}

/// Another process of location, and its URL.
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

/// Waits until this replica answers as the one of the town.
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
    // This one reads back, and follows what comes.
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

#[tokio::test]
async fn what_is_wrong_in_a_request_is_named_where_it_is() {
    let town = Town::new("rides_wrong").await;
    let journey = json!({ "rider_id": town.system.new_id(),
        "pickup": { "lat": 95, "lon": 13.4 }, "destination": { "lat": 52.5, "lon": 13.4 } });
    let (status, problem) = town.system.post("dispatch", "/quotes", &journey).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(problem["errors"][0]["pointer"], "#/pickup/lat", "{problem}");
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
