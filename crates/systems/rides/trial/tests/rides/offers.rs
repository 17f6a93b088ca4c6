//! Offers that are not accepted, what their drivers still see, and what happens to other offers.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::town::Town;

/// Sends as a driver who is signed in at the gateway. Returns the status and the body.
async fn signed_in(town: &Town, driver: Uuid, method: Method, path: &str) -> (StatusCode, Value) {
    let by = (driver, "rides:drive");
    let body = if method == Method::POST { json!({ "driver_id": driver }) } else { Value::Null };
    let (status, _, answer) = town.signed_in(by, method, ("dispatch", path), &body).await;
    (status, answer)
}

#[tokio::test]
async fn who_does_not_drive_knows_nothing_of_the_ride_any_more() {
    let town = Town::new("rides_private").await;
    let (ride, drivers) = town.request_with_drivers(&[1, 2]).await;
    let (one, other) = (drivers[0], drivers[1]);
    let trip = format!("/trips/{ride}");
    town.until_asked(ride, one).await;
    // Neither the rider nor the destination may influence whether a driver accepts.
    let (status, shown) = signed_in(&town, one, Method::GET, &trip).await;
    assert_eq!((status, &shown["rider_rating"]), (StatusCode::OK, &json!(50)), "{shown}");
    let text = shown.to_string();
    assert!(!text.contains("Ada") && !text.contains("rider_id") && !text.contains("destination"));
    assert_eq!(signed_in(&town, other, Method::GET, &trip).await.0, StatusCode::NOT_FOUND);
    town.act(ride, one, "decline").await;
    town.until_asked(ride, other).await;
    town.accept(ride, other).await;
    let (_, shown) = signed_in(&town, other, Method::GET, &trip).await;
    assert_eq!(
        (&shown["rider_name"], &shown["ride"]["status"]),
        (&json!("Ada"), &json!("assigned"))
    );
    town.act(ride, other, "start").await;
    let (status, shown) = signed_in(&town, one, Method::GET, &trip).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{shown}");
    // The refusals say no more about the ride than the driver's own offer.
    let (_, offers) = signed_in(&town, one, Method::GET, "/trips").await;
    assert_eq!(offers["items"][0]["state"], "declined", "{offers}");
    for verb in ["accept", "start", "complete"] {
        let (status, told) = signed_in(&town, one, Method::POST, &format!("{trip}/{verb}")).await;
        let detail = told["detail"].to_string();
        assert_eq!(status, StatusCode::CONFLICT, "{verb}: {told}");
        assert!(detail.contains("you have declined it"), "{verb}: {told}");
    }
    town.act(ride, other, "complete").await;
    town.until(ride, "completed").await;
    let (status, shown) = signed_in(&town, other, Method::GET, &trip).await;
    assert_eq!((status, &shown["offer"]["state"]), (StatusCode::OK, &json!("driven")), "{shown}");
    town.close().await;
}
