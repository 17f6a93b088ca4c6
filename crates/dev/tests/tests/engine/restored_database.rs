//! A database that was restored from a backup, while the broker and the others were not.

use ballet::{Abort, FailureKind, SagaId};
use ballet_store::operators::restored_database::{end_hold, hold_aborts};
use jiff::SignedDuration;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor};

use crate::trip::{
    CarRefused, CarRented, DESK_TABLES, Rental, RoomBooked, RoomFreed, Trip, TripBooked,
    TripCancelled, TripConfirmed, TripWanted, cars, desk,
};
use crate::world::{TripWorld, part, the_hotel};

async fn begin(world: &TripWorld) -> SagaId {
    let saga = world.new_saga();
    let mut unit = world.handle(0).saga_unit(saga).await.expect("a transaction");
    sqlx::query("insert into trip values ($1, 'booked')")
        .bind(saga.0)
        .execute(unit.tx().db())
        .await
        .expect("a trip");
    unit.originate(TripBooked { city: "Rome".into() }).await.expect("originated");
    unit.commit().await.expect("committed");
    world.event::<RoomBooked>(saga).await;
    saga
}

#[tokio::test]
async fn t204_a_restored_service_asks_outside_under_the_keys_under_which_it_asked_before() {
    let rental = Rental::default();
    let cars = || part(cars(rental.clone()), &[]);
    let hotel = the_hotel();
    let mut world =
        TripWorld::new("asked_before", vec![part(desk(), DESK_TABLES), hotel, cars()]).await;
    let sagas = [begin(&world).await, begin(&world).await];
    for saga in sagas {
        world.event::<TripConfirmed>(saga).await;
    }
    let before = rental.asked.lock().expect("not poisoned").clone();
    world.services.remove(2).stop().await;
    let seen = world.seen().await;
    // The backup is older than all of it.
    let gone = "delete from ballet.ledger; delete from ballet.inbox; delete from ballet.call";
    let mut db = world.database("cars").await;
    db.execute(sqlx::raw_sql(gone)).await.expect("forgotten");
    world.start(cars()).await;
    let heard = ["desk.trip_booked.v1", "hotel.room_booked.v1"];
    let heard =
        |m: &&Value| m["exchange"] == "events" && heard.iter().any(|it| m["routing_key"] == *it);
    for event in seen.iter().filter(heard) {
        let (properties, body) = (&event["properties"], event["payload"].as_str().expect("text"));
        let told = world.env.management().publish("amq.default", "cars", properties, body).await;
        assert!(told.expect("published"));
    }
    world.until_count("cars", "ballet.ledger where entry = 'done'", 2).await;
    let mut after = rental.asked.lock().expect("not poisoned").split_off(before.len());
    after.sort_unstable();
    let mut before = before;
    before.sort_unstable();
    assert_eq!(after, before, "the same requests under the same keys");
}

async fn abort(world: &TripWorld, desk: usize, saga: SagaId) -> Result<Abort, FailureKind> {
    let mut unit = world.handle(desk).saga_unit(saga).await.expect("a transaction");
    let aborted = unit.abort::<Trip>(TripCancelled { reason: "ill".into() }).await;
    let aborted = aborted.map_err(|failure| failure.kind())?;
    unit.commit().await.expect("committed");
    Ok(aborted)
}

#[tokio::test]
async fn t204_a_restored_owner_aborts_nothing_until_it_has_heard_what_it_missed() {
    let desk = || part(desk(), DESK_TABLES);
    let hotel = the_hotel();
    let mut world = TripWorld::new("owner_waits", vec![desk(), hotel]).await;
    let (saga, refused) = (begin(&world).await, begin(&world).await);
    world.services.remove(0).stop().await;
    let mut db = world.database("desk").await;
    let now = ballet::Clock::system().now();
    hold_aborts(&mut db, now, SignedDuration::from_hours(1)).await.expect("held");
    world.start(desk()).await;
    assert_eq!(abort(&world, 1, saga).await, Err(FailureKind::NotYet));
    // A refusal may be older than the decision that it has not heard yet.
    world.publish(refused, &CarRefused {}).await;
    world.until_count("desk", "ballet.failure where reason = 'not_yet'", 1).await;
    assert_eq!(world.count("desk", "ballet.ledger where entry = 'aborted'").await, 0);

    end_hold(&mut db).await.expect("ended");
    assert_eq!(abort(&world, 1, saga).await, Ok(Abort::Aborted));
    for aborted in [saga, refused] {
        world.event::<RoomFreed>(aborted).await;
    }
}

#[tokio::test]
async fn t204_a_restored_owner_refuses_nothing_and_takes_no_later_event_for_one_of_an_unknown_saga()
{
    let mut world = TripWorld::prepared("owner_asks_again", vec![part(desk(), DESK_TABLES)]).await;
    let mut db = world.database("desk").await;
    let now = ballet::Clock::system().now();
    hold_aborts(&mut db, now, SignedDuration::from_hours(1)).await.expect("held");
    world.start(part(desk(), DESK_TABLES)).await;
    // An event that was accepted before would be refused now: the events that it depends on may be still to come.
    let refused = world.new_saga();
    world.publish(refused, &TripWanted { city: String::new() }).await;
    // Another process may have the beginning.
    let begun = world.new_saga();
    world.publish(begun, &CarRented { car: "a car".into() }).await;
    world.until_count("desk", "ballet.failure where reason = 'not_yet'", 2).await;
    assert_eq!(world.count("desk", "ballet.ledger").await, 0);

    world.publish(begun, &TripWanted { city: "Rome".into() }).await;
    world.event::<TripConfirmed>(begun).await;
    assert!(world.events::<TripCancelled>(refused).await.is_empty());
    end_hold(&mut db).await.expect("ended");
    world.event::<TripCancelled>(refused).await;
    assert!(world.seen().await.iter().all(|message| message["exchange"] != "dead"));
}

/// All that the hotel has of a saga is gone, as if the backup were older than it.
async fn forget(world: &TripWorld, saga: SagaId, message: &str) {
    let mut db = world.database("hotel").await;
    let mut gone = format!(
        "delete from ballet.ledger where saga_id = '{saga}'; \
         delete from room where saga_id = '{saga}'; \
         delete from ballet.inbox where message_id = '{message}';"
    );
    let tables: Vec<(i16,)> = sqlx::query_as("select table_number from ballet.outbox_table")
        .fetch_all(&mut db)
        .await
        .expect("tables");
    for (table,) in tables {
        gone.push_str(&format!("delete from ballet.outbox_{table} where saga_id = '{saga}';"));
    }
    db.execute(sqlx::raw_sql(AssertSqlSafe(gone))).await.expect("forgotten");
}

#[tokio::test]
async fn t130_a_restored_database_is_told_again_and_knows_what_it_had() {
    let rental = Rental::default();
    let cars = || part(cars(rental.clone()), &[]);
    let mut world =
        TripWorld::new("restored", vec![part(desk(), DESK_TABLES), the_hotel(), cars()]).await;
    let ended = begin(&world).await;
    world.event::<TripConfirmed>(ended).await;
    // From here on no car is rented: what begins stays open.
    world.services.remove(2).stop().await;
    let open = begin(&world).await;
    // The backup is made here.
    let after = begin(&world).await;
    world.services.remove(1).stop().await;
    let seen = world.seen().await;
    let is_booking = |m: &&Value, saga: SagaId| {
        m["routing_key"] == "desk.trip_booked.v1"
            && m["properties"]["correlation_id"] == saga.to_string()
    };
    let booking = seen.iter().find(|m| is_booking(m, after)).expect("the booking");
    let message = booking["properties"]["message_id"].as_str().expect("an id").to_owned();
    forget(&world, after, &message).await;
    assert_eq!(world.count("hotel", "room").await, 2);

    world.start(the_hotel()).await;
    // The operator sends it again all messages of that time, and more, from the journal.
    for event in seen.iter().filter(|m| m["routing_key"] == "desk.trip_booked.v1") {
        let (properties, body) = (&event["properties"], event["payload"].as_str().expect("text"));
        let told = world.env.management().publish("amq.default", "hotel", properties, body).await;
        assert!(told.expect("published"));
    }
    world.until_count("hotel", "room", 3).await;
    world.start(cars()).await;
    for saga in [open, after] {
        world.event::<TripConfirmed>(saga).await;
    }
    // The last of them is published: everything before it in the hotel's queue is handled.
    world.until_empty("hotel").await;
    for saga in [ended, open, after] {
        let of_saga = format!("room where saga_id = '{saga}'");
        assert_eq!(world.count("hotel", &of_saga).await, 1, "saga {saga} has one room");
        assert_eq!(world.events::<TripConfirmed>(saga).await.len(), 1);
    }
    // The event that went out a second time, under another id, changed nothing elsewhere.
    assert_eq!(world.events::<RoomBooked>(after).await.len(), 2);
    assert_eq!(rental.asked().len(), 3, "{:?}", rental.asked());
    assert!(world.seen().await.iter().all(|message| message["exchange"] != "dead"));
}
