//! The copies of riders, and the constraints of the databases.

use ballet_ops::audit::Report;
use jiff::SignedDuration;
use location::config::LocationSettings;
use reqwest::StatusCode;
use rides::audit::audit_beside;

use crate::town::Town;

#[tokio::test]
async fn a_driver_cannot_be_there_for_two_rides_whatever_the_code_does() {
    let town = Town::new("rides_index").await;
    let (ride, drivers) = town.request_with_drivers(&[1]).await;
    town.until_asked(ride, drivers[0]).await;
    let (driver, other) = (drivers[0], town.system.new_id());
    let twice = format!(
        "do $$ begin
             insert into work (ride_id, attempt, driver_id, state, reserved_at)
             values ('{other}', 1, '{driver}', 'reserved', now());
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
    town.close().await;
}

#[tokio::test]
async fn a_driver_who_was_there_for_two_rides_is_found_when_both_are_over() {
    let town = Town::new("rides_history").await;
    let (ride, drivers) = town.request_with_drivers(&[1]).await;
    town.until_asked(ride, drivers[0]).await;
    // As if the database did not forbid it.
    let (driver, other) = (drivers[0], town.system.new_id());
    for statement in [
        "drop index work_live_driver".to_owned(),
        format!(
            "insert into work (ride_id, attempt, driver_id, state, reserved_at)
             values ('{other}', 1, '{driver}', 'reserved', now())"
        ),
        format!("update work set state = 'cancelled', ended_at = now() where ride_id = '{other}'"),
    ] {
        town.system.execute("location", &statement).await;
    }
    assert_eq!(town.cancel(ride).await, StatusCode::ACCEPTED);
    let live = "select count(*) from work where ended_at is null";
    town.system.until("location", live, 0).await;
    let url = |name: &str| (name.to_owned(), town.system.env.database_url(name).to_owned());
    let databases = ["dispatch", "location"].map(url).into();
    let audited = audit_beside(&Report::default(), &databases, SignedDuration::from_hours(1)).await;
    let found = audited.expect("rows").violations;
    let of_both = |line: &&String| line.contains(&driver.to_string()) && line.contains("at once");
    assert_eq!(found.iter().filter(of_both).count(), 1, "{found:?}");
    town.close().await;
}

#[tokio::test]
async fn a_service_that_lost_its_copy_fills_it_from_the_source() {
    let town = Town::new("rides_copy").await;
    for _ in 0..3 {
        town.rider().await;
    }
    let mut town = town;
    for service in ["dispatch", "location"] {
        town.system.stop(service).await;
        let lost = "truncate ballet.copy, ballet.copy_fill";
        town.system.execute(service, lost).await;
    }
    town.system.start(location::service(LocationSettings::default())).await;
    town.start_dispatch(crate::town::patient()).await;
    for service in ["dispatch", "location"] {
        town.system.until(service, "select count(*) from ballet.copy", 3).await;
    }
    town.close().await;
}
