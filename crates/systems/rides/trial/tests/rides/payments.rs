//! The payment of rides: the failure paths R13 to R16, and the good one. docs/rides/failure-paths.md describes them.

use reqwest::StatusCode;
use rides_events::dispatch::{
    CancelReason, DriverWanted, FareCharged, FareReleased, PaymentDeclined, RideCancelled,
};
use rides_events::location::DriverReleased;
use serde_json::json;

use crate::town::Town;

#[tokio::test]
async fn a_ride_that_is_driven_is_charged_once_what_the_rider_was_told() {
    let town = Town::new("rides_paid").await;
    // Of each operation the first request is lost on the way, and then the first answer.
    let (rider, driver) = (town.rider_with("card_flaky").await, town.driver(1).await);
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
    town.close().await;
}

#[tokio::test]
async fn r6_a_late_cancellation_is_charged_what_the_tariff_says() {
    let town = Town::new("rides_fee").await;
    let (ride, drivers) = town.request_with_drivers(&[1]).await;
    town.until_asked(ride, drivers[0]).await;
    town.accept(ride, drivers[0]).await;
    let minutes = "update ride set assigned_at = assigned_at - interval '3 minutes'";
    town.system.execute("dispatch", minutes).await;
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
    town.close().await;
}

#[tokio::test]
async fn r13_a_card_that_is_declined_gets_no_ride() {
    let town = Town::new("rides_r13").await;
    let (rider, driver) = (town.rider_with("card_declined").await, town.driver(1).await);
    let ride = town.request(rider).await;
    town.until_cancelled(ride, "payment_declined").await;
    let declined: PaymentDeclined = town.system.event(ride).await;
    assert_eq!(declined.reason, "card_declined");
    assert_eq!(town.system.events::<DriverWanted>(ride).await, []);
    town.until_driver(driver, "free").await;
    let receipt = town.receipt(ride).await;
    assert_eq!(receipt["charged"]["amount_minor"], 0);
    assert!(receipt["payment"].is_null(), "a refusal leaves no rows: {receipt}");
    town.close().await;
}

#[tokio::test]
async fn r14_the_card_processor_is_away_and_rides_wait_for_it() {
    let town = Town::new("rides_r14").await;
    let (rider, driver) = (town.rider().await, town.driver(1).await);
    town.bank.is_away(true);
    let ride = town.request(rider).await;
    let tried = "select count(*) > 0 from ballet.call where attempts > 0";
    town.system.until("dispatch", tried, true).await;
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
    town.close().await;
}

#[tokio::test]
async fn r15_a_ride_that_is_cancelled_while_its_price_is_being_held_is_released() {
    let town = Town::new("rides_r15").await;
    let rider = town.rider().await;
    town.bank.is_away(true);
    let ride = town.request(rider).await;
    let tried = "select count(*) > 0 from ballet.call where attempts > 0";
    town.system.until("dispatch", tried, true).await;
    assert_eq!(town.cancel(ride).await, StatusCode::ACCEPTED);
    let cancelled: RideCancelled = town.system.event(ride).await;
    assert_eq!(cancelled.reason, CancelReason::RiderCancelled);
    town.bank.is_away(false);
    town.until_payment(ride, "released").await;
    assert_eq!(town.system.events::<DriverWanted>(ride).await, []);
    town.close().await;
}

#[tokio::test]
async fn r16_what_the_card_processor_gives_no_more_is_owed() {
    let town = Town::new("rides_r16").await;
    let (rider, driver) = (town.rider_with("card_capture_fails").await, town.driver(1).await);
    let ride = town.request(rider).await;
    town.until_asked(ride, driver).await;
    town.drive(ride, driver).await;
    let charged: FareCharged = town.system.event(ride).await;
    let receipt = town.receipt(ride).await;
    let price = &receipt["quoted"]["amount_minor"];
    assert_eq!((charged.paid.amount_minor, &json!(charged.owed.amount_minor)), (0, price));
    assert_eq!(receipt["payment"]["reason"], "capture_refused");
    town.close().await;
}
