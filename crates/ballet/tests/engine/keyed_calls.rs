//! A step that repeats and asks outside: one repetition is taken back while its call is out.

use std::sync::{Arc, Mutex};

use ballet::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, Event, EventType, Failure, Never, Participant, RequestResult, Saga,
    Tx, call, compensated, done,
};
use ballet_testkit::wait_until;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::world::{SOON, World, part};

macro_rules! events {
    ($($name:ident = $text:literal)+) => {$(
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
        struct $name { room: String }
        impl Event for $name { const TYPE: EventType = EventType::in_saga($text); }
    )+};
}

events! {
    RoomWanted = "tours.room_wanted.v1"
    RoomDeclined = "tours.room_declined.v1"
    TourCancelled = "tours.tour_cancelled.v1"
    RoomRented = "rooms.room_rented.v1"
    RoomReturned = "rooms.room_returned.v1"
}

struct Tour;

impl Saga for Tour {
    const NAME: &'static str = "tour";
    const OWNER: &'static str = "tours";
    type Abort = TourCancelled;
}

/// Rents rooms from somebody who takes his time. What he was told is kept in order.
#[derive(Clone)]
struct RentRoom {
    told: Arc<Mutex<Vec<String>>>,
    answers: Arc<Semaphore>,
}

impl RentRoom {
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
        self.answers.acquire().await?.forget();
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

#[tokio::test]
async fn a_repetition_that_is_taken_back_while_its_call_is_out_is_undone_once_the_answer_is_there()
{
    let rent = RentRoom { told: Arc::default(), answers: Arc::new(Semaphore::new(0)) };
    let step = rent.clone();
    let rooms = Participant::new("rooms")
        .saga::<Tour>(|saga| saga.repeating(step, |declined: &RoomDeclined| declined.room.clone()));
    let world = World::new("keyed_call", vec![part(rooms, &[])]).await;
    let (saga, room) = (world.new_saga(), "blue".to_owned());
    world.publish(saga, &RoomWanted { room: room.clone() }).await;
    rent.until_told(&["rent blue"]).await;
    world.publish(saga, &RoomDeclined { room: room.clone() }).await;
    world.until_count("rooms", "ballet.ledger where entry = 'aborted'", 1).await;
    rent.answers.add_permits(2);
    assert_eq!(world.event::<RoomReturned>(saga).await, RoomReturned { room });
    assert_eq!(world.events::<RoomRented>(saga).await, [], "nobody is told of what is undone");
    // The saga goes on.
    world.publish(saga, &RoomWanted { room: "red".to_owned() }).await;
    assert_eq!(world.event::<RoomRented>(saga).await.room, "red");
    rent.until_told(&["rent blue", "return blue", "rent red"]).await;
}
