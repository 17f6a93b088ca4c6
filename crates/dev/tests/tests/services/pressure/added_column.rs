//! A column is added to a table while replicas use it.

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use ballet::http::Problem;
use ballet::{Does, Handle, Retry, Tx, done};
use ballet_stage::wait_until;
use sqlx::Row;

use crate::pressure::stage::{BOOK, PressureStage, RoomBooked, SOON, Trip, TripBooked};

const ALL: &str = "select * from room where saga_id = $1";

/// Reads whatever columns there are, as no step should.
#[ballet::service("hotel", saga = Trip)]
impl Hotel {
    // An attempt that counts would make a dead letter.
    #[retriable(retry = Retry::NEVER)]
    async fn book_room(tx: &mut Tx<'_>, trip: TripBooked) -> Does<RoomBooked> {
        let saga = tx.saga_id().map(|saga| saga.0);
        sqlx::query(BOOK).bind(saga).bind(&trip.city).execute(tx.db()).await?;
        sqlx::query(ALL).bind(saga).fetch_one(tx.db()).await?;
        done(RoomBooked { city: trip.city })
    }
}

async fn last(State(hotel): State<Handle>) -> Result<String, Problem> {
    let last = sqlx::query("select * from room order by room desc limit 1");
    let last = last.fetch_one(hotel.db()).await?;
    Ok(last.try_get::<i64, _>("room")?.to_string())
}

fn routes(hotel: Handle) -> Router {
    Router::new().route("/rooms/last", get(last)).with_state(hotel)
}

#[tokio::test(flavor = "multi_thread")]
async fn t195_a_column_added_under_load_costs_no_message_and_no_stall() {
    let stage = PressureStage::new("widened", Hotel::participant()).await;
    let replicas = [
        stage.start_with(Hotel::participant(), routes, |settings| settings.lanes = 3).await,
        stage.start_with(Hotel::participant(), routes, |_| {}).await,
    ];
    let client = reqwest::Client::new();
    let (mut booked, mut longest) = (0, Duration::ZERO);
    for round in 0..12 {
        if round % 6 == 5 {
            stage.execute(&format!("alter table room add column note_{round} text")).await;
        }
        let begun = Instant::now();
        for _ in 0..20 {
            stage.book("Rome");
            booked += 1;
        }
        stage.until_count("room", booked).await;
        longest = longest.max(begun.elapsed());
        // Requests of both replicas see the table, too.
        for replica in &replicas {
            let url = format!("http://{}/rooms/last", replica.address());
            wait_until("a request that reads all columns", SOON, || async {
                let answer = client.get(&url).send().await.map_err(|error| error.to_string())?;
                let status = answer.status();
                if status.is_success() { Ok(Some(())) } else { Err(status.to_string()) }
            })
            .await
            .expect("an answer");
        }
    }
    assert!(longest < Duration::from_secs(5), "a stall of {longest:?}");
    assert_eq!((stage.dead_letters(), stage.put_off()), (Vec::new(), 0));
    for replica in replicas {
        replica.stop().await;
    }
}
