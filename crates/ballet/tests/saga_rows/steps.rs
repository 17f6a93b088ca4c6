//! Steps: with their abort at the same moment, failing, rolled back.

use ballet::Migration;

use crate::trip::{
    DESK_TABLES, HOTEL_TABLES, Rental, RoomBooked, RoomFreed, TripBooked, TripCancelled,
    TripConfirmed, TripWanted, Trouble, cars, desk, hotel,
};
use crate::world::{World, part};

#[tokio::test]
async fn t97_a_step_and_its_abort_at_once_on_two_replicas_leave_nothing_half_done() {
    const SAGAS: i64 = 30;
    // A commit takes a while, so that the abort comes while the step's is under way.
    const SLOW: &[Migration] = &[Migration {
        name: "0001_room",
        sql: "create table room (
                  room bigserial primary key, saga_id uuid not null,
                  freed boolean not null default false
              );
              create function slow() returns trigger language plpgsql as
                  $$ begin perform pg_sleep(0.05); return null; end $$;
              create constraint trigger slow after insert on room deferrable initially deferred
                  for each row execute function slow()",
    }];
    let replica = || part(hotel(Trouble::default()), SLOW);
    let mut world = World::new("at_once", vec![replica()]).await;
    world.start(replica()).await;
    for _ in 0..SAGAS {
        let saga = world.new_saga();
        world.publish(saga, &TripBooked { city: "Rome".into() }).await;
        world.publish(saga, &TripCancelled { reason: "test".into() }).await;
    }
    world.until_count("hotel", "ballet.inbox", 2 * SAGAS).await;
    assert_eq!(world.count("hotel", "room where not freed").await, 0);
    assert_eq!(world.count("hotel", "ballet.ledger where entry = 'aborted'").await, SAGAS);
    let rooms = world.count("hotel", "room").await;
    assert_eq!(world.count("hotel", "ballet.ledger where entry = 'done'").await, rooms);
    assert_eq!(world.count("hotel", "ballet.ledger where entry = 'undone'").await, rooms);
    assert!(rooms > 0, "some were booked before they were cancelled");
}

#[tokio::test]
async fn t103_a_failure_that_is_no_refusal_aborts_nothing_by_itself() {
    let world = World::new(
        "no_refusal",
        vec![
            part(desk(), DESK_TABLES),
            part(hotel(Trouble::default()), HOTEL_TABLES),
            part(cars(Rental::default()), &[]),
        ],
    )
    .await;
    let sagas = [world.new_saga(), world.new_saga()];
    for (saga, city) in sagas.into_iter().zip(["Broken", "Panic"]) {
        world.publish(saga, &TripWanted { city: city.into() }).await;
    }
    world.dead_letters(2).await;
    let other = world.new_saga();
    world.publish(other, &TripWanted { city: "Rome".into() }).await;
    world.event::<TripConfirmed>(other).await;
    for saga in sagas {
        assert!(world.events::<TripCancelled>(saga).await.is_empty());
        assert!(world.events::<RoomFreed>(saga).await.is_empty());
    }
    assert_eq!(world.count("desk", "trip where state = 'booked'").await, 2, "they wait");
    assert_eq!(world.count("hotel", "ballet.ledger").await, 1, "the one that went through");
}

#[tokio::test]
async fn t118_business_rows_inbox_ledger_and_outbox_commit_together_or_not_at_all() {
    let world = World::new("together", vec![part(hotel(Trouble::default()), HOTEL_TABLES)]).await;
    let tables = ["room", "ballet.inbox", "ballet.ledger"];
    let outbox = "ballet.outbox() where position >= 0";
    // The handler fails after it has written its row.
    world.publish(world.new_saga(), &TripBooked { city: "Broken".into() }).await;
    world.dead_letters(1).await;
    for table in tables.into_iter().chain([outbox]) {
        assert_eq!(world.count("hotel", table).await, 0, "{table}");
    }
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(saga).await;
    for table in tables {
        assert_eq!(world.count("hotel", table).await, 1, "{table}");
    }
}
