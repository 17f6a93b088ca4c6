//! Calls that always fail, that the other side does not take, or that nobody wants any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ballet::calls::CallKey;
use ballet::core::System;
use ballet::{Clock, Failure, SagaId};
use ballet_ops::audit::{BrokerSnapshot, audit};
use ballet_stage::wait_until;
use ballet_store::inbox::stuck;
use ballet_store::operators::restored_database::hold_aborts;
use jiff::SignedDuration;

use crate::car_hire::{A_DAY, CarHire, book, cancel};
use crate::trip::{CarRefused, CarRented, CarReturned, TripBooked};
use crate::world::{SOON, TripWorld, part};

fn deals(city: &str) -> Result<(), Failure> {
    match city {
        "Atlantis" => Err(Failure::transient("500: no road leads there")),
        "Nowhere" => Err(Failure::permanent("400: no such city")),
        _ => Ok(()),
    }
}

/// The key of a saga's call.
async fn key_of(world: &TripWorld, saga: SagaId) -> CallKey {
    let url = world.env.database_url("cars");
    wait_until("a call", SOON, || async {
        let mut db = world.looks().session(url).await?;
        let key = sqlx::query_scalar("select call_key from ballet.call where saga_id = $1");
        let key = key.bind(saga.0).fetch_optional(&mut db).await?;
        world.looks().keep(url, db);
        Ok::<_, sqlx::Error>(key.map(CallKey))
    })
    .await
    .expect("a key")
}

/// As if this many attempts had been made, and the pauses between them were over.
async fn attempts(world: &TripWorld, saga: SagaId, attempts: u32) {
    let failed = format!("ballet.call where saga_id = '{saga}' and owner = 0 and attempts > 0");
    world.until_count("cars", &failed, 1).await;
    let skip = format!(
        "update ballet.call set attempts = {attempts}, next_at = now(), owner = 0 \
         where saga_id = '{saga}'"
    );
    world.execute("cars", &skip).await;
}

/// Takes no request, neither to rent nor to return, until it does again.
fn a_bad_day() -> (Arc<AtomicBool>, CarHire) {
    let is_bad = Arc::new(AtomicBool::new(true));
    let day = Arc::clone(&is_bad);
    let deals = move |_: &str| match day.load(Ordering::SeqCst) {
        true => Err(Failure::permanent("400: a broken release")),
        false => Ok(()),
    };
    (is_bad, CarHire::new(deals))
}

/// Waits until the only call, or the one that undoes it, was not taken this often and is listed as stuck.
async fn until_not_taken(world: &TripWorld, undo: bool) {
    let often = format!("ballet.call where undo = {undo} and closed_at is null and attempts > 6");
    world.until_count("cars", &often, 1).await;
    let mut db = world.database("cars").await;
    let stuck = stuck::list(&mut db, 10).await.expect("a list");
    assert!(stuck[0].detail.contains("400: a broken release"), "{stuck:?}");
    assert!(stuck[0].next_at.is_some(), "it is tried again: {stuck:?}");
}

#[tokio::test]
async fn t205_a_request_that_is_not_taken_is_stuck_and_decides_nothing() {
    let (is_bad, rental) = a_bad_day();
    let world = TripWorld::new("not_taken", vec![part(rental.cars(), &[])]).await;
    let saga = book(&world, "Rome").await;
    until_not_taken(&world, false).await;
    is_bad.store(false, Ordering::SeqCst);
    world.event::<CarRented>(saga).await;
    assert_eq!(world.events::<CarRefused>(saga).await, []);

    is_bad.store(true, Ordering::SeqCst);
    cancel(&world, saga).await;
    until_not_taken(&world, true).await;
    is_bad.store(false, Ordering::SeqCst);
    world.event::<CarReturned>(saga).await;
    assert_eq!(rental.returned.lock().expect("not poisoned").len(), 1);
}

#[tokio::test]
async fn t205_a_call_of_an_aborted_saga_ends_once_it_is_known_that_nothing_was_done() {
    let rental = CarHire::new(deals);
    let world = TripWorld::new("unwanted", vec![part(rental.cars(), &[])]).await;
    let (nothing, unheard) = (book(&world, "Atlantis").await, book(&world, "Atlantis").await);
    let not_taken = book(&world, "Nowhere").await;
    for saga in [nothing, unheard, not_taken] {
        cancel(&world, saga).await;
    }
    rental.rent_unheard(key_of(&world, unheard).await);
    for saga in [nothing, unheard, not_taken] {
        attempts(&world, saga, 9).await;
    }
    world.until_count("cars", "ballet.call where closed_at is null", 0).await;
    // An attempt whose answer was lost is compensated.
    world.event::<CarReturned>(unheard).await;
    assert_eq!(rental.returned.lock().expect("not poisoned").len(), 1);
    for saga in [nothing, not_taken] {
        let refused = format!("ballet.ledger where saga_id = '{saga}' and entry = 'refused'");
        assert_eq!(world.count("cars", &refused).await, 1);
        assert_eq!(world.events::<CarRefused>(saga).await, [], "nobody waits for it");
    }
}

#[tokio::test]
async fn t205_a_request_of_a_process_that_died_may_still_arrive_and_is_not_given_up_for() {
    let rental = CarHire::new(deals);
    let world = TripWorld::new("still_out", vec![part(rental.cars(), &[])]).await;
    let saga = book(&world, "Atlantis").await;
    cancel(&world, saga).await;
    let call = format!("ballet.call where saga_id = '{saga}' and closed_at is null");
    world.until_count("cars", &format!("{call} and owner = 0 and attempts > 0"), 1).await;
    // Nobody knows this process, and its claim has run out.
    let died = format!(
        "update ballet.call set attempts = 9, owner = 4711, next_at = now() - interval '1 second' \
         where saga_id = '{saga}'"
    );
    world.execute("cars", &died).await;
    world.until_count("cars", &format!("{call} and owner = 0 and attempts > 9"), 1).await;
    assert_eq!(world.count("cars", &format!("{call} and out_until > now()")).await, 1);
    let arrived = "update ballet.call set out_until = now(), next_at = now()";
    world.execute("cars", arrived).await;
    world.until_count("cars", "ballet.call where closed_at is null", 0).await;
}

#[tokio::test]
async fn t204_a_key_that_may_be_forgotten_is_not_asked_under_but_looked_up() {
    let rental = CarHire { kept: Some(A_DAY), ..CarHire::new(deals) };
    let world = TripWorld::new("forgotten", vec![part(rental.cars(), &[])]).await;
    let saga = book(&world, "Atlantis").await;
    let key = key_of(&world, saga).await;
    rental.rent_unheard(key);
    let long_ago = "update ballet.call set created_at = now() - interval '25 hours'";
    world.execute("cars", long_ago).await;
    world.event::<CarRented>(saga).await;
    assert_eq!(rental.rented.lock().expect("not poisoned")[&key], 1, "it is not rented again");
}

#[tokio::test]
async fn a_restored_service_makes_no_call_whose_key_may_be_forgotten_since_the_backup() {
    let rental = CarHire { kept: Some(A_DAY), ..CarHire::new(deals) };
    let world = TripWorld::new("lost_call", vec![part(rental.cars(), &[])]).await;
    let mut db = world.database("cars").await;
    // The work of the last 25 hours is lost.
    let backup = Clock::system().now() - SignedDuration::from_hours(25);
    hold_aborts(&mut db, backup, SignedDuration::from_hours(1)).await.expect("restored");
    let book_before = async || {
        let saga = SagaId(world.id_after(-2).parse().expect("an id"));
        world.publish(saga, &TripBooked { city: "Rome".into() }).await;
        saga
    };
    book_before().await;
    world.until_count("cars", "ballet.call where next_at = 'infinity'", 1).await;
    assert_eq!(rental.rented(), 0, "it may have been rented since, and the key be forgotten");
    // A saga that begins after the backup has made no call before.
    let new = book(&world, "Rome").await;
    world.event::<CarRented>(new).await;

    let younger = "update ballet.restored set backup_at = now() - interval '1 hour'";
    world.execute("cars", younger).await;
    let known = book_before().await;
    world.event::<CarRented>(known).await;
    assert_eq!(rental.rented(), 2, "the rental still knows the key, and rents no second one");
}

#[tokio::test]
async fn t204_a_call_whose_key_may_be_forgotten_is_set_aside_if_it_cannot_be_looked_up() {
    let rental = CarHire { kept: Some(A_DAY), looks_up: false, ..CarHire::new(deals) };
    let cars = rental.cars();
    let system = System { name: "trips", parts: vec![cars.part()] };
    let world = TripWorld::new("set_aside", vec![part(cars, &[])]).await;
    let saga = book(&world, "Atlantis").await;
    key_of(&world, saga).await;
    // As if it had been stored while the clock was ahead: it is new, and is made.
    let ahead = "update ballet.call set created_at = now() + interval '25 hours'";
    world.execute("cars", ahead).await;
    world.until_count("cars", "ballet.call where attempts > 4 and next_at < 'infinity'", 1).await;
    let long_ago = "update ballet.call set created_at = now() - interval '25 hours'";
    world.execute("cars", long_ago).await;
    world.until_count("cars", "ballet.call where next_at = 'infinity'", 1).await;
    let mut db = world.database("cars").await;
    let stuck = stuck::list(&mut db, 10).await.expect("a list");
    assert!(stuck[0].next_at.is_none(), "it waits for a person: {stuck:?}");
    assert!(stuck[0].detail.contains("may have forgotten this one"), "{stuck:?}");
    let databases = [("cars".to_owned(), world.env.database_url("cars").to_owned())];
    let broker = BrokerSnapshot::default();
    let report = audit(&system, &databases, &broker, SignedDuration::ZERO).await;
    assert!(!report.needs_nobody(), "{report}");
    assert!(report.stuck[0].contains("may have forgotten this one"), "{report}");
    assert_eq!(rental.rented(), 0);
}
