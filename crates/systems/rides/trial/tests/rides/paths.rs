//! The failure paths R1 to R12 of docs/rides/failure-paths.md, and the good one; R13 to R16 are in `payments`.

use ballet_stage::Method;
use dispatch::config::DispatchSettings;
use location::Location;
use location::config::LocationSettings;
use reqwest::StatusCode;
use rides_events::dispatch::{
    CancelReason, FareReleased, OfferAccepted, OfferEnded, OfferWithdrawn, RideCancelled,
    RideCompleted, RiderPickedUp,
};
use rides_events::location::{DriverReleased, NoDriverNearby, ReservationCancelled};
use rides_events::{DriverId, RideId};
use serde_json::json;
use uuid::Uuid;

use crate::town::{Town, patient};

#[tokio::test]
async fn rides_end_as_they_must() {
    let mut town = Town::new("rides_paths").await;
    r4_two_riders_and_one_driver(&town).await;
    a_ride_is_driven_for_the_price_that_was_quoted(&town).await;
    r1_nobody_is_near(&town).await;
    r2_all_decline(&town).await;
    r5_a_driver_who_goes_offline_while_reserved(&town).await;
    r5_a_driver_who_goes_offline_on_the_way_is_so_after_the_ride(&town).await;
    r6_a_rider_cancels_in_every_state(&town).await;
    r7_a_cancellation_races_the_acceptance(&town).await;
    r10_a_riders_data_change_in_mid_ride(&town).await;
    r11_a_drivers_clock_decides_nothing(&town).await;
    an_abort_when_the_rider_is_in_the_car_comes_too_late(&town).await;
    r12_a_drivers_positions_stop(&mut town).await;
    town.close().await;
}

async fn a_ride_is_driven_for_the_price_that_was_quoted(town: &Town) {
    let (ride, drivers) = town.request_with_drivers(&[3, 1]).await;
    let driver = drivers[1];
    town.until_asked(ride, driver).await;
    town.until_driver(driver, "reserved").await;
    // As after a restore of dispatch: what it has published comes before it says so again.
    let (ride_id, driver_id) = (RideId(ride), DriverId(driver));
    town.system.publish(ride, &OfferAccepted { ride_id, attempt: 1, driver_id }).await;
    town.system.publish(ride, &RiderPickedUp { ride_id, driver_id }).await;
    town.until_early("dispatch", ride, 2).await;
    town.accept(ride, driver).await;
    town.act(ride, driver, "start").await;
    town.until_driver(driver, "riding").await;
    assert_eq!(town.offline(driver).await.0, StatusCode::CONFLICT, "a rider is in the car");
    town.act(ride, driver, "complete").await;
    town.until_driver(driver, "free").await;
    let completed: RideCompleted = town.system.event(ride).await;
    let receipt = town.receipt(ride).await;
    assert_eq!(receipt["charged"], receipt["quoted"]);
    assert_eq!(receipt["charged"]["amount_minor"], json!(completed.fare.amount_minor));
    town.system.event::<DriverReleased>(ride).await;
}

async fn r1_nobody_is_near(town: &Town) {
    let (ride, _) = town.request_with_drivers(&[]).await;
    town.until_cancelled(ride, "no_driver_nearby").await;
    let released: FareReleased = town.system.event(ride).await;
    assert_eq!((released.paid.amount_minor, released.owed.amount_minor), (0, 0));
    let receipt = town.receipt(ride).await;
    assert_eq!(receipt["charged"]["amount_minor"], 0);
    let price = &receipt["quoted"]["amount_minor"];
    assert_eq!(town.at_the_bank(ride).await, format!("approved {price}, voided {price}"));
}

async fn r2_all_decline(town: &Town) {
    let (ride, drivers) = town.request_with_drivers(&[1, 2]).await;
    for driver in &drivers {
        town.until_asked(ride, *driver).await;
        town.act(ride, *driver, "decline").await;
    }
    town.until_cancelled(ride, "unfulfilled").await;
    // The fare was held first, so it is released last.
    town.system.event::<FareReleased>(ride).await;
    assert_eq!(town.system.events::<OfferWithdrawn>(ride).await, []);
}

#[tokio::test]
async fn r3_an_offer_that_expires_is_not_accepted_and_the_next_driver_drives() {
    let settings = DispatchSettings { offer_seconds: 5, offers_per_ride: 2, ..patient() };
    let mut town = Town::with("rides_r3", settings).await;
    let (ride, drivers) = town.request_with_drivers(&[1, 2]).await;
    town.until_asked(ride, drivers[0]).await;
    town.until_asked(ride, drivers[1]).await;
    assert_eq!(town.try_action(ride, drivers[0], "accept").await.0, StatusCode::CONFLICT);
    town.until_driver(drivers[0], "free").await;
    town.drive(ride, drivers[1]).await;
    town.until_driver(drivers[1], "free").await;
    town.driver(3).await;
    let ride = town.request(town.rider().await).await;
    for driver in drivers {
        town.until_asked(ride, driver).await;
        town.act(ride, driver, "decline").await;
    }
    town.until_cancelled(ride, "unfulfilled").await;
    let asked = format!("select count(*) from offer where ride_id = '{ride}'");
    assert_eq!(town.system.value::<i64>("dispatch", &asked).await, 2);
    r9_dispatch_is_down_with_an_offer_out(&mut town).await;
    town.close().await;
}

async fn r4_two_riders_and_one_driver(town: &Town) {
    let (one, driver) = town.rider_and_driver("card_approved").await;
    let other = town.rider().await;
    let (one, other) = tokio::join!(town.request(one), town.request(other));
    town.system.until("dispatch", "select count(*) from ride where status = 'cancelled'", 1).await;
    let driven = "select ride_id from offer where state = 'open'";
    let driven: Uuid = town.system.value("dispatch", driven).await;
    assert!([one, other].contains(&driven));
    town.drive(driven, driver).await;
}

async fn r5_a_driver_who_goes_offline_while_reserved(town: &Town) {
    let (ride, drivers) = town.request_with_drivers(&[1, 2]).await;
    town.until_asked(ride, drivers[0]).await;
    let (status, driver) = town.offline(drivers[0]).await;
    assert_eq!((status, &driver["is_leaving"]), (StatusCode::OK, &json!(true)));
    town.until_asked(ride, drivers[1]).await;
    town.until_driver(drivers[0], "offline").await;
    town.drive(ride, drivers[1]).await;
}

async fn r5_a_driver_who_goes_offline_on_the_way_is_so_after_the_ride(town: &Town) {
    let (ride, drivers) = town.request_with_drivers(&[1]).await;
    town.until_asked(ride, drivers[0]).await;
    town.accept(ride, drivers[0]).await;
    assert_eq!(town.offline(drivers[0]).await.0, StatusCode::OK);
    town.act(ride, drivers[0], "start").await;
    town.until_driver(drivers[0], "riding").await;
    town.act(ride, drivers[0], "complete").await;
    town.until_driver(drivers[0], "offline").await;
}

async fn r6_a_rider_cancels_in_every_state(town: &Town) {
    for state in ["searching", "offered", "assigned"] {
        let (ride, drivers) = town.request_with_drivers(&[1]).await;
        if state != "searching" {
            town.until_asked(ride, drivers[0]).await;
        }
        if state == "assigned" {
            town.accept(ride, drivers[0]).await;
        }
        assert_eq!(town.cancel(ride).await, StatusCode::ACCEPTED, "{state}");
        assert_eq!(town.cancel(ride).await, StatusCode::OK, "{state}, again");
        let (status, _) = town.try_action(ride, drivers[0], "accept").await;
        assert!(status.is_client_error(), "{state}: {status}");
        town.until_driver(drivers[0], "free").await;
        assert_eq!(town.receipt(ride).await["charged"]["amount_minor"], 0, "{state}");
    }
    let (ride, drivers) = town.request_with_drivers(&[1]).await;
    town.until_asked(ride, drivers[0]).await;
    town.accept(ride, drivers[0]).await;
    town.act(ride, drivers[0], "start").await;
    assert_eq!(town.cancel(ride).await, StatusCode::CONFLICT, "the rider is in the car");
    town.act(ride, drivers[0], "complete").await;
    town.until(ride, "completed").await;
    assert_eq!(town.cancel(ride).await, StatusCode::CONFLICT, "the ride is over");
}

async fn r7_a_cancellation_races_the_acceptance(town: &Town) {
    for _ in 0..3 {
        let (ride, drivers) = town.request_with_drivers(&[1]).await;
        town.until_asked(ride, drivers[0]).await;
        let ((accepted, _), cancelled) =
            tokio::join!(town.try_action(ride, drivers[0], "accept"), town.cancel(ride));
        assert_eq!(cancelled, StatusCode::ACCEPTED);
        assert!(accepted.is_success() || accepted == StatusCode::CONFLICT, "{accepted}");
        town.until_driver(drivers[0], "free").await;
        let live =
            format!("select count(*) from offer where ride_id = '{ride}' and ended_at is null");
        town.system.until("dispatch", &live, 0).await;
    }
}

#[tokio::test]
async fn r8_location_is_down_and_the_ride_waits_or_its_deadline_passes() {
    let mut town = Town::new("rides_r8").await;
    let (rider, driver) = town.rider_and_driver("card_approved").await;
    town.system.stop("location").await;
    let ride = town.request(rider).await;
    town.until(ride, "searching").await;
    town.system.start(Location::new(LocationSettings::default()).service()).await;
    town.until_asked(ride, driver).await;
    town.drive(ride, driver).await;

    town.system.stop("dispatch").await;
    town.start_dispatch(DispatchSettings { ride_deadline_seconds: 2, ..patient() }).await;
    let (rider, driver) = town.rider_and_driver("card_approved").await;
    town.system.stop("location").await;
    let ride = town.request(rider).await;
    let cancelled: RideCancelled = town.system.event(ride).await;
    assert_eq!(cancelled.reason, CancelReason::DeadlinePassed);
    // Whether the search comes before or after the abort, in the end the driver is reserved for nobody.
    town.system.start(Location::new(LocationSettings::default()).service()).await;
    town.until_driver(driver, "free").await;
    town.system.until("location", "select count(*) from work where ended_at is null", 0).await;
    town.close().await;
}

async fn r9_dispatch_is_down_with_an_offer_out(town: &mut Town) {
    let (ride, drivers) = town.request_with_drivers(&[1, 2]).await;
    town.until_asked(ride, drivers[0]).await;
    town.system.stop("dispatch").await;
    town.until_driver(drivers[0], "reserved").await;
    town.start_dispatch(patient()).await;
    let ended: OfferEnded = town.system.event(ride).await;
    assert_eq!(ended.driver_id.0, drivers[0]);
    town.until_asked(ride, drivers[1]).await;
    town.system.event::<ReservationCancelled>(ride).await;
    town.drive(ride, drivers[1]).await;
}

async fn r10_a_riders_data_change_in_mid_ride(town: &Town) {
    let (rider, driver) = town.rider_and_driver("card_approved").await;
    let ride = town.request(rider).await;
    town.until_asked(ride, driver).await;
    town.accept(ride, driver).await;
    let mut about = json!({ "name": "Grace", "payment_token": "card_flaky", "needs": "large" });
    let path = format!("/riders/{rider}");
    let (status, changed) = town.system.request(Method::PUT, "riders", &path, Some(&about)).await;
    assert_eq!((status, &changed["version"]), (StatusCode::OK, &json!(2)));
    let copied = format!("select version from ballet.copy where id = '{rider}'");
    town.system.until("dispatch", &copied, 2).await;
    let (_, trip) = town.system.get("dispatch", &format!("/trips/{ride}")).await;
    assert_eq!(trip["rider_name"], "Grace");
    town.act(ride, driver, "start").await;
    town.act(ride, driver, "complete").await;
    town.until(ride, "completed").await;
    let receipt = town.receipt(ride).await;
    assert_eq!(receipt["charged"], receipt["quoted"]);
    town.system.until("location", &copied, 2).await;
    town.until_driver(driver, "free").await;
    let ride = town.request(rider).await;
    town.until_cancelled(ride, "no_driver_nearby").await;
    let (_, off) = town.offline(driver).await;
    let on = town.online(driver, 5, 1).await;
    assert!(on["version"].as_i64() > off["version"].as_i64(), "{on}");
    // The copies are being filled again.
    let forgets = format!("delete from ballet.copy where id = '{rider}'");
    town.system.execute("location", &forgets).await;
    let ride = town.request(rider).await;
    town.until_early("location", ride, 1).await;
    about["name"] = json!("Hopper");
    town.system.request(Method::PUT, "riders", &path, Some(&about)).await;
    town.until_asked(ride, driver).await;
    town.drive(ride, driver).await;
    town.until_driver(driver, "free").await;
    let quote = town.quote(rider).await;
    town.system.execute("dispatch", &forgets).await;
    let ride = town.request_by(&quote).await;
    about["name"] = json!("Ada");
    town.system.request(Method::PUT, "riders", &path, Some(&about)).await;
    town.until_asked(ride, driver).await;
    town.drive(ride, driver).await;
}

async fn r11_a_drivers_clock_decides_nothing(town: &Town) {
    let (rider, driver) = town.rider_and_driver("card_approved").await;
    let path = format!("/drivers/{driver}/position");
    // There is no field for a device's time.
    for (at, expected) in [
        (json!({ "lat": 52.501, "lon": 13.4, "at": "1999-01-01T00:00:00Z" }), 422),
        (json!({ "lat": 52.501, "lon": 13.4 }), 204),
    ] {
        let (status, _) = town.system.request(Method::PUT, "location", &path, Some(&at)).await;
        assert_eq!(status, expected);
    }
    // The position reaches the index through the stream, with location's time.
    town.until_near("the driver was moved", |near| {
        near.iter().any(|one| one["driver_id"] == driver.to_string() && one["at"]["lat"] == 52.501)
    })
    .await;
    let ride = town.request(rider).await;
    town.until_asked(ride, driver).await;
    assert_eq!(town.cancel(ride).await, StatusCode::ACCEPTED);
}

async fn an_abort_when_the_rider_is_in_the_car_comes_too_late(town: &Town) {
    let (ride, drivers) = town.request_with_drivers(&[1]).await;
    town.until_asked(ride, drivers[0]).await;
    town.accept(ride, drivers[0]).await;
    // As after the driver has said so, and before that is decided.
    let picked_up = format!("update ride set status = 'picked_up' where ride_id = '{ride}'");
    town.system.execute("dispatch", &picked_up).await;
    town.system.publish(ride, &NoDriverNearby { ride_id: RideId(ride), attempt: 2 }).await;
    let picked_up = RiderPickedUp { ride_id: RideId(ride), driver_id: DriverId(drivers[0]) };
    town.system.publish(ride, &picked_up).await;
    town.until_driver(drivers[0], "riding").await;
    town.act(ride, drivers[0], "complete").await;
    town.until(ride, "completed").await;
}

async fn r12_a_drivers_positions_stop(town: &mut Town) {
    let (ride, drivers) = town.request_with_drivers(&[1]).await;
    town.until_asked(ride, drivers[0]).await;
    town.accept(ride, drivers[0]).await;
    town.act(ride, drivers[0], "start").await;
    town.act(ride, drivers[0], "complete").await;
    town.until(ride, "completed").await;
    town.until_driver(drivers[0], "free").await;
    // The driver's last position is too old for this replica.
    town.system.stop("location").await;
    let location = Location::new(LocationSettings { driver_silence_seconds: 1 });
    town.system.start(location.service()).await;
    // An index that has read nothing yet finds nobody, too.
    let silent = format!(
        "select changed_at < now() - interval '1 second' from driver where driver_id = '{}'",
        drivers[0]
    );
    town.system.until("location", &silent, true).await;
    town.until_near("nobody is near", <[_]>::is_empty).await;
    let ride = town.request(town.rider().await).await;
    town.until_cancelled(ride, "no_driver_nearby").await;
}
