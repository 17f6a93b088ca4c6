//! A locked row holds up only those who need it.

use std::time::Duration;

use ballet::{Does, Migration, Tx, Undoes};
use ballet::{compensated, done};
use ballet_stage::wait_until;
use sqlx::Executor;

use crate::trip::{RoomBooked, RoomFreed, Trip, TripBooked};
use crate::world::{TripWorld, part};

const TABLES: &[Migration] = &[Migration {
    name: "0001_house",
    sql: "create table house (city text primary key, booked bigint not null);
          insert into house values ('Rome', 0), ('Oslo', 0)",
}];

const TRIPS: usize = 20;

#[ballet::service("hotel", saga = Trip)]
impl Hotel {
    /// Changes the one row of its city.
    #[compensatable(undo = free_house)]
    async fn book_house(tx: &mut Tx<'_>, trip: TripBooked) -> Does<RoomBooked> {
        let (room,): (i64,) =
            sqlx::query_as("update house set booked = booked + 1 where city = $1 returning booked")
                .bind(trip.city)
                .fetch_one(tx.db())
                .await?;
        done(RoomBooked { room })
    }

    async fn free_house(_: &mut Tx<'_>, booked: RoomBooked) -> Undoes<RoomFreed> {
        compensated(RoomFreed { room: booked.room })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_row_holds_up_nobody_who_does_not_need_it() {
    let mut world =
        TripWorld::prepared("locked_row", vec![part(Hotel::participant(), TABLES)]).await;
    let mut operator = world.database("hotel").await;
    operator
        .execute("begin; select from house where city = 'Rome' for update")
        .await
        .expect("locked");
    for _ in 0..TRIPS {
        for city in ["Rome", "Oslo"] {
            world.publish(world.new_saga(), &TripBooked { city: city.into() }).await;
        }
    }
    world.start(part(Hotel::participant(), TABLES)).await;
    let oslo = format!("house where city = 'Oslo' and booked = {TRIPS}");
    wait_until("all trips to Oslo", Duration::from_secs(20), || async {
        let done = world.count("hotel", &oslo).await;
        let booked = world.count("hotel", "ballet.ledger").await;
        if done == 1 { Ok(Some(())) } else { Err(format!("{booked} of {TRIPS}")) }
    })
    .await
    .expect("booked");

    assert_eq!(world.count("hotel", "ballet.ledger").await, 20);
    operator.execute("commit").await.expect("free");
    world.until_count("hotel", &format!("house where booked = {TRIPS}"), 2).await;
    assert_eq!(world.dead_letters(0).await, Vec::<serde_json::Value>::new());

    // A conflict before any handler is noted, because a restored service gets all messages again since the oldest one
    // that it had not handled.
    operator.execute("begin; lock table ballet.ledger").await.expect("locked");
    let (saga, rome) = (world.new_saga(), TripBooked { city: "Rome".into() });
    let id = world.publish(saga, &rome).await;
    let noted = format!("ballet.failure where message_id = '{id}' and saga_id = '{saga}'");
    world.until_count("hotel", &noted, 1).await;
    operator.execute("commit").await.expect("free");
    world.event::<RoomBooked>(saga).await;
}
