//! Offers that end without a driver who drives: what is left of them to those who were asked, and to the others.

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::town::Town;

/// What a driver who is signed in at the gateway gets.
async fn signed_in(town: &Town, driver: Uuid, method: Method, path: &str) -> (StatusCode, Value) {
    let url = format!("{}{path}", town.system.url("dispatch"));
    let request = Client::new()
        .request(method.clone(), url)
        .header("x-ballet-subject", driver.to_string())
        .header("x-ballet-scopes", "rides:drive");
    let request = if method == Method::POST {
        request.json(&json!({ "driver_id": driver }))
    } else {
        request
    };
    let answer = request.send().await.expect("an answer");
    (answer.status(), answer.json().await.expect("JSON"))
}

#[tokio::test]
async fn who_does_not_drive_knows_nothing_of_the_ride_any_more() {
    let town = Town::new("rides_private").await;
    let (ride, drivers) = town.requested(&[1, 2]).await;
    let (one, other) = (drivers[0], drivers[1]);
    let trip = format!("/trips/{ride}");
    town.asked(ride, one).await;
    let (status, shown) = signed_in(&town, one, Method::GET, &trip).await;
    assert_eq!((status, &shown["rider_name"]), (StatusCode::OK, &json!("Ada")), "{shown}");
    assert_eq!(signed_in(&town, other, Method::GET, &trip).await.0, StatusCode::NOT_FOUND);
    town.said(ride, one, "decline").await;
    town.asked(ride, other).await;
    town.accepted(ride, other).await;
    town.said(ride, other, "start").await;
    let (status, shown) = signed_in(&town, one, Method::GET, &trip).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{shown}");
    // Its own offer is all that it sees, and all that is said of the ride.
    let (_, offers) = signed_in(&town, one, Method::GET, "/trips").await;
    assert_eq!(offers["items"][0]["state"], "declined", "{offers}");
    for verb in ["accept", "start", "complete"] {
        let (status, told) = signed_in(&town, one, Method::POST, &format!("{trip}/{verb}")).await;
        let detail = told["detail"].to_string();
        assert_eq!(status, StatusCode::CONFLICT, "{verb}: {told}");
        assert!(detail.contains("you have declined it"), "{verb}: {told}");
    }
    town.said(ride, other, "complete").await;
    town.until(ride, "completed").await;
    let (status, shown) = signed_in(&town, other, Method::GET, &trip).await;
    assert_eq!((status, &shown["offer"]["state"]), (StatusCode::OK, &json!("driven")), "{shown}");
    town.close().await;
}
