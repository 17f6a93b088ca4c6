//! Permissions: docs/rides/trust.md has a row for each of these tests.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::town::{Town, place};

/// Returns a ride whose only driver, this many steps away, has accepted.
async fn assigned(town: &Town, steps: u8) -> (Uuid, Uuid) {
    let (ride, drivers) = town.request_with_drivers(&[steps]).await;
    town.until_asked(ride, drivers[0]).await;
    town.accept(ride, drivers[0]).await;
    (ride, drivers[0])
}

/// Returns a ride whose driver has picked the rider up.
async fn riding(town: &Town) -> (Uuid, Uuid) {
    let (ride, driver) = assigned(town, 0).await;
    town.until_heard(ride, driver, "start").await;
    town.until(ride, "riding").await;
    (ride, driver)
}

/// Returns the quoted and the charged amount, both in cents.
async fn ended(town: &Town, ride: Uuid, payment: &str) -> (i64, i64) {
    town.until(ride, "completed").await;
    town.until_payment(ride, payment).await;
    let receipt = town.receipt(ride).await;
    let cents = |of: &Value| of["amount_minor"].as_i64().expect("an amount");
    assert_eq!(receipt["payment"]["paid"], receipt["charged"], "{receipt}");
    (cents(&receipt["quoted"]), cents(&receipt["charged"]))
}

#[tokio::test]
async fn nobody_says_what_a_ride_costs_or_whose_it_is() {
    let town = Town::new("rides_trust").await;
    a_driver_who_never_moved_is_paid_nothing(&town).await;
    a_ride_that_ends_on_the_way_costs_the_way_so_far(&town).await;
    who_was_not_seen_lately_ends_no_ride(&town).await;
    a_ride_whose_driver_vanished_ends_by_itself(&town).await;
    an_operator_ends_a_ride_for_a_part_of_its_price(&town).await;
    a_ride_goes_only_so_far(&town).await;
    a_ride_begins_where_its_driver_is_seen(&town).await;
    what_belongs_to_another_does_not_exist(&town).await;
    // Its ride goes on looking for a driver.
    a_quote_leads_to_one_ride_and_for_ten_minutes(&town).await;
    town.close().await;
}

async fn a_driver_who_never_moved_is_paid_nothing(town: &Town) {
    let (ride, driver) = riding(town).await;
    arrives(town, ride, driver, 0).await;
    let (quoted, charged) = ended(town, ride, "released").await;
    assert_eq!(charged, 0);
    assert_eq!(town.at_the_bank(ride).await, format!("approved {quoted}, voided {quoted}"));
}

/// The driver moves to this place only after saying so.
async fn arrives(town: &Town, ride: Uuid, driver: Uuid, steps: u8) {
    let (status, answer) = town.says(ride, driver, "complete").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    moves(town, driver, steps).await;
}

async fn moves(town: &Town, driver: Uuid, steps: u8) {
    let path = format!("/drivers/{driver}/position");
    let (status, answer) =
        town.system.request(Method::PUT, "location", &path, Some(&place(steps))).await;
    assert_eq!(status, StatusCode::NO_CONTENT, "{answer}");
}

async fn a_ride_that_ends_on_the_way_costs_the_way_so_far(town: &Town) {
    let (ride, driver) = riding(town).await;
    let minutes = format!(
        "update ride set started_at = started_at - interval '10 minutes' where ride_id = '{ride}'"
    );
    town.system.execute("dispatch", &minutes).await;
    arrives(town, ride, driver, 12).await;
    let (quoted, charged) = ended(town, ride, "paid").await;
    // 3.6 of 6 kilometers.
    assert!((quoted / 2..quoted * 2 / 3).contains(&charged), "{charged} of {quoted}");
    assert_eq!(town.at_the_bank(ride).await, format!("approved {quoted}, captured {charged}"));
}

async fn who_was_not_seen_lately_ends_no_ride(town: &Town) {
    let (ride, driver) = riding(town).await;
    let unseen = town.system.new_id();
    let swap = async |from: Uuid, to: Uuid| {
        for table in ["ride", "offer"] {
            let update =
                format!("update {table} set driver_id = '{to}' where driver_id = '{from}'");
            town.system.execute("dispatch", &update).await;
        }
    };
    swap(driver, unseen).await;
    let (path, body) = (format!("/trips/{ride}/complete"), json!({ "driver_id": unseen }));
    let by = (unseen, "rides:drive");
    let (status, waits, answer) =
        town.signed_in(by, Method::POST, ("dispatch", &path), &body).await;
    assert_eq!((status, waits), (StatusCode::CONFLICT, true), "{answer}");
    swap(unseen, driver).await;
    arrives(town, ride, driver, 0).await;
    assert_eq!(ended(town, ride, "released").await.1, 0);
}

async fn a_ride_begins_where_its_driver_is_seen(town: &Town) {
    let (ride, driver) = assigned(town, 3).await;
    let (status, answer) = town.says(ride, driver, "start").await;
    assert_eq!(status, StatusCode::CONFLICT, "{answer}");
    assert!(answer["detail"].to_string().contains("m away"), "{answer}");
    moves(town, driver, 1).await;
    town.until_heard(ride, driver, "start").await;
    town.act(ride, driver, "complete").await;
}

async fn a_ride_whose_driver_vanished_ends_by_itself(town: &Town) {
    let (ride, _) = riding(town).await;
    // The first look is over, because a look under way would overwrite the time of the next one.
    let watch = format!("saga_id = '{ride}' and step = 'watch_ride' and owner = 0");
    let rests = format!(
        "select count(*) from ballet.call where {watch} and next_at > now() + interval '5 minutes'"
    );
    town.system.until("dispatch", &rests, 1).await;
    for statement in [
        format!(
            "update ride set started_at = started_at - interval '1 day' where ride_id = '{ride}'"
        ),
        format!("update ballet.call set next_at = now() where {watch}"),
    ] {
        town.system.execute("dispatch", &statement).await;
    }
    assert_eq!(ended(town, ride, "released").await.1, 0);
}

async fn an_operator_ends_a_ride_for_a_part_of_its_price(town: &Town) {
    let (ride, driver) = riding(town).await;
    let path = format!("/trips/{ride}/complete");
    let body = |fare: i64| json!({ "driver_id": driver, "fare_minor": fare });
    let by = (driver, "rides:drive");
    let (status, _, answer) = town.signed_in(by, Method::POST, ("dispatch", &path), &body(1)).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "a driver names no fare: {answer}");
    for fare in [-1, 1_000_000] {
        let (status, answer) = town.system.post("dispatch", &path, &body(fare)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    }
    let (status, answer) = town.system.post("dispatch", &path, &body(700)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(ended(town, ride, "paid").await.1, 700);
    // Nothing at all is a cancellation of a ride under way.
    let (ride, driver) = riding(town).await;
    let body = json!({ "driver_id": driver, "fare_minor": 0 });
    let path = format!("/trips/{ride}/complete");
    let (status, answer) = town.system.post("dispatch", &path, &body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(ended(town, ride, "released").await.1, 0);
}

async fn a_ride_goes_only_so_far(town: &Town) {
    let far = json!({
        "rider_id": town.rider().await, "pickup": place(0),
        "destination": { "lat": -52.5, "lon": -166.6 },
    });
    let (status, answer) = town.system.post("dispatch", "/quotes", &far).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{answer}");
    assert_eq!(answer["errors"][0]["pointer"], "#/destination", "{answer}");
}

async fn what_belongs_to_another_does_not_exist(town: &Town) {
    let (ride, driver) = assigned(town, 1).await;
    let (rider, other) = (town.rider().await, town.system.new_id());
    let by_rider = (town.rider().await, "rides:ride");
    for (method, path, body) in [
        (Method::GET, format!("/rides/{ride}"), Value::Null),
        (Method::GET, format!("/rides/{ride}/receipt"), Value::Null),
        (Method::POST, format!("/rides/{ride}/cancel"), json!({})),
        (Method::POST, "/rides".to_owned(), json!({ "quote_id": ride })),
    ] {
        let path = ("dispatch", &*path);
        let (status, _, answer) = town.signed_in(by_rider, method, path, &body).await;
        let is_hidden = [StatusCode::NOT_FOUND, StatusCode::UNPROCESSABLE_ENTITY].contains(&status);
        assert!(is_hidden, "{path:?}: {status} {answer}");
    }
    let journey = json!({ "rider_id": rider, "pickup": place(0), "destination": place(20) });
    let quotes = ("dispatch", "/quotes");
    let (status, _, answer) = town.signed_in(by_rider, Method::POST, quotes, &journey).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{answer}");
    let by_driver = (other, "rides:drive");
    let (start, body) = (format!("/trips/{ride}/start"), json!({ "driver_id": driver }));
    let (status, _, answer) =
        town.signed_in(by_driver, Method::POST, ("dispatch", &start), &body).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{answer}");
    for (method, path, body) in [
        (Method::GET, format!("/drivers/{driver}"), Value::Null),
        (Method::PUT, format!("/drivers/{driver}/position"), place(0)),
        (Method::POST, format!("/drivers/{driver}/offline"), json!({})),
        (Method::POST, format!("/drivers/{driver}/online"), json!({ "seats": 4, "at": place(0) })),
    ] {
        let path = ("location", &*path);
        let (status, _, answer) = town.signed_in(by_driver, method, path, &body).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path:?}: {answer}");
    }
}

async fn a_quote_leads_to_one_ride_and_for_ten_minutes(town: &Town) {
    let (rider, quote) = (town.rider().await, async |rider| town.quote(rider).await);
    let (good, old) = (quote(rider).await, quote(rider).await);
    let ride = town.request_by(&good).await;
    let minutes = "update quote set made_at = made_at - interval '10 minutes',
        valid_until = valid_until - interval '10 minutes'";
    town.system.execute("dispatch", minutes).await;
    assert_eq!(town.request_by(&good).await, ride, "the answer may have been lost");
    let late = json!({ "quote_id": old["quote_id"] });
    let (status, answer) = town.system.post("dispatch", "/rides", &late).await;
    assert_eq!(status, StatusCode::GONE, "{answer}");
    let rides = format!("select count(*) from ride where rider_id = '{rider}'");
    assert_eq!(town.system.value::<i64>("dispatch", &rides).await, 1);
}
