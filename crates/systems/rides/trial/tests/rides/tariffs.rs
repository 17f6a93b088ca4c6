//! The tariff is data with versions.

use reqwest::StatusCode;
use rides_events::dispatch::{FareCharged, FareReleased};
use serde_json::json;

use crate::town::{Town, patient};

/// Three times as expensive, from now on.
const DEARER: &str = "insert into tariff
     (version, valid_from, currency, base_minor, kilometer_minor, minute_minor, least_minor,
      free_minutes, late_minor)
 select 2, now(), currency, base_minor * 3, kilometer_minor * 3, minute_minor * 3, least_minor * 3,
     0, late_minor * 3
 from tariff where version = 1";

#[tokio::test]
async fn a_tariff_is_data_with_versions() {
    let mut town = Town::new("rides_tariff").await;
    a_ride_costs_what_the_tariff_said_by_which_it_was_quoted(&town).await;
    no_tariff_takes_more_for_a_cancellation_than_is_held(&town).await;
    a_quote_by_which_nobody_rode_is_forgotten_after_a_day(&mut town).await;
    town.close().await;
}

async fn a_ride_costs_what_the_tariff_said_by_which_it_was_quoted(town: &Town) {
    let (rider, driver) = (town.rider().await, town.driver(1).await);
    let quote = town.quote(rider).await;
    town.system.execute("dispatch", DEARER).await;
    let ride = town.request_by(&quote).await;
    town.until_asked(ride, driver).await;
    town.drive(ride, driver).await;
    let charged: FareCharged = town.system.event(ride).await;
    assert_eq!(json!(charged.paid), quote["price"]);
    let receipt = town.receipt(ride).await;
    assert_eq!((&receipt["charged"], &receipt["tariff"]), (&quote["price"], &json!(1)));
    town.until_driver(driver, "free").await;

    // The next ride and its cancellation follow the new version, without a free minute.
    let quote = town.quote(rider).await;
    assert_eq!(quote["tariff"], 2);
    assert!(quote["price"]["amount_minor"].as_i64() > receipt["charged"]["amount_minor"].as_i64());
    let ride = town.request_by(&quote).await;
    town.until_asked(ride, driver).await;
    town.accept(ride, driver).await;
    let seconds = "update ride set assigned_at = assigned_at - interval '2 seconds'";
    town.system.execute("dispatch", seconds).await;
    assert_eq!(town.cancel(ride).await, StatusCode::ACCEPTED);
    let released: FareReleased = town.system.event(ride).await;
    assert_eq!(released.paid.amount_minor, 3 * 450);
}

async fn a_quote_by_which_nobody_rode_is_forgotten_after_a_day(town: &mut Town) {
    let rider = town.rider().await;
    let ride = town.request(rider).await;
    town.quote(rider).await;
    let day = "update quote set made_at = made_at - interval '25 hours'";
    town.system.execute("dispatch", day).await;
    let young = town.quote(rider).await;
    town.system.stop("dispatch").await;
    town.start_dispatch(patient()).await;
    let quotes = format!("select count(*) from quote where rider_id = '{rider}'");
    town.system.until("dispatch", &quotes, 2).await;
    let kept =
        format!("select count(*) from quote where quote_id in ('{ride}', {})", young["quote_id"]);
    let kept = town.system.value::<i64>("dispatch", &kept.replace('"', "'")).await;
    assert_eq!(kept, 2);
}

async fn no_tariff_takes_more_for_a_cancellation_than_is_held(town: &Town) {
    let wrong = format!(
        "do $$ begin
             {};
             raise exception 'a cancellation costs more than a ride';
         exception when check_violation then null;
         end $$",
        DEARER.replace("select 2,", "select 3,").replace("late_minor * 3", "least_minor * 3 + 1")
    );
    town.system.execute("dispatch", &wrong).await;
}
