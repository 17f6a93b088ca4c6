//! Offers: what drivers see of them, how many a rider has at a time, and what the databases exclude.

use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::town::{Town, id};

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
    no_row_has_a_driver_in_two_rides(&town, one).await;
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
    a_rider_takes_few_drivers_at_a_time_and_another_once_a_ride_is_over(&town).await;
    town.close().await;
}

async fn no_row_has_a_driver_in_two_rides(town: &Town, driver: Uuid) {
    let twice = format!(
        "do $$ begin
             insert into work (ride_id, attempt, driver_id, state, reserved_at)
             values (gen_random_uuid(), 1, '{driver}', 'reserved', now());
             raise exception 'a driver is there for two rides';
         exception when unique_violation then null;
         end $$"
    );
    town.system.execute("location", &twice).await;
    let twice = "do $$ begin
             insert into offer (ride_id, attempt, driver_id, state, offered_at, expires_at)
             select ride_id, 9, driver_id, 'open', now(), now() from offer;
             raise exception 'a driver is asked twice at a time';
         exception when unique_violation then null;
         end $$";
    town.system.execute("dispatch", twice).await;
}

/// Sends as a rider who is signed in at the gateway. Returns the status and the body.
async fn wants(town: &Town, rider: Uuid) -> (StatusCode, Value) {
    let body = json!({ "quote_id": town.quote(rider).await["quote_id"] });
    let (by, rides) = ((rider, "rides:ride"), ("dispatch", "/rides"));
    let (status, waits, answer) = town.signed_in(by, Method::POST, rides, &body).await;
    assert_eq!(waits, status == StatusCode::TOO_MANY_REQUESTS, "{answer}");
    (status, answer)
}

async fn a_rider_takes_few_drivers_at_a_time_and_another_once_a_ride_is_over(town: &Town) {
    for steps in 1..=4 {
        town.driver(steps).await;
    }
    let (rider, other) = (town.rider().await, town.rider().await);
    let all = join_all((0..5).map(|_| wants(town, rider)));
    let answers = town.system.meeting(("dispatch", "ride"), 4, all).await;
    let of = |wanted| answers.iter().filter(|(status, _)| *status == wanted).collect::<Vec<_>>();
    let (rides, refused) = (of(StatusCode::CREATED), of(StatusCode::TOO_MANY_REQUESTS));
    assert_eq!((rides.len(), refused.len()), (3, 2), "{answers:?}");
    assert_eq!(wants(town, other).await.0, StatusCode::CREATED, "it is for each rider");
    let ride = id(&rides[0].1["ride_id"]);
    assert_eq!(town.cancel(ride).await, StatusCode::ACCEPTED);
    assert_eq!(wants(town, rider).await.0, StatusCode::CREATED);
    assert_eq!(wants(town, rider).await.0, StatusCode::TOO_MANY_REQUESTS);
    // Callers that act for riders have no limit.
    town.request(rider).await;
}
