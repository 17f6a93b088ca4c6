//! The town's riders: they order and wait; some cancel.

use std::time::Duration;

use anyhow::Result;
use ballet_trials::{BegunSaga, Dice, End, unless_away};
use serde_json::json;
use uuid::Uuid;

use crate::load::client::RidesClient;
use crate::load::town::life::{Resident, SharedTown};
use crate::load::town::plan::{CORNERS, corner};
use crate::load::town::snapshot::ListedRide;

/// In meters.
const SHORTEST: f64 = 700.0;
const LONGEST: f64 = 1_800.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RiderIntent {
    Waits,
    CancelsSoon,
    CancelsWhenAssigned,
}

/// One after the other, until this future is dropped.
pub(crate) async fn ride(town: &SharedTown, number: usize, person: Resident) -> Result<()> {
    let mut dice = Dice::new(2, u64::try_from(number).unwrap_or_default());
    let client = RidesClient::new(&town.site, number).with(person.token.as_deref());
    let rider = client.rider().await?;
    loop {
        tokio::time::sleep(dice.millis(500, 12_000)).await;
        let mut calm = town.calm.clone();
        calm.wait_for(|calm| !calm).await?;
        // After minutes without an answer, the rider orders another ride.
        unless_away(order(town, client, rider, &mut dice).await)?;
    }
}

async fn order(
    town: &SharedTown,
    client: RidesClient<'_>,
    rider: Uuid,
    dice: &mut Dice,
) -> Result<()> {
    let from = corner(dice.below(CORNERS));
    let to = loop {
        let to = corner(dice.below(CORNERS));
        if (SHORTEST..LONGEST).contains(&from.to(to)) {
            break to;
        }
    };
    let ride = client.request_from(rider, json!(from.on_earth()), json!(to.on_earth())).await?;
    let intent = match dice.below(100) {
        0..6 => RiderIntent::CancelsSoon,
        6..12 => RiderIntent::CancelsWhenAssigned,
        _ => RiderIntent::Waits,
    };
    if intent == RiderIntent::CancelsSoon {
        tokio::time::sleep(dice.millis(300, 3_000)).await;
        client.cancel(ride).await?;
    }
    let mut seen = town.seen.clone();
    let mut cancelled = false;
    let end = loop {
        seen.changed().await?;
        let listed = seen.borrow_and_update().rides.get(&ride).cloned();
        // The list leaves out ended rides, and those of a moment ago.
        let listed: ListedRide = match listed {
            Some(listed) => listed,
            None => serde_json::from_value(client.read(ride).await?)?,
        };
        break match (&*listed.status, &listed.reason) {
            ("completed", _) => End::Completed,
            ("cancelled", Some(reason)) => End::aborted(reason),
            ("assigned", _) if intent == RiderIntent::CancelsWhenAssigned && !cancelled => {
                tokio::time::sleep(Duration::from_secs(2)).await;
                client.cancel(ride).await?;
                cancelled = true;
                continue;
            }
            _ => continue,
        };
    };
    let what = match intent {
        RiderIntent::Waits => "in town",
        RiderIntent::CancelsSoon => "in town, cancelled at once",
        RiderIntent::CancelsWhenAssigned => "in town, cancelled with the driver on the way",
    };
    town.site.began(what, BegunSaga { saga: ride, end });
    Ok(())
}
