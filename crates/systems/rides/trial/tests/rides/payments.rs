//! The failure paths R13 to R16 of docs/rides/failure-paths.md, and the good one.

use reqwest::StatusCode;
use rides_events::dispatch::{
    CancelReason, DriverWanted, FareCharged, FareReleased, PaymentDeclined, RideCancelled,
};
use rides_events::location::DriverReleased;
use serde_json::json;
use uuid::Uuid;

use crate::town::Town;

/// Whether a call of this ride has failed.
fn tried(ride: Uuid) -> String {
    format!("select count(*) > 0 from ballet.call where saga_id = '{ride}' and attempts > 0")
}

#[tokio::test]
async fn rides_are_paid_once_or_released_or_owed() {
    let town = Town::new("rides_paid").await;
    a_ride_that_is_driven_is_charged_once_what_the_rider_was_told(&town).await;
    r6_a_late_cancellation_is_charged_what_the_tariff_says(&town).await;
    r13_a_card_that_is_declined_gets_no_ride(&town).await;
    r14_the_card_processor_is_away_and_rides_wait_for_it(&town).await;
    r15_a_ride_that_is_cancelled_while_its_price_is_being_held_is_released(&town).await;
    r16_what_the_card_processor_gives_no_more_is_owed(&town).await;
    town.close().await;
}

async fn a_ride_that_is_driven_is_charged_once_what_the_rider_was_told(town: &Town) {
    // Of each operation the first request is lost, and then the first answer.
    let (rider, driver) = town.rider_and_driver("card_flaky").await;
    let ride = town.request(rider).await;
    town.until_asked(ride, driver).await;
    town.until_payment(ride, "held").await;
    town.drive(ride, driver).await;
    let charged: FareCharged = town.system.event(ride).await;
    let receipt = town.receipt(ride).await;
    let price = &receipt["quoted"]["amount_minor"];
    assert_eq!((&json!(charged.paid.amount_minor), charged.owed.amount_minor), (price, 0));
    assert_eq!(
        (&receipt["payment"]["state"], &receipt["payment"]["paid"]["amount_minor"]),
        (&json!("paid"), price)
    );
    assert_eq!(town.at_the_bank(ride).await, format!("approved {price}, captured {price}"));
}

async fn r6_a_late_cancellation_is_charged_what_the_tariff_says(town: &Town) {
    let (ride, drivers) = town.request_with_drivers(&[1]).await;
    town.until_asked(ride, drivers[0]).await;
    town.accept(ride, drivers[0]).await;
    let minutes = format!(
        "update ride set assigned_at = assigned_at - interval '3 minutes' where ride_id = '{ride}'"
    );
    town.system.execute("dispatch", &minutes).await;
    assert_eq!(town.cancel(ride).await, StatusCode::ACCEPTED);
    let cancelled: RideCancelled = town.system.event(ride).await;
    assert_eq!(cancelled.fee.map(|fee| fee.amount_minor), Some(450));
    let released: FareReleased = town.system.event(ride).await;
    assert_eq!((released.paid.amount_minor, released.owed.amount_minor), (450, 0));
    let receipt = town.receipt(ride).await;
    assert_eq!(receipt["charged"]["amount_minor"], 450);
    assert_eq!(receipt["payment"]["paid"]["amount_minor"], 450);
    let price = &receipt["quoted"]["amount_minor"];
    assert_eq!(town.at_the_bank(ride).await, format!("approved {price}, captured 450"));
}

async fn r13_a_card_that_is_declined_gets_no_ride(town: &Town) {
    let (rider, driver) = town.rider_and_driver("card_declined").await;
    let ride = town.request(rider).await;
    town.until_cancelled(ride, "payment_declined").await;
    let declined: PaymentDeclined = town.system.event(ride).await;
    assert_eq!(declined.reason, "card_declined");
    assert_eq!(town.system.events::<DriverWanted>(ride).await, []);
    town.until_driver(driver, "free").await;
    let receipt = town.receipt(ride).await;
    assert_eq!(receipt["charged"]["amount_minor"], 0);
    assert!(receipt["payment"].is_null(), "a refusal leaves no rows: {receipt}");
}

async fn r14_the_card_processor_is_away_and_rides_wait_for_it(town: &Town) {
    let (rider, driver) = town.rider_and_driver("card_approved").await;
    town.bank.is_away(true);
    let ride = town.request(rider).await;
    town.system.until("dispatch", &tried(ride), true).await;
    town.until(ride, "requested").await;
    town.bank.is_away(false);
    town.until_asked(ride, driver).await;
    town.bank.is_away(true);
    town.drive(ride, driver).await;
    // The driver is free for others before the rider has paid.
    town.until_driver(driver, "free").await;
    town.system.event::<DriverReleased>(ride).await;
    assert_eq!(town.receipt(ride).await["payment"]["state"], "held");
    town.bank.is_away(false);
    town.until_payment(ride, "paid").await;
}

async fn r15_a_ride_that_is_cancelled_while_its_price_is_being_held_is_released(town: &Town) {
    town.bank.is_away(true);
    let ride = town.request(town.rider().await).await;
    town.system.until("dispatch", &tried(ride), true).await;
    assert_eq!(town.cancel(ride).await, StatusCode::ACCEPTED);
    let cancelled: RideCancelled = town.system.event(ride).await;
    assert_eq!(cancelled.reason, CancelReason::RiderCancelled);
    town.bank.is_away(false);
    town.until_payment(ride, "released").await;
    assert_eq!(town.system.events::<DriverWanted>(ride).await, []);
}

async fn r16_what_the_card_processor_gives_no_more_is_owed(town: &Town) {
    let (rider, driver) = town.rider_and_driver("card_capture_fails").await;
    let ride = town.request(rider).await;
    town.until_asked(ride, driver).await;
    town.drive(ride, driver).await;
    let charged: FareCharged = town.system.event(ride).await;
    let receipt = town.receipt(ride).await;
    let price = &receipt["quoted"]["amount_minor"];
    assert_eq!((charged.paid.amount_minor, &json!(charged.owed.amount_minor)), (0, price));
    assert_eq!(receipt["payment"]["reason"], "capture_refused");
}
