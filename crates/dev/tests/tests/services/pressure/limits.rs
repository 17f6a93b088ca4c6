//! Each setting at the ends of its range: the service works.

use axum::Router;
use ballet::{Does, Settings, Tx, done};

use crate::pressure::stage::{BOOK, PressureStage, RoomBooked, Trip, TripBooked};

/// Books a room in a town named after how long a statement, and a pause, may take.
#[ballet::service("hotel", saga = Trip)]
impl Hotel {
    #[retriable]
    async fn book_room(tx: &mut Tx<'_>, trip: TripBooked) -> Does<RoomBooked> {
        let saga = tx.saga_id().map(|saga| saga.0);
        let seconds = "select extract(epoch from current_setting($1)::interval)::bigint";
        let mut limits = [0_i64; 2];
        let names = ["statement_timeout", "idle_in_transaction_session_timeout"];
        for (limit, name) in limits.iter_mut().zip(names) {
            *limit = sqlx::query_scalar(seconds).bind(name).fetch_one(tx.db()).await?;
        }
        let city = format!("{}/{}/{}", trip.city, limits[0], limits[1]);
        sqlx::query(BOOK).bind(saga).bind(&city).execute(tx.db()).await?;
        done(RoomBooked { city })
    }
}

type Set = fn(&mut Settings);

#[tokio::test(flavor = "multi_thread")]
async fn t210_all_settings_work_at_the_ends_of_their_ranges() {
    let low: &[Set] = &[
        |s| s.lanes = 1,
        |s| s.batch = 1,
        |s| s.prefetch = Some(1),
        |s| s.calls = 1,
        |s| s.database_connections = Some(8),
        |s| s.http_requests = 1,
        |s| s.http_connections = 1,
        |s| s.republish_rate = 1,
        |s| s.handler_seconds = 1,
        |s| s.drain_seconds = 0,
    ];
    let high: &[Set] = &[
        |s| s.lanes = 64,
        |s| s.batch = 5000,
        |s| s.prefetch = Some(65_535),
        |s| s.calls = 65_535,
        |s| s.max_body = 512 * 1024 * 1024,
        |s| s.database_connections = Some(500),
        |s| s.http_requests = 65_535,
        |s| s.http_connections = 65_535,
        |s| s.republish_rate = 1_000_000,
        |s| s.handler_seconds = 1500,
        |s| s.drain_seconds = 3600,
    ];
    let stage = PressureStage::new("ends", Hotel::participant()).await;
    // A handler may take its time in one statement, and between two.
    for (together, limits) in [(low, "30/60"), (high, "1500/1530")] {
        let set = |settings: &mut Settings| together.iter().for_each(|set| set(settings));
        let running = stage.start_with(Hotel::participant(), |_| Router::new(), set).await;
        stage.book_many(3);
        stage.until_count(&format!("room where city like '%/{limits}'"), 3).await;
        running.stop().await;
    }
}
