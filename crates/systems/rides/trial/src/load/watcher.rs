//! Checks that no driver is in two live offers or rides, within one service or between both.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use ballet_trials::Site;
use serde::Deserialize;
use uuid::Uuid;

use crate::load::public_lists::{LiveOffer, PublicLists};

const PAUSE: Duration = Duration::from_millis(150);
/// It keeps within the gateway's rate limit of one client.
const GATEWAY_PAUSE: Duration = Duration::from_millis(400);

/// A driver who is reserved or drives, as location lists it.
#[derive(Debug, Deserialize)]
struct BusyDriver {
    driver_id: Uuid,
    ride_id: Option<Uuid>,
}

/// Fails when a driver is in two rides.
pub(crate) async fn watch(site: &Site, until: Instant) -> Result<()> {
    let lists = PublicLists::of(site).await?;
    let mut reserved = location(&lists).await.ok();
    while Instant::now() < until {
        if let Ok((live, _)) = lists.live().await {
            let by_driver = rides_by_driver(&live)?;
            // A driver with the same ride before and after that look had no other in between.
            let after = location(&lists).await.ok();
            if let (Some(before), Some(after)) = (&reserved, &after) {
                check_same_ride(before, &by_driver, after)?;
            }
            reserved = after;
        }
        tokio::time::sleep(if site.gateway().is_some() { GATEWAY_PAUSE } else { PAUSE }).await;
    }
    Ok(())
}

/// Returns rides by driver. One statement reads the offers, so two of one driver were live at once.
fn rides_by_driver(live: &[LiveOffer]) -> Result<HashMap<Uuid, Uuid>> {
    let mut by_driver = HashMap::new();
    for LiveOffer { ride_id, driver_id, .. } in live {
        if let Some(other) = by_driver.insert(*driver_id, *ride_id) {
            bail!("driver {driver_id} is in two live offers: of {other} and of {ride_id}");
        }
    }
    Ok(by_driver)
}

/// Fails if the offer was of another ride than location's throughout. A ride reserves a driver once, so a driver with
/// the same ride before and after had it all the time.
fn check_same_ride(
    before: &HashMap<Uuid, Uuid>,
    offered: &HashMap<Uuid, Uuid>,
    after: &HashMap<Uuid, Uuid>,
) -> Result<()> {
    for (driver, ride) in offered {
        if let (Some(was), Some(is)) = (before.get(driver), after.get(driver))
            && was == is
            && is != ride
        {
            bail!("driver {driver} is there for {is}, and has a live offer of {ride}");
        }
    }
    Ok(())
}

async fn location(lists: &PublicLists<'_>) -> Result<HashMap<Uuid, Uuid>> {
    let mut rides = HashMap::new();
    for state in ["reserved", "riding"] {
        let path = format!("/drivers?state={state}&limit=1000");
        for BusyDriver { driver_id, ride_id } in lists.all("location", &path).await?.0 {
            rides.extend(ride_id.map(|ride| (driver_id, ride)));
        }
    }
    Ok(rides)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn live(ride: u128, driver: u128) -> LiveOffer {
        LiveOffer { ride_id: id(ride), driver_id: id(driver), state: "open".to_owned() }
    }

    #[test]
    fn a_driver_in_two_is_seen() {
        assert_eq!(rides_by_driver(&[live(1, 7), live(2, 8)]).expect("two drivers").len(), 2);
        rides_by_driver(&[live(1, 7), live(2, 7)]).expect_err("one driver");
        let rides = |ride| HashMap::from([(id(7), id(ride))]);
        check_same_ride(&rides(1), &rides(1), &rides(1)).expect("the same ride");
        check_same_ride(&rides(1), &rides(2), &rides(2)).expect("the next ride began meanwhile");
        check_same_ride(&rides(2), &rides(1), &rides(2)).expect_err("two rides at one moment");
    }
}
