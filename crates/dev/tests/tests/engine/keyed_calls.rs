//! A step that repeats and calls outside. One repetition is undone by hand.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, RequestResult, call,
};
use ballet::{Failure, Never, Participant, Saga, Tx, compensated, done};
use ballet_ops::sagas::SolveError;
use ballet_stage::wait_until;

use crate::compensations_by_hand::{by_hand_of_key, when_free};
use crate::world::{SOON, TripWorld, part};

ballet_testkit::events! {
    RoomWanted = "tours.room_wanted.v1" { room: String }
    RoomDeclined = "tours.room_declined.v1" { room: String }
    TourCancelled = "tours.tour_cancelled.v1" { room: String }
    RoomRented = "rooms.room_rented.v1" { room: String }
    RoomReturned = "rooms.room_returned.v1" { room: String }
}

struct Tour;

impl Saga for Tour {
    const NAME: &'static str = "tour";
    const OWNER: &'static str = "tours";
    type Abort = TourCancelled;
}

#[derive(Clone, Default)]
struct RentRoom {
    told: Arc<Mutex<Vec<String>>>,
    /// The host takes no room back any more.
    gone: Arc<AtomicBool>,
}

impl RentRoom {
    fn rooms(&self) -> Participant {
        let step = self.clone();
        Participant::new("rooms").saga::<Tour>(|saga| {
            saga.repeating(step, |declined: &RoomDeclined| declined.room.clone())
        })
    }

    fn tell(&self, what: &str, room: &str) {
        self.told.lock().expect("not poisoned").push(format!("{what} {room}"));
    }

    async fn until_told(&self, expected: &[&str]) {
        wait_until("what he is told", SOON, || async {
            let told = self.told.lock().expect("not poisoned").clone();
            if told == expected { Ok(Some(())) } else { Err(format!("{told:?}")) }
        })
        .await
        .expect("told");
    }
}

impl CallStep for RentRoom {
    const NAME: &'static str = "rent_room";
    type On = RoomWanted;
    type Done = RoomRented;
    type Refused = Never;
    type Request = String;
    type Answer = ();

    fn key(wanted: &RoomWanted) -> Option<String> {
        Some(wanted.room.clone())
    }

    async fn request(&self, _: &mut Tx<'_>, wanted: RoomWanted) -> RequestResult<Self> {
        call(wanted.room)
    }

    async fn call(&self, _: CallKey, room: &String) -> Result<(), Failure> {
        self.tell("rent", room);
        Ok(())
    }

    async fn answered(&self, _: &mut Tx<'_>, room: String, (): ()) -> CallStepResult<Self> {
        done(RoomRented { room })
    }
}

impl CallCompensate for RentRoom {
    type Compensated = RoomReturned;
    type UndoRequest = String;
    type UndoAnswer = ();

    async fn compensate_request(
        &self,
        _: &mut Tx<'_>,
        rented: RoomRented,
    ) -> CompensateRequestResult<Self> {
        call(rented.room)
    }

    async fn compensate_call(&self, _: CallKey, room: &String) -> Result<(), Failure> {
        if self.gone.load(Ordering::SeqCst) {
            return Err(Failure::transient("nobody takes it back"));
        }
        self.tell("return", room);
        Ok(())
    }

    async fn compensate_answered(
        &self,
        _: &mut Tx<'_>,
        room: String,
        (): (),
    ) -> CallCompensateResult<Self> {
        compensated(RoomReturned { room })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t153_one_repetition_is_solved_by_hand_and_the_others_stay() {
    let rent = RentRoom::default();
    let rooms = rent.rooms();
    let world = TripWorld::new("keyed_hand", vec![part(rent.rooms(), &[])]).await;
    let saga = world.new_saga();
    for (room, done) in [("blue", 1), ("red", 2)] {
        world.publish(saga, &RoomWanted { room: room.to_owned() }).await;
        world.until_count("rooms", "ballet.ledger where entry = 'done'", done).await;
    }
    rent.gone.store(true, Ordering::SeqCst);
    world.publish(saga, &RoomDeclined { room: "blue".to_owned() }).await;
    world.until_count("rooms", "ballet.call where undo and last_error is not null", 1).await;
    let which = by_hand_of_key(&world, &rooms, saga, "rent_room", None).await;
    let which = which.expect_err("one of two").to_string();
    assert!(which.contains("--key: blue, red"), "{which}");
    let other = by_hand_of_key(&world, &rooms, saga, "rent_room", Some("red")).await;
    assert!(matches!(other, Err(SolveError::NotAborted { .. })), "{other:?}");
    let blue = async || by_hand_of_key(&world, &rooms, saga, "rent_room", Some("blue")).await;
    let solved = when_free(blue).await.expect("solved");
    assert_eq!((solved.step.as_str(), solved.earlier), ("rent_room blue", Vec::new()));
    assert_eq!(world.event::<RoomReturned>(saga).await.room, "blue");
    rent.gone.store(false, Ordering::SeqCst);
    world.publish(saga, &TourCancelled { room: "all".to_owned() }).await;
    rent.until_told(&["rent blue", "rent red", "return red"]).await;
    world.until_count("rooms", "ballet.ledger where entry = 'undone'", 2).await;
    let returned = wait_until("both rooms", SOON, || async {
        let returned = world.events::<RoomReturned>(saga).await;
        if returned.len() < 2 { Err(format!("{returned:?}")) } else { Ok(Some(returned)) }
    });
    let returned: Vec<String> =
        returned.await.expect("both").into_iter().map(|event| event.room).collect();
    assert_eq!(returned, ["blue", "red"]);
}
