//! A handler may publish only declared events, and only where they belong.

use ballet::{
    Abort, Event, EventType, Failure, Handle, Participant, Projection, SagaId, Service, Tx,
};
use ballet_testkit::TestSystem;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::trip::{
    DESK_TABLES, HotelRenamed, TripBooked, TripCancelled, TripConfirmed, TripOverdue, cancel, desk,
};
use crate::world::{TripWorld, part};

/// Returns why this event, published alone, is refused.
async fn refused<E: Event>(handle: &Handle, saga: Option<SagaId>, event: E) -> String {
    let unit = match saga {
        Some(saga) => handle.saga_unit(saga).await,
        None => handle.unit().await,
    };
    let mut unit = unit.expect("a transaction");
    let published = unit.tx().publish(&event).await;
    let committed = match published {
        Ok(()) => unit.commit().await,
        refused => refused,
    };
    committed.expect_err("refused").to_string()
}

#[tokio::test]
async fn what_begins_ends_or_answers_in_a_saga_is_not_published_beside_it() {
    let world = TripWorld::new("beside", vec![part(desk(), DESK_TABLES)]).await;
    let (handle, saga) = (world.handle(0), world.new_saga());
    let reason = "test".to_owned();
    for (said, event) in [
        (refused(handle, Some(saga), TripCancelled { reason }).await, "desk.trip_cancelled.v1"),
        (
            refused(handle, Some(saga), TripBooked { city: "Rome".into() }).await,
            "desk.trip_booked.v1",
        ),
        (
            refused(handle, Some(saga), TripOverdue { due_at: Timestamp::UNIX_EPOCH }).await,
            "desk.trip_overdue.v1",
        ),
        (refused(handle, Some(saga), TripConfirmed {}).await, "desk.trip_confirmed.v1"),
    ] {
        let why = format!("desk does not declare that it publishes {event} so");
        assert!(said.starts_with(&why), "{said}");
    }

    let mut unit = handle.saga_unit(saga).await.expect("a transaction");
    unit.originate(TripBooked { city: "Rome".into() }).await.expect("begun");
    unit.commit().await.expect("committed");
    assert_eq!(cancel(handle, saga).await, Abort::Aborted);
    world.event::<TripCancelled>(saga).await;
    assert_eq!(world.all_events::<TripConfirmed>().await, []);
    assert_eq!(world.all_events::<TripCancelled>().await.len(), 1);
}

/// The guide looks for a room: something of a saga.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct RoomSought {}

impl Event for RoomSought {
    const TYPE: EventType = EventType::in_saga("guide.room_sought.v1");
}

macro_rules! seeks {
    ($($name:ident $text:literal on $on:ident)+) => {$(
        struct $name;

        impl Projection for $name {
            const NAME: &'static str = $text;
            type On = $on;

            async fn apply(&self, tx: &mut Tx<'_>, _: $on) -> Result<(), Failure> {
                tx.publish(&RoomSought {}).await
            }
        }
    )+};
}

seeks! {
    SeekForTrip "seek_for_trip" on TripBooked
    SeekAtHotel "seek_at_hotel" on HotelRenamed
}

#[tokio::test]
async fn an_event_of_a_saga_is_published_in_one_only() {
    let guide = Participant::new("guide").publishes::<RoomSought>();
    let guide = Service::new(guide.projects(SeekForTrip).projects(SeekAtHotel));
    let system = TestSystem::new("in_one", vec![guide]).await;
    let why = "guide.room_sought.v1 belongs to a running saga, and there is none here: open the transaction with \
               `saga_unit`, or publish it from a handler of an event of the saga";
    assert_eq!(refused(system.handle(0), None, RoomSought {}).await, why);

    // A plain event has no saga, whatever it is correlated with.
    let renamed = HotelRenamed { name: "Ritz".into() };
    let itself = system.new_id();
    for (id, correlated) in [
        (system.new_id(), None),
        (itself, Some(SagaId(itself))),
        (system.new_id(), Some(system.new_saga())),
    ] {
        system.publish_as(id, "hotel", correlated, &renamed).await;
    }
    for dead in system.dead_letters(3).await {
        assert_eq!(dead["properties"]["headers"]["x-dead-detail"], why);
    }
    let saga = system.new_saga();
    system.publish(saga, &TripBooked { city: "Rome".into() }).await;
    assert_eq!(system.event::<RoomSought>(saga).await, RoomSought {});
    assert_eq!(system.all_events::<RoomSought>().await.len(), 1);
    system.close(3).await;
}
