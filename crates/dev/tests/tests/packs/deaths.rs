//! A process that dies with a pack in hand.

use ballet::core::fault::FaultPoint;
use ballet_testkit::memory::{MemoryService, until};
use sqlx::Connection;

use crate::hotel::{GATE, RoomBooked, close_gate, copies, hotel, ids, trips, unique};

const CITIES: [&str; 4] = ["Rome", "Bern", "Oslo", GATE];
const BEHIND_THE_GATE: &str = "select count(*) from pg_locks join pg_database d on d.oid = database \
    where datname = current_database() and locktype = 'advisory' and objid = 7 and not granted";

/// Waits until the process has come as far as it can.
async fn reached(hotel: &MemoryService, point: FaultPoint) {
    let count = CITIES.len();
    match point {
        FaultPoint::BeforeCommit => hotel.until(BEHIND_THE_GATE, 1).await,
        FaultPoint::AfterCommit => hotel.until_count("room", count as i64).await,
        FaultPoint::AfterPublish => {
            until("the events", || ids(&hotel.taken::<RoomBooked>()).len(), count).await;
        }
        _ => hotel.until_published().await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_death_at_any_point_of_a_pack_loses_and_doubles_nothing() {
    for point in [
        FaultPoint::BeforeCommit,
        FaultPoint::AfterCommit,
        FaultPoint::AfterPublish,
        FaultPoint::BeforeAck,
    ] {
        let mut hotel = hotel(point.name()).await;
        let gate = match point {
            FaultPoint::BeforeCommit => Some(close_gate(&hotel).await),
            _ => None,
        };
        hotel.broker.doom(point);
        hotel.broker.put(&trips(&hotel, &CITIES));
        hotel.start_with(|_| {}).await;
        reached(&hotel, point).await;
        hotel.kill();
        hotel.broker.recover();
        if let Some(gate) = gate {
            gate.close().await.expect("opened");
        }
        hotel.start_with(|_| {}).await;
        hotel.until_count("room", CITIES.len() as i64).await;
        hotel.until_settled("hotel").await;
        hotel.until_published().await;
        let sagas = "(select distinct saga_id from room) as sagas";
        assert_eq!(hotel.count(sagas).await, CITIES.len() as i64, "{point:?}");
        assert_eq!(unique(&ids(&hotel.taken::<RoomBooked>())), CITIES.len(), "{point:?}");
        assert_eq!(copies(&hotel, "dead").len(), 0, "{point:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_was_set_aside_before_a_death_is_set_aside_under_its_id() {
    let mut hotel = hotel("aside").await;
    hotel.broker.doom(FaultPoint::BeforeAck);
    hotel.broker.put(&trips(&hotel, &["Rome", "Nowhere"]));
    hotel.start_with(|_| {}).await;
    until("a dead letter", || copies(&hotel, "dead").len(), 1).await;
    hotel.until_count("room", 1).await;
    hotel.kill();
    hotel.broker.recover();
    hotel.start_with(|_| {}).await;
    hotel.until_settled("hotel").await;
    let dead: Vec<_> = copies(&hotel, "dead").into_iter().map(|(_, one)| one).collect();
    assert_eq!(unique(&ids(&dead)), 1, "a copy at most");
    assert_eq!(hotel.count("room").await, 1);
}
