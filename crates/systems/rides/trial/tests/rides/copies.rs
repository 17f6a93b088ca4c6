//! The copies of riders, and the constraints of the databases.

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
