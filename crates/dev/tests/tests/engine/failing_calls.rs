//! Calls that always fail, that the provider does not take, or that are no longer wanted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ballet::calls::CallKey;
use ballet::{Clock, Failure, SagaId};
use ballet_stage::wait_until;
use ballet_store::inbox::stuck;
use ballet_store::operators::restored_database::hold_aborts;
use jiff::SignedDuration;

use crate::car_hire::{A_DAY, CarHire, book, cancel};
use crate::trip::{CarRefused, CarRented, CarReturned, TripBooked};
use crate::world::{SOON, TripWorld, part};

/// On a bad day it takes no request from Bern, neither to rent nor to return.
fn car_hire(bad_day: &Arc<AtomicBool>) -> CarHire {
    let is_bad = Arc::clone(bad_day);
    CarHire::new(move |city| match city {
        "Atlantis" => Err(Failure::transient("500: no road leads there")),
        "Nowhere" => Err(Failure::permanent("400: no such city")),
        city if city.ends_with("Bern") && is_bad.load(Ordering::SeqCst) => {
            Err(Failure::permanent("400: a broken release"))
        }
        _ => Ok(()),
    })
}

async fn key_of(world: &TripWorld, saga: SagaId) -> CallKey {
    let url = world.env.database_url("cars");
    let call = format!("select call_key from ballet.call where saga_id = '{saga}'");
    wait_until("a call", SOON, || async {
        world.looks().value(url, &call).await.map(|key| Some(CallKey(key)))
    })
    .await
    .expect("a key")
}

/// Acts as if this many attempts had been made, and their pauses were over.
async fn attempts(world: &TripWorld, saga: SagaId, attempts: u32) {
    let failed = format!("ballet.call where saga_id = '{saga}' and owner = 0 and attempts > 0");
    world.until_count("cars", &failed, 1).await;
    let skip = format!(
        "update ballet.call set attempts = {attempts}, next_at = now(), owner = 0 \
         where saga_id = '{saga}'"
    );
    world.execute("cars", &skip).await;
}

/// The call was not taken this often, and is listed as stuck.
async fn until_not_taken(world: &TripWorld, undo: bool) {
    let often = format!("ballet.call where undo = {undo} and closed_at is null and attempts > 6");
    world.until_count("cars", &often, 1).await;
    let mut db = world.database("cars").await;
    let stuck = stuck::list(&mut db, 10).await.expect("a list");
    assert!(stuck[0].detail.contains("400: a broken release"), "{stuck:?}");
    assert!(stuck[0].next_at.is_some(), "it is tried again: {stuck:?}");
}

#[tokio::test]
async fn t205_a_failing_call_decides_nothing_and_ends_when_it_is_known_that_nothing_was_done() {
    let bad_day = Arc::default();
    let rental = car_hire(&bad_day);
    let world = TripWorld::new("failing", vec![part(rental.cars(), &[])]).await;
    is_stuck_while_not_taken(&world, &rental, &bad_day).await;
    is_not_given_up_while_a_request_may_arrive(&world).await;
    ends_once_nothing_was_done(&world, &rental).await;
}

async fn is_stuck_while_not_taken(world: &TripWorld, rental: &CarHire, bad_day: &AtomicBool) {
    bad_day.store(true, Ordering::SeqCst);
    let saga = book(world, "Bern").await;
    until_not_taken(world, false).await;
    bad_day.store(false, Ordering::SeqCst);
    world.event::<CarRented>(saga).await;
    assert_eq!(world.events::<CarRefused>(saga).await, []);

    bad_day.store(true, Ordering::SeqCst);
    cancel(world, saga).await;
    until_not_taken(world, true).await;
    bad_day.store(false, Ordering::SeqCst);
    world.event::<CarReturned>(saga).await;
    assert_eq!(rental.returned.lock().expect("not poisoned").len(), 1);
}

async fn ends_once_nothing_was_done(world: &TripWorld, rental: &CarHire) {
    let (nothing, unheard) = (book(world, "Atlantis").await, book(world, "Atlantis").await);
    let not_taken = book(world, "Nowhere").await;
    for saga in [nothing, unheard, not_taken] {
        cancel(world, saga).await;
    }
    rental.rent_unheard(key_of(world, unheard).await);
    for saga in [nothing, unheard, not_taken] {
        attempts(world, saga, 9).await;
    }
    world.until_count("cars", "ballet.call where closed_at is null", 0).await;
    // An attempt whose answer was lost is compensated.
    world.event::<CarReturned>(unheard).await;
    assert_eq!(rental.returned.lock().expect("not poisoned").len(), 2);
    for saga in [nothing, not_taken] {
        let refused = format!("ballet.ledger where saga_id = '{saga}' and entry = 'refused'");
        assert_eq!(world.count("cars", &refused).await, 1);
        assert_eq!(world.events::<CarRefused>(saga).await, [], "nobody waits for it");
    }
}

async fn is_not_given_up_while_a_request_may_arrive(world: &TripWorld) {
    let saga = book(world, "Atlantis").await;
    cancel(world, saga).await;
    let call = format!("ballet.call where saga_id = '{saga}' and closed_at is null");
    world.until_count("cars", &format!("{call} and owner = 0 and attempts > 0"), 1).await;
    // Another process's claim that has run out.
    let died = format!(
        "update ballet.call set attempts = 9, owner = 4711, next_at = now() - interval '1 second' \
         where saga_id = '{saga}'"
    );
    world.execute("cars", &died).await;
    world.until_count("cars", &format!("{call} and owner = 0 and attempts > 9"), 1).await;
    assert_eq!(world.count("cars", &format!("{call} and out_until > now()")).await, 1);
    let arrived =
        "update ballet.call set out_until = now(), next_at = now() where closed_at is null";
    world.execute("cars", arrived).await;
    world.until_count("cars", "ballet.call where closed_at is null", 0).await;
}

#[tokio::test]
async fn t204_a_key_that_may_be_forgotten_is_looked_up_and_not_used_also_after_a_restore() {
    let rental = CarHire { kept: Some(A_DAY), ..car_hire(&Arc::default()) };
    let world = TripWorld::new("forgotten", vec![part(rental.cars(), &[])]).await;
    let saga = book(&world, "Atlantis").await;
    let key = key_of(&world, saga).await;
    rental.rent_unheard(key);
    let long_ago = "update ballet.call set created_at = now() - interval '25 hours'";
    world.execute("cars", long_ago).await;
    world.event::<CarRented>(saga).await;
    assert_eq!(rental.rented.lock().expect("not poisoned")[&key], 1, "it is not rented again");
    makes_no_call_from_before_the_backup(&world, &rental).await;
}

async fn makes_no_call_from_before_the_backup(world: &TripWorld, rental: &CarHire) {
    let mut db = world.database("cars").await;
    let backup = Clock::system().now() - SignedDuration::from_hours(25);
    hold_aborts(&mut db, backup, SignedDuration::from_hours(1)).await.expect("restored");
    let book_before = async || {
        let saga = SagaId(world.id_after(-2).parse().expect("an id"));
        world.publish(saga, &TripBooked { city: "Rome".into() }).await;
        saga
    };
    book_before().await;
    world.until_count("cars", "ballet.call where next_at = 'infinity'", 1).await;
    assert_eq!(rental.rented(), 1, "it may have been rented since, and the key be forgotten");
    // A saga that begins after the backup has made no call before.
    let new = book(world, "Rome").await;
    world.event::<CarRented>(new).await;

    let younger = "update ballet.restored set backup_at = now() - interval '1 hour'";
    world.execute("cars", younger).await;
    let known = book_before().await;
    world.event::<CarRented>(known).await;
    assert_eq!(rental.rented(), 3, "the rental still knows the key, and rents no second one");
}
