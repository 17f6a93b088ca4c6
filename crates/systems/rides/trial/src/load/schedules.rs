//! What a rider and a driver do in an explored schedule.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};
use ballet_trials::{Move, id};
use reqwest::StatusCode;
use uuid::Uuid;

use crate::load::client::RidesClient;

/// A rider signs up, asks for a ride at once, and may cancel. The only driver near accepts, starts and completes it.
pub(crate) async fn moves(client: RidesClient<'_>) -> Result<Vec<Move<'_>>> {
    let driver = client.driver(1).await?;
    client.until_near(&[driver]).await?;
    let ride = Arc::new(Mutex::new(None::<Uuid>));
    let known =
        move |ride: &Mutex<Option<Uuid>>| *ride.lock().unwrap_or_else(PoisonError::into_inner);
    let note = |of: &Mutex<Option<Uuid>>, id: Uuid| {
        *of.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
    };
    let rider = Arc::new(Mutex::new(None::<Uuid>));
    let signed_up = Arc::clone(&rider);
    let sign_up = Move::new("signs up", move || {
        let signed_up = Arc::clone(&signed_up);
        async move {
            note(&signed_up, client.rider().await?);
            anyhow::Ok(true)
        }
    });
    let asked = Arc::clone(&ride);
    let ask = Move::new("asks for a ride", move || {
        let (rider, asked) = (known(&rider), Arc::clone(&asked));
        async move {
            let Some(rider) = rider else { return Ok(false) };
            // Dispatch may not know the rider yet.
            let Some(quote) = client.quote(rider, client.place(0), client.place(20)).await? else {
                return Ok(false);
            };
            note(&asked, client.request_by(&quote).await?);
            anyhow::Ok(true)
        }
    });
    let mut moves = vec![sign_up, ask];
    let cancelled = Arc::clone(&ride);
    let cancel = Move::new("cancels the ride", move || {
        let ride = known(&cancelled);
        async move {
            let Some(ride) = ride else { return Ok(false) };
            let (status, answer) = client.cancel(ride).await?;
            let is_told = status.is_success() || status == StatusCode::CONFLICT;
            ensure!(is_told, "a cancellation is answered with {status}: {answer}");
            anyhow::Ok(true)
        }
    });
    moves.push(cancel.optional());
    for what in ["accept", "start", "complete"] {
        let driven = Arc::clone(&ride);
        moves.push(Move::new(what, move || {
            let ride = known(&driven);
            async move {
                let Some(ride) = ride else { return Ok(false) };
                drive(client, ride, driver, what).await
            }
        }));
    }
    moves.push(Move::new("goes home", move || async move {
        // Unless somebody is in the car.
        Ok::<_, anyhow::Error>(client.offline(driver).await.is_ok())
    }));
    Ok(moves)
}

/// Does nothing in a ride that is over. Returns false if the ride is not that far.
async fn drive(client: RidesClient<'_>, ride: Uuid, driver: Uuid, what: &str) -> Result<bool> {
    if client.read(ride).await?["status"] == "cancelled" {
        return Ok(true);
    }
    let (status, trip) = client.http.get("dispatch", &format!("/trips/{ride}")).await?;
    if !status.is_success() || id(&trip["offer"]["driver_id"])? != driver {
        return Ok(false);
    }
    let (status, _) = client.act(ride, driver, what).await?;
    Ok(status.is_success())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ballet_trials::schedules;

    use crate::load::trial::Rides;

    #[tokio::test]
    async fn no_schedule_breaks_a_rule_of_rides() {
        let time = Duration::from_secs(10);
        let all = schedules(Rides::default(), 1, 60, time).await;
        let all = all.unwrap_or_else(|failed| panic!("{failed}"));
        eprintln!("{} schedules in {:.1} s", all.schedules, all.took.as_secs_f64());
        assert!(all.actions > 10, "{all:?}");
    }
}
