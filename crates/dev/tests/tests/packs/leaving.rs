//! The events of one commit that have one type leave together.

use std::collections::HashMap;

use ballet_amqp::headers::count_header;
use ballet_amqp::{Publish, pack};
use ballet_testkit::memory::{MemoryService, until};

use crate::hotel::{RoomBooked, hotel, ids, members, trip, unique};

const TRIPS: usize = 250;

fn book(hotel: &MemoryService, count: usize) {
    for _ in 0..count {
        hotel.broker.put(&trip(hotel.new_saga(), hotel.new_id(), "Rome"));
    }
}

fn packs(messages: &[Publish]) -> usize {
    messages.iter().filter(|message| pack::is_pack(&message.properties)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_service_packs_and_an_idle_one_does_not() {
    let mut hotel = hotel("busy").await;
    book(&hotel, TRIPS);
    hotel.start_with(|_| {}).await;
    hotel.until_count("room", TRIPS as i64).await;
    hotel.until_published().await;
    let told = hotel.taken::<RoomBooked>();
    assert!(packs(&told) > 0 && told.len() < TRIPS / 2, "{} messages", told.len());
    let all = ids(&told);
    assert_eq!((all.len(), unique(&all)), (TRIPS, TRIPS));
    for message in &told {
        let members = members(message);
        if pack::is_pack(&message.properties) {
            assert_eq!(count_header(&message.properties, "x-members") as usize, members.len());
        }
        for member in members {
            assert_eq!(member.body, br#"{"city":"Rome"}"#);
            assert!(member.properties.correlation_id().is_some());
        }
    }
    let before = told.len();
    book(&hotel, 1);
    until("the next", || hotel.taken::<RoomBooked>().len(), before + 1).await;
    let alone = hotel.taken::<RoomBooked>().pop().expect("one");
    assert_eq!(alone.properties.content_type(), &Some("application/json".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_and_not_confirmed_leaves_again_under_its_ids() {
    let mut hotel = hotel("unconfirmed").await;
    hotel.broker.hold_confirms();
    book(&hotel, TRIPS);
    hotel.start_with(|_| {}).await;
    hotel.until_count("room", TRIPS as i64).await;
    until("packs", || packs(&hotel.taken::<RoomBooked>()) > 0, true).await;
    hotel.kill();
    hotel.broker.release_confirms();
    hotel.start_with(|_| {}).await;
    hotel.until_published().await;
    hotel.until_settled("hotel").await;
    let told = hotel.taken::<RoomBooked>();
    assert_eq!(unique(&ids(&told)), TRIPS);
    assert_eq!(hotel.count("room").await, TRIPS as i64);
    let mut known = HashMap::new();
    for member in told.iter().flat_map(members) {
        let saga = member.properties.correlation_id().clone();
        let before = known.insert(member.properties.message_id().clone(), saga.clone());
        assert!(before.is_none_or(|before| before == saga), "a copy is the same");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_pack_goes_again_and_is_marked_once() {
    let mut hotel = hotel("refused").await;
    book(&hotel, TRIPS);
    hotel.broker.nack(3);
    hotel.start_with(|_| {}).await;
    hotel.until_count("room", TRIPS as i64).await;
    hotel.until_published().await;
    assert_eq!(unique(&ids(&hotel.taken::<RoomBooked>())), TRIPS);
    assert_eq!(hotel.count("ballet.outbox_dead").await, 0);
}
