//! The copies of riders, and what the database of location forbids.

use location::config::LocationSettings;

use crate::town::Town;

#[tokio::test]
async fn a_driver_cannot_be_there_for_two_rides_whatever_the_code_does() {
    let town = Town::new("rides_index").await;
    let (ride, drivers) = town.requested(&[1]).await;
    town.asked(ride, drivers[0]).await;
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
