//! A pack is handled as its members.

use ballet_amqp::headers::{count_header, text_header};
use ballet_amqp::{FieldTable, pack};
use ballet_testkit::memory::until;
use sqlx::Connection;

use crate::hotel::{GATE, close_gate, copies, hotel, ids, trip, trips, unique};

/// A pack waits until a handler of one of its members goes on, or its process ends.
const SMALL: u16 = 2;

#[tokio::test(flavor = "multi_thread")]
async fn each_member_is_handled_and_what_fails_leaves_the_pack() {
    let mut hotel = hotel("members").await;
    let [first, second] = [(); 2].map(|()| (hotel.new_saga(), hotel.new_id()));
    let poison = (hotel.new_saga(), hotel.new_id());
    let alone = [
        trip(first.0, first.1, "Rome"),
        trip(poison.0, poison.1, "Nowhere"),
        trip(first.0, first.1, "Rome"),
        trip(second.0, second.1, "Bern"),
    ];
    let mut packed = pack::pack(&alone[0], &alone[1..]);
    // And one that is no event. Another publisher may not say how many there are.
    let mut body = packed.body.to_vec();
    body.pop();
    body.extend_from_slice(br#",{"hello":1}]"#);
    packed.body = body.into();
    packed.properties = packed.properties.with_headers(FieldTable::default());
    hotel.broker.put(&packed);
    hotel.start_with(|_| {}).await;

    hotel.until_count("room", 2).await;
    hotel.until_settled("hotel").await;
    let mut dead = copies(&hotel, "dead");
    dead.sort_by(|one, other| one.0.cmp(&other.0));
    let [(not_an_event, raw), (permanent, failed)] = &dead[..] else { panic!("{dead:?}") };
    assert_eq!((not_an_event.as_str(), permanent.as_str()), ("not_a_cloud_event", "permanent"));
    assert_eq!(&*raw.body, br#"{"hello":1}"#);
    assert_eq!(ids(std::slice::from_ref(failed)), [poison.1.to_string()]);
    assert_eq!(failed.body, alone[1].body, "as if it had come alone");
    assert_eq!(text_header(&failed.properties, "x-dead-exchange"), Some("events"));
    assert_eq!((hotel.count("room").await, hotel.broker.wrong_acks()), (2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_that_cannot_be_read_is_one_dead_letter() {
    let mut hotel = hotel("unread").await;
    let packed = trips(&hotel, &["Rome", "Bern"]);
    let mut lies = packed.clone();
    lies.body = format!("[{}]", "1,".repeat(4) + "1").into();
    hotel.broker.put(&lies);
    hotel.broker.put(&packed);
    hotel.start_with(|_| {}).await;
    hotel.until_count("room", 2).await;
    hotel.until_settled("hotel").await;
    let dead = copies(&hotel, "dead");
    let [(reason, letter)] = &dead[..] else { panic!("{dead:?}") };
    assert_eq!((reason.as_str(), &letter.body), ("not_a_pack", &lies.body));
    let detail = text_header(&letter.properties, "x-dead-detail").expect("a detail");
    assert!(detail.contains("says 2 members, and it has 5"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_that_comes_again_does_only_what_was_not_done() {
    let mut hotel = hotel("again").await;
    let gate = close_gate(&hotel).await;
    hotel.broker.put(&trips(&hotel, &["Rome", "Bern", "Oslo", GATE, "Riga"]));
    let in_parts = |settings: &mut ballet::Settings| settings.batch = SMALL;
    hotel.start_with(in_parts).await;
    hotel.until_count("room", 2).await;
    assert_eq!(hotel.broker.unacked("hotel"), 1, "the pack is settled with its last member");
    hotel.kill();
    assert_eq!(hotel.broker.ready("hotel").len(), 1);
    gate.close().await.expect("opened");
    hotel.start_with(in_parts).await;
    hotel.until_settled("hotel").await;
    hotel.until_count("room", 5).await;
    assert_eq!(hotel.count("(select distinct saga_id from room) as sagas").await, 5);
    hotel.until_published().await;
    assert_eq!(unique(&ids(&hotel.taken::<crate::hotel::RoomBooked>())), 5);
    assert_eq!(copies(&hotel, "dead").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_that_never_gets_settled_goes_on_as_its_members() {
    let mut hotel = hotel("apart").await;
    let gate = close_gate(&hotel).await;
    let packed = trips(&hotel, &["Rome", GATE, "Bern"]);
    hotel.broker.put(&packed);
    for earlier in 0..3 {
        hotel.start_with(|settings| settings.batch = 1).await;
        // It is known to be delivered, since a member before the gate is done.
        hotel.until_count("room", 1).await;
        until("the delivery", || hotel.broker.unacked("hotel"), 1).await;
        hotel.kill();
        until("the queue", || hotel.broker.ready("hotel").len(), 1).await;
        assert_eq!(copies(&hotel, "retry").len(), 0, "after {earlier}");
    }
    hotel.start_with(|_| {}).await;
    until("the members", || copies(&hotel, "retry").len(), 3).await;
    let apart: Vec<_> = copies(&hotel, "retry").into_iter().map(|(_, one)| one).collect();
    let mut expected = ids(&[packed]);
    let mut ids = ids(&apart);
    expected.sort();
    ids.sort();
    assert_eq!(ids, expected);
    for one in &apart {
        assert_eq!(count_header(&one.properties, "x-retries"), 1);
        assert!(
            text_header(&one.properties, "x-retry-detail").is_some_and(|why| why.contains("alone"))
        );
    }
    gate.close().await.expect("opened");
}
