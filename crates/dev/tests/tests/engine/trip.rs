//! A small system under test: the desk books a trip and decides it, the hotel holds a room, the car rental calls
//! outside.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, RequestResult, call,
};
use ballet::{
    Abort, Compensate, CompensateResult, Compensated, Due, Failure, Migration, Never, Owner,
    Participant, Projection, Saga, Step, StepResult, Tx, compensated, done, refused,
};
use jiff::{SignedDuration, Timestamp};

ballet_testkit::events! {
    TripWanted = starts_saga "agency.trip_wanted.v1" { city: String }
    TripBooked = "desk.trip_booked.v1" { city: String }
    TripCancelled = "desk.trip_cancelled.v1" { reason: String }
    TripConfirmed = "desk.trip_confirmed.v1"
    TripOverdue = "desk.trip_overdue.v1" { due_at: Timestamp }
    RoomBooked = "hotel.room_booked.v1" { room: i64 }
    RoomRefused = "hotel.room_refused.v1"
    RoomFreed = "hotel.room_freed.v1" { room: i64 }
    CarRented = "cars.car_rented.v1" { car: String }
    CarRefused = "cars.car_refused.v1"
    CarReturned = "cars.car_returned.v1" { car: String }
    HotelRenamed = plain "hotel.hotel_renamed.v1" { name: String }
}

pub(crate) struct Trip;

impl Saga for Trip {
    const NAME: &'static str = "trip";
    const OWNER: &'static str = "desk";
    type Abort = TripCancelled;
}

pub(crate) const DESK_TABLES: &[Migration] = &[Migration {
    name: "0001_trip",
    sql: "create table trip (saga_id uuid primary key, state text not null)",
}];
pub(crate) const HOTEL_TABLES: &[Migration] = &[Migration {
    name: "0001_room",
    sql: "create table room (room bigserial primary key, saga_id uuid not null, freed boolean not null default false)",
}];

pub(crate) fn desk() -> Participant {
    desk_within(SignedDuration::from_hours(1))
}

/// Cancels a trip that is not confirmed in time.
pub(crate) fn desk_within(deadline: SignedDuration) -> Participant {
    desk_overdue(deadline, |due| TripOverdue { due_at: due.at })
}

/// Has an event of its own for a passed deadline.
pub(crate) fn desk_overdue(
    deadline: SignedDuration,
    overdue: impl Fn(Due) -> TripOverdue + Send + Sync + 'static,
) -> Participant {
    let too_late = |_: TripOverdue| TripCancelled { reason: "too late".into() };
    Participant::new("desk").owns(Desk, |saga| {
        saga.deadline(deadline, overdue, too_late)
            .originates::<TripBooked>("book_trip")
            .starts(AcceptTrip)
            .aborts_on(|_: RoomRefused| TripCancelled { reason: "no room".into() })
            .aborts_on(|_: CarRefused| TripCancelled { reason: "no car".into() })
            .decides(ConfirmTrip)
    })
}

pub(crate) struct Desk;

impl Owner for Desk {
    type Saga = Trip;

    async fn abort(&self, tx: &mut Tx<'_>, _: &TripCancelled) -> Result<(), Failure> {
        set_trip(tx, "cancelled").await
    }
}

pub(crate) async fn set_trip(tx: &mut Tx<'_>, state: &str) -> Result<(), Failure> {
    let saga = tx.saga_id().map(|saga| saga.0);
    sqlx::query("insert into trip values ($1, $2) on conflict (saga_id) do update set state = $2")
        .bind(saga)
        .bind(state)
        .execute(tx.db())
        .await?;
    Ok(())
}

pub(crate) struct AcceptTrip;

impl Step for AcceptTrip {
    const NAME: &'static str = "accept_trip";
    type On = TripWanted;
    type Done = TripBooked;
    type Refused = TripCancelled;

    async fn run(&self, tx: &mut Tx<'_>, wanted: TripWanted) -> StepResult<Self> {
        if wanted.city.is_empty() {
            return refused(TripCancelled { reason: "no city".into() });
        }
        set_trip(tx, "booked").await?;
        done(TripBooked { city: wanted.city })
    }
}

pub(crate) struct ConfirmTrip;

impl Step for ConfirmTrip {
    const NAME: &'static str = "confirm_trip";
    type On = CarRented;
    type Done = TripConfirmed;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, _: CarRented) -> StepResult<Self> {
        set_trip(tx, "confirmed").await?;
        done(TripConfirmed {})
    }
}

/// How often to fail before success, by city.
#[derive(Debug, Default, Clone)]
pub(crate) struct Trouble(Arc<AtomicU32>);

impl Trouble {
    pub(crate) fn times(self, times: u32) -> Self {
        self.0.store(times, Ordering::SeqCst);
        self
    }

    pub(crate) fn strikes(&self) -> bool {
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
    }
}

pub(crate) fn hotel(trouble: Trouble) -> Participant {
    Participant::new("hotel")
        .saga::<Trip>(|saga| saga.compensatable(BookRoom { trouble }))
        .publishes::<HotelRenamed>()
}

pub(crate) struct BookRoom {
    pub(crate) trouble: Trouble,
}

impl Step for BookRoom {
    const NAME: &'static str = "book_room";
    type On = TripBooked;
    type Done = RoomBooked;
    type Refused = RoomRefused;

    async fn run(&self, tx: &mut Tx<'_>, trip: TripBooked) -> StepResult<Self> {
        let saga = tx.saga_id().map(|saga| saga.0);
        let (room,): (i64,) =
            sqlx::query_as("insert into room (saga_id) values ($1) returning room")
                .bind(saga)
                .fetch_one(tx.db())
                .await?;
        match trip.city.as_str() {
            "Full" => {
                sqlx::query("delete from room where room = $1").bind(room).execute(tx.db()).await?;
                refused(RoomRefused {})
            }
            "Broken" => Err(Failure::permanent("no such hotel system").into()),
            "Panic" => panic!("the hotel burns"),
            "Shaky" if self.trouble.strikes() => Err(Failure::transient("the line was cut").into()),
            _ => done(RoomBooked { room }),
        }
    }
}

impl Compensate for BookRoom {
    type Compensated = RoomFreed;

    async fn compensate(&self, tx: &mut Tx<'_>, booked: RoomBooked) -> CompensateResult<Self> {
        sqlx::query("update room set freed = true where room = $1")
            .bind(booked.room)
            .execute(tx.db())
            .await?;
        compensated(RoomFreed { room: booked.room })
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Rental {
    pub(crate) asked: Arc<Mutex<Vec<(CallKey, String)>>>,
    pub(crate) trouble: Trouble,
    pub(crate) is_silent: bool,
}

impl Rental {
    pub(crate) fn silent() -> Self {
        Self { is_silent: true, ..Self::default() }
    }

    pub(crate) async fn ask(&self, key: CallKey, what: &str) -> Result<(), Failure> {
        if self.is_silent {
            std::future::pending::<()>().await;
        }
        if self.trouble.strikes() {
            return Err(Failure::transient("the rental does not answer"));
        }
        self.asked.lock().expect("not poisoned").push((key, what.to_owned()));
        Ok(())
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("not poisoned").iter().map(|(_, what)| what.clone()).collect()
    }
}

pub(crate) fn cars(rental: Rental) -> Participant {
    Participant::new("cars").saga::<Trip>(|saga| saga.pivot(RentCar { rental }))
}

pub(crate) struct RentCar {
    pub(crate) rental: Rental,
}

impl CallStep for RentCar {
    const NAME: &'static str = "rent_car";
    type On = (TripBooked, RoomBooked);
    type Done = CarRented;
    type Refused = CarRefused;
    type Request = String;
    type Answer = bool;

    async fn request(&self, _: &mut Tx<'_>, on: Self::On) -> RequestResult<Self> {
        call(on.0.city)
    }

    async fn call(&self, key: CallKey, city: &String) -> Result<bool, Failure> {
        self.rental.ask(key, &format!("rent in {city}")).await?;
        Ok(city != "Carless")
    }

    async fn answered(&self, _: &mut Tx<'_>, city: String, granted: bool) -> CallStepResult<Self> {
        if granted {
            done(CarRented { car: format!("a car in {city}") })
        } else {
            refused(CarRefused {})
        }
    }
}

impl CallCompensate for RentCar {
    type Compensated = CarReturned;
    type UndoRequest = String;
    type UndoAnswer = ();

    async fn compensate_request(
        &self,
        _: &mut Tx<'_>,
        rented: CarRented,
    ) -> CompensateRequestResult<Self> {
        call(rented.car)
    }

    async fn compensate_call(&self, key: CallKey, car: &String) -> Result<(), Failure> {
        self.rental.ask(key, &format!("return {car}")).await
    }

    async fn compensate_answered(
        &self,
        _: &mut Tx<'_>,
        car: String,
        (): (),
    ) -> CallCompensateResult<Self> {
        Ok(Compensated::With(CarReturned { car }))
    }
}

/// Follows the plain event of the hotel.
pub(crate) fn guide() -> Participant {
    Participant::new("guide").projects(Names)
}

pub(crate) const GUIDE_TABLES: &[Migration] =
    &[Migration { name: "0001_name", sql: "create table hotel_name (name text not null)" }];

pub(crate) struct Names;

impl Projection for Names {
    const NAME: &'static str = "names";
    type On = HotelRenamed;

    async fn apply(&self, tx: &mut Tx<'_>, renamed: HotelRenamed) -> Result<(), Failure> {
        sqlx::query("insert into hotel_name values ($1)")
            .bind(renamed.name)
            .execute(tx.db())
            .await?;
        Ok(())
    }
}

pub(crate) async fn cancel(desk: &ballet::Handle, saga: ballet::SagaId) -> Abort {
    let mut unit = desk.saga_unit(saga).await.expect("a transaction");
    let abort_event = TripCancelled { reason: "the customer".into() };
    let abort = unit.abort::<Trip>(abort_event).await.expect("an answer");
    unit.commit().await.expect("committed");
    abort
}
