//! The drivers whom riders see near them.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::states::each_state_that_a_table_allows_is_one_of_its_type;
use crate::town::{NEAR, Town, id, place};

/// Asks as a rider who is signed in at the gateway. Returns the nearest first.
async fn seen_by(town: &Town, rider: Uuid, most: u16) -> Vec<Uuid> {
    let (by, path) = ((rider, "rides:ride"), format!("{NEAR}&limit={most}"));
    let (_, _, near) = town.signed_in(by, Method::GET, ("location", &path), &Value::Null).await;
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
    each_state_that_a_table_allows_is_one_of_its_type(&town).await;
    town.close().await;
}
