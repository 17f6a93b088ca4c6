//! What a rider and a driver do in an explored schedule.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Result, ensure};
use ballet_trials::{Move, id};
use reqwest::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use crate::load::client::RidesClient;

/// A rider signs up, asks for a ride as soon as there is a price, and may cancel. The only driver near accepts, starts
/// and completes it.
pub(crate) async fn moves(client: RidesClient<'_>) -> Result<Vec<Move<'_>>> {
    let driver = client.driver(1).await?;
    client.until_near(&[driver]).await?;
    let ride = Arc::new(Mutex::new(None::<Uuid>));
    let rider = Arc::new(Mutex::new(None::<Uuid>));
    let signed_up = Arc::clone(&rider);
    let sign_up = Move::new("signs up", move || {
        let signed_up = Arc::clone(&signed_up);
        async move {
            *lock(&signed_up) = Some(client.rider().await?);
            anyhow::Ok(true)
        }
    });
    let quote = Arc::new(Mutex::new(None::<Value>));
    let quoted = Arc::clone(&quote);
    let price = Move::new("asks for a price", move || {
        let (rider, quoted) = (*lock(&rider), Arc::clone(&quoted));
        async move {
            let Some(rider) = rider else { return Ok(false) };
            // Dispatch may not know the rider yet.
            let quote = client.quote(rider, client.place(0), client.place(20)).await?;
            let is_told = quote.is_some();
            *lock(&quoted) = quote;
            anyhow::Ok(is_told)
        }
    });
    let asked = Arc::clone(&ride);
    let ask = Move::new("asks for a ride", move || {
        let (quote, asked) = (lock(&quote).clone(), Arc::clone(&asked));
        async move {
            let Some(quote) = quote else { return Ok(false) };
            *lock(&asked) = Some(client.request_by(&quote).await?);
            anyhow::Ok(true)
        }
    });
    let mut moves = vec![sign_up, price, ask];
    let cancelled = Arc::clone(&ride);
    let cancel = Move::new("cancels the ride", move || {
        let ride = *lock(&cancelled);
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
            let ride = *lock(&driven);
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
    let again = Move::new("goes online again", move || async move {
        client.online(driver, 1).await.map(|()| true)
    });
    moves.push(again.optional());
    Ok(moves)
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
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
        let time = Duration::from_secs(120);
        let all = schedules(Rides::default(), 1, 60, time).await;
        let all = all.unwrap_or_else(|failed| panic!("{failed}"));
        eprintln!("{} schedules in {:.1} s", all.schedules, all.took.as_secs_f64());
        assert!(all.actions > 10, "{all:?}");
    }
}
