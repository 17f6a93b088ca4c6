//! Sagas close to the end of their memory, and beyond. Age stops nothing that is open.

use ballet::core::envelope::Limits;
use ballet::{Clock, FailureKind, SagaId};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::lifecycle::work_at_all_times;
use crate::trip::{
    DESK_TABLES, RoomBooked, RoomFreed, RoomRefused, TripBooked, TripCancelled, TripWanted, desk,
};
use crate::world::{TripWorld, part, the_hotel};

const EARLIER: SignedDuration = days(EARLIER_DAYS);
const EARLIER_DAYS: i64 = 35;
const MINUTE: SignedDuration = SignedDuration::from_mins(1);
const WEEK: i64 = 7 * 24 * 60 * 60;

const fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

fn clock(late: SignedDuration) -> Clock {
    let system = Clock::system();
    let seed = u64::from(system.new_id(system.now()).as_fields().0);
    Clock::new(move || system.now() - late, seed)
}

fn of_age(age: SignedDuration) -> SagaId {
    let clock = clock(age);
    SagaId(clock.new_id(clock.now()))
}

/// Publishes by a desk whose clock is late.
async fn book(world: &TripWorld, late: SignedDuration, saga: SagaId, city: &str) {
    let id = of_age(late).to_string();
    world.publish_as(&id, saga, &TripBooked { city: city.to_owned() }).await;
}

async fn dead_letter(world: &TripWorld, saga: SagaId, letters: usize) -> Value {
    let dead = world.dead_letters(letters).await;
    let of_saga = |m: &&Value| m["properties"]["correlation_id"] == saga.to_string();
    dead.iter().find(of_saga).unwrap_or_else(|| panic!("none of {saga}: {dead:#?}")).clone()
}

fn reason_and_detail(letter: &Value) -> (&str, &str) {
    let text = |name: &str| letter["properties"]["headers"][name].as_str().unwrap_or_default();
    (text("x-dead-reason"), text("x-dead-detail"))
}

#[tokio::test(flavor = "multi_thread")]
async fn t177_a_saga_begins_only_while_all_of_it_can_end() {
    let world = TripWorld::new("begins", vec![part(desk(), DESK_TABLES)]).await;
    let latest = Limits::default().begins_within(Some(SignedDuration::from_hours(1)));
    assert_eq!(latest, days(76) - SignedDuration::from_hours(1));
    let (early, late) = (of_age(latest - MINUTE), of_age(latest + MINUTE));
    for saga in [late, early] {
        world.publish(saga, &TripWanted { city: "Rome".into() }).await;
    }
    world.event::<TripBooked>(early).await;
    let letter = dead_letter(&world, late, 1).await;
    let (reason, detail) = reason_and_detail(&letter);
    assert_eq!(reason, "saga_too_old");
    assert!(detail.ends_with("forgotten after 2160h: begin it under a new id"), "{detail}");

    // Over HTTP.
    let (early, late) = (of_age(latest - MINUTE), of_age(latest + MINUTE));
    let mut unit = world.handle(0).saga_unit(late).await.expect("a transaction");
    let refused = unit.originate(TripBooked { city: "Rome".into() }).await.expect_err("refused");
    assert_eq!(refused.kind(), FailureKind::Permanent);
    assert!(refused.to_string().contains("begin it under a new id"), "{refused}");
    drop(unit);
    let mut unit = world.handle(0).saga_unit(early).await.expect("a transaction");
    unit.originate(TripBooked { city: "Rome".into() }).await.expect("begun");
    unit.commit().await.expect("committed");
    world.event::<TripBooked>(early).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t177_what_is_open_goes_on_at_any_age_and_what_is_forgotten_is_told() {
    let mut world = TripWorld::hotel("goes_on").await;
    world.services.pop().expect("the hotel").stop().await;
    // In the summer, one saga gets a room, and the message of another becomes a dead letter.
    world.let_pass("hotel", -EARLIER_DAYS).await;
    world.start(the_hotel()).await;
    let (dead, ended) = (of_age(days(110)), of_age(days(120)));
    book(&world, EARLIER, ended, "Full").await;
    world.event::<RoomRefused>(ended).await;
    book(&world, EARLIER, dead, "Broken").await;
    let letter = dead_letter(&world, dead, 1).await;
    assert_eq!(reason_and_detail(&letter).0, "permanent");
    world.services.pop().expect("the hotel").stop().await;

    world.let_pass("hotel", 0).await;
    world.start(the_hotel()).await;
    world.services.pop().expect("the hotel").stop().await;
    let mut db = world.database("hotel").await;
    work_at_all_times(&mut db).await;
    world.start(the_hotel()).await;
    let now = Clock::system().now().as_second() - days(120).as_secs();
    let week = Timestamp::from_second(now.div_euclid(WEEK) * WEEK).expect("in range");
    let partition = format!("pg_class where relname = 'ledger_{}'", week.strftime("%Y%m%d"));
    world.until_count("hotel", &partition, 0).await;
    // The message is fixed and sent back. Its neighbour is new.
    let neighbour = of_age(days(110));
    let last_moment = of_age(days(90) - MINUTE);
    for saga in [dead, neighbour, last_moment] {
        book(&world, SignedDuration::ZERO, saga, "Rome").await;
        world.event::<RoomBooked>(saga).await;
    }
    world.publish(dead, &TripCancelled { reason: "the customer".into() }).await;
    world.event::<RoomFreed>(dead).await;

    // An event of a forgotten saga takes no effect, and its dead letter says what to do. The lane goes on.
    let unknown = of_age(days(121));
    world.publish(ended, &TripCancelled { reason: "the customer".into() }).await;
    book(&world, SignedDuration::ZERO, unknown, "Rome").await;
    for saga in [ended, unknown] {
        let letter = dead_letter(&world, saga, 3).await;
        let (reason, detail) = reason_and_detail(&letter);
        assert_eq!(reason, "saga_too_old");
        assert!(detail.contains("by hand, or by a new saga"), "{detail}");
    }
    let stuck = format!("ballet.failure where reason = 'saga_too_old' and saga_id = '{unknown}'");
    assert_eq!(world.count("hotel", &stuck).await, 1, "it is listed as stuck");
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(saga).await;
    assert_eq!(world.count("hotel", "room").await, 4);
}
