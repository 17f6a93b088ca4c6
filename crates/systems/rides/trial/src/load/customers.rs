//! Plays the scenarios, and says how each ride must end.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use ballet_trials::{BegunSaga, End, id};
use reqwest::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use crate::load::cases::RideScenario;
use crate::load::client::RidesClient;

/// The time in the car. Dispatch looks before that whether the ride is over.
const LONG_RIDE: Duration = Duration::from_secs(1);

/// Under faults an offer may end before its driver has answered. Then the ride ends as the driver was told.
pub(crate) async fn play(scenario: RideScenario, client: RidesClient<'_>) -> Result<BegunSaga> {
    if scenario == RideScenario::TwoRidersOneDriver {
        return two_riders(client).await;
    }
    let (rider, ride, drivers) = request_ride(scenario, client).await?;
    let begun = match scenario {
        RideScenario::Ride | RideScenario::FlakyCard => driven(client, ride, &[]).await?,
        RideScenario::CardDeclined => expect_cancelled(ride, "payment_declined"),
        RideScenario::TakeAnotherName => {
            client.change_name(rider, "Another").await?;
            driven(client, ride, &[]).await?
        }
        RideScenario::DeclineOnce | RideScenario::SayNothing | RideScenario::GoOffline => {
            match client.until_asked(ride, &[]).await? {
                Some(first) => {
                    match scenario {
                        RideScenario::DeclineOnce => decline(client, ride, first).await?,
                        RideScenario::GoOffline => client.offline(first).await?,
                        _ => {}
                    }
                    driven(client, ride, &[first]).await?
                }
                None => expect_driven(client, ride, false).await?,
            }
        }
        RideScenario::NobodyNear | RideScenario::FlakyCardNobodyNear => {
            expect_cancelled(ride, "no_driver_nearby")
        }
        RideScenario::AllDecline => {
            let mut before = Vec::new();
            while let Some(driver) = client.until_asked(ride, &before).await? {
                decline(client, ride, driver).await?;
                before.push(driver);
            }
            expect_driven(client, ride, false).await?
        }
        // Here drivers send a position only when they go online: a ride needs none.
        RideScenario::LosePosition => {
            let driver = accept_next(client, ride, &[]).await?;
            if let Some(driver) = driver {
                act(client, ride, driver, "start").await?;
                client.until(ride, "riding", |ride| ride["status"] == "riding").await?;
                tokio::time::sleep(LONG_RIDE).await;
                act(client, ride, driver, "complete").await?;
            }
            expect_driven(client, ride, driver.is_some()).await?
        }
        RideScenario::CancelAtOnce => cancel(client, ride).await?,
        RideScenario::CancelWhileAsked => {
            let driver = client.until_asked(ride, &[]).await?;
            let begun = cancel(client, ride).await?;
            if let Some(driver) = driver {
                act_too_late(client, ride, driver, "accept").await?;
            }
            begun
        }
        RideScenario::CancelRacesAcceptance => match client.until_asked(ride, &[]).await? {
            Some(driver) => {
                let (accepted, begun) =
                    tokio::join!(client.act(ride, driver, "accept"), cancel(client, ride));
                accepted?;
                begun?
            }
            None => cancel(client, ride).await?,
        },
        RideScenario::CancelOnTheWay => {
            let driver = accept_next(client, ride, &[]).await?;
            let begun = cancel(client, ride).await?;
            if let Some(driver) = driver {
                act_too_late(client, ride, driver, "start").await?;
            }
            begun
        }
        RideScenario::CancelTooLate => {
            let driver = accept_next(client, ride, &[]).await?;
            if let Some(driver) = driver {
                act(client, ride, driver, "start").await?;
                let (late, _) = client.cancel(ride).await?;
                ensure!(late == StatusCode::CONFLICT, "who is in the car cancels: {late}");
                act(client, ride, driver, "complete").await?;
            }
            expect_driven(client, ride, driver.is_some()).await?
        }
        RideScenario::TwoRidersOneDriver => bail!("two riders request two rides"),
    };
    send_home(client, &drivers).await?;
    Ok(begun)
}

/// Returns the rider, the ride, and the drivers near.
async fn request_ride(
    scenario: RideScenario,
    client: RidesClient<'_>,
) -> Result<(Uuid, Uuid, Vec<Uuid>)> {
    let card = match scenario {
        RideScenario::FlakyCard | RideScenario::FlakyCardNobodyNear => "card_flaky",
        RideScenario::CardDeclined => "card_declined",
        _ => "card_approved",
    };
    let near = match scenario {
        RideScenario::NobodyNear | RideScenario::FlakyCardNobodyNear => 0,
        RideScenario::DeclineOnce
        | RideScenario::SayNothing
        | RideScenario::GoOffline
        | RideScenario::AllDecline => 2,
        _ => 1,
    };
    let mut drivers = Vec::new();
    for number in 0..near {
        drivers.push(client.driver(number + 1).await?);
    }
    let rider = client.rider_with(card).await?;
    client.until_near(&drivers).await?;
    Ok((rider, client.request(rider).await?, drivers))
}

async fn act(client: RidesClient<'_>, ride: Uuid, driver: Uuid, what: &str) -> Result<()> {
    let (status, answer) = client.act(ride, driver, what).await?;
    ensure!(status.is_success(), "{what} is answered with {status}: {answer}");
    Ok(())
}

/// Checks that the action is refused as too late.
async fn act_too_late(client: RidesClient<'_>, ride: Uuid, driver: Uuid, what: &str) -> Result<()> {
    let (status, answer) = client.act(ride, driver, what).await?;
    ensure!(status == StatusCode::CONFLICT, "{what} is answered with {status}: {answer}");
    Ok(())
}

/// Declines unless the offer is over.
async fn decline(client: RidesClient<'_>, ride: Uuid, driver: Uuid) -> Result<()> {
    let (status, answer) = client.act(ride, driver, "decline").await?;
    let is_heard = status.is_success() || status == StatusCode::CONFLICT;
    ensure!(is_heard, "decline is answered with {status}: {answer}");
    Ok(())
}

/// Waits until the accepting driver is assigned. `None` if no offer is accepted in time.
async fn accept_next(client: RidesClient<'_>, ride: Uuid, before: &[Uuid]) -> Result<Option<Uuid>> {
    let mut before = before.to_vec();
    while let Some(driver) = client.until_asked(ride, &before).await? {
        let (status, answer) = client.act(ride, driver, "accept").await?;
        if status.is_success() {
            client.until(ride, "assigned", |ride| ride["status"] == "assigned").await?;
            return Ok(Some(driver));
        }
        ensure!(status == StatusCode::CONFLICT, "accept is answered with {status}: {answer}");
        before.push(driver);
    }
    Ok(None)
}

/// Returns false if no offer is accepted in time.
async fn drive(client: RidesClient<'_>, ride: Uuid, before: &[Uuid]) -> Result<bool> {
    let Some(driver) = accept_next(client, ride, before).await? else { return Ok(false) };
    act(client, ride, driver, "start").await?;
    act(client, ride, driver, "complete").await?;
    Ok(true)
}

/// Returns how the ride must end.
async fn driven(client: RidesClient<'_>, ride: Uuid, before: &[Uuid]) -> Result<BegunSaga> {
    let is_driven = drive(client, ride, before).await?;
    expect_driven(client, ride, is_driven).await
}

/// Lets two riders want the only driver who is near; one of them is driven.
async fn two_riders(client: RidesClient<'_>) -> Result<BegunSaga> {
    let driver = client.driver(1).await?;
    let (one, other) = (client.rider().await?, client.rider().await?);
    client.until_near(&[driver]).await?;
    let (one, other) = tokio::join!(client.request(one), client.request(other));
    let (mut driven, mut left) = (one?, other?);
    let asked = (client.until_asked(driven, &[]).await?, client.until_asked(left, &[]).await?);
    if asked.1.is_some() {
        (driven, left) = (left, driven);
    }
    ensure!(asked.0.is_none() || asked.1.is_none(), "one driver, and {asked:?} are asked");
    client.http.site.began("the rider who is left", expect_as_told(&client.read(left).await?)?);
    let is_driven = drive(client, driven, &[]).await?;
    send_home(client, &[driver]).await?;
    expect_driven(client, driven, is_driven).await
}

/// Without a driver the ride may be cancelled already.
async fn cancel(client: RidesClient<'_>, ride: Uuid) -> Result<BegunSaga> {
    let (status, answer) = client.cancel(ride).await?;
    ensure!(status.is_success(), "a cancellation is answered with {status}: {answer}");
    expect_as_told(&answer)
}

/// Waits until their work is over, so that no other rider gets them.
async fn send_home(client: RidesClient<'_>, drivers: &[Uuid]) -> Result<()> {
    for driver in drivers {
        client.go_home(*driver).await?;
    }
    Ok(())
}

/// Without a driver who drove, the offers ended too early, or the service did not know the drivers' positions yet.
async fn expect_driven(client: RidesClient<'_>, ride: Uuid, driven: bool) -> Result<BegunSaga> {
    if driven {
        return Ok(BegunSaga { saga: ride, end: End::Completed });
    }
    let told = client.read(ride).await?;
    let is_right = ["unfulfilled", "no_driver_nearby"].iter().any(|one| told["reason"] == *one);
    ensure!(is_right, "nobody drives, and the ride is {told}");
    expect_as_told(&told)
}

fn expect_cancelled(ride: Uuid, reason: &str) -> BegunSaga {
    BegunSaga { saga: ride, end: End::aborted(reason) }
}

/// The ride must end with the cancellation that its rider was told.
fn expect_as_told(ride: &Value) -> Result<BegunSaga> {
    let reason = ride["reason"].as_str().with_context(|| format!("{ride} is not cancelled"))?;
    Ok(expect_cancelled(id(&ride["ride_id"])?, reason))
}
