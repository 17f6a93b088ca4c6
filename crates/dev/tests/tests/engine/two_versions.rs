//! In the trip's second version a border, which may refuse, checks visas before a car is rented.

use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, RequestResult,
};
use ballet::core::System;
use ballet::{
    Compensate, CompensateResult, Does, Failure, Migration, Participant, Step, StepResult, Tx,
    Undoes, compensated, done, refused,
};
use jiff::SignedDuration;

use crate::trip::{
    AcceptTrip, BookRoom, CarRefused, CarRented, CarReturned, ConfirmTrip, DESK_TABLES, Desk,
    HOTEL_TABLES, RentCar, Rental, RoomBooked, RoomFreed, RoomRefused, Trip, TripBooked,
    TripCancelled, TripOverdue, TripWanted, Trouble, cars, desk, hotel,
};
use crate::world::{WorldPart, part};

ballet_testkit::events! {
    TripBookedV2 = "desk.trip_booked.v2" { city: String }
    RoomBookedV2 = "hotel.room_booked.v2" { room: i64, city: String }
    VisaGranted = "border.visa_granted.v1" { city: String }
    VisaRefused = "border.visa_refused.v1"
    VisaReturned = "border.visa_returned.v1"
}

pub(crate) struct AcceptTripV2;

impl Step for AcceptTripV2 {
    const NAME: &'static str = "accept_trip_v2";
    type On = TripWanted;
    type Done = TripBookedV2;
    type Refused = TripCancelled;

    async fn run(&self, tx: &mut Tx<'_>, wanted: TripWanted) -> StepResult<Self> {
        let TripBooked { city } = AcceptTrip.run(tx, wanted).await?;
        done(TripBookedV2 { city })
    }
}

pub(crate) struct BookRoomV2(BookRoom);

impl Step for BookRoomV2 {
    const NAME: &'static str = "book_room_v2";
    type On = TripBookedV2;
    type Done = RoomBookedV2;
    type Refused = RoomRefused;

    async fn run(&self, tx: &mut Tx<'_>, trip: TripBookedV2) -> StepResult<Self> {
        let city = trip.city.clone();
        let RoomBooked { room } = self.0.run(tx, TripBooked { city: trip.city }).await?;
        done(RoomBookedV2 { room, city })
    }
}

impl Compensate for BookRoomV2 {
    type Compensated = RoomFreed;

    async fn compensate(&self, tx: &mut Tx<'_>, booked: RoomBookedV2) -> CompensateResult<Self> {
        self.0.compensate(tx, RoomBooked { room: booked.room }).await?;
        compensated(RoomFreed { room: booked.room })
    }
}

#[ballet::service("border", saga = Trip)]
impl Border {
    #[compensatable(undo = return_visa, since = 2)]
    async fn check_visa(_: &mut Tx<'_>, room: RoomBookedV2) -> Does<VisaGranted, VisaRefused> {
        if room.city == "Nowhere" {
            return refused(VisaRefused {});
        }
        done(VisaGranted { city: room.city })
    }

    async fn return_visa(_: &mut Tx<'_>, _: VisaGranted) -> Undoes<VisaReturned> {
        compensated(VisaReturned {})
    }
}

pub(crate) struct RentCarV2(RentCar);

impl CallStep for RentCarV2 {
    const NAME: &'static str = "rent_car_v2";
    type On = (TripBookedV2, VisaGranted);
    type Done = CarRented;
    type Refused = CarRefused;
    type Request = String;
    type Answer = bool;

    async fn request(&self, tx: &mut Tx<'_>, (trip, _): Self::On) -> RequestResult<Self> {
        self.0.request(tx, (TripBooked { city: trip.city }, RoomBooked { room: 0 })).await
    }

    async fn call(&self, key: CallKey, city: &String) -> Result<bool, Failure> {
        self.0.call(key, city).await
    }

    async fn answered(&self, tx: &mut Tx<'_>, city: String, granted: bool) -> CallStepResult<Self> {
        self.0.answered(tx, city, granted).await
    }
}

impl CallCompensate for RentCarV2 {
    type Compensated = CarReturned;
    type UndoRequest = String;
    type UndoAnswer = ();

    async fn compensate_request(
        &self,
        tx: &mut Tx<'_>,
        rented: CarRented,
    ) -> CompensateRequestResult<Self> {
        self.0.compensate_request(tx, rented).await
    }

    async fn compensate_call(&self, key: CallKey, car: &String) -> Result<(), Failure> {
        self.0.compensate_call(key, car).await
    }

    async fn compensate_answered(
        &self,
        tx: &mut Tx<'_>,
        car: String,
        (): (),
    ) -> CallCompensateResult<Self> {
        self.0.compensate_answered(tx, car, ()).await
    }
}

/// The desk begins sagas under one of the versions.
pub(crate) fn desk_of_both(begins: u32) -> Participant {
    let cancelled = |reason: &str| TripCancelled { reason: reason.to_owned() };
    Participant::new("desk").owns(Desk, |saga| {
        saga.begins(begins)
            .until(1, |old| old.originates::<TripBooked>("book_trip").starts(AcceptTrip))
            .since(2, |new| new.originates::<TripBookedV2>("book_trip_v2").starts(AcceptTripV2))
            .deadline(
                SignedDuration::from_hours(1),
                |due| TripOverdue { due_at: due.at },
                move |_: TripOverdue| cancelled("too late"),
            )
            .aborts_on(move |_: RoomRefused| cancelled("no room"))
            .aborts_on(move |_: CarRefused| cancelled("no car"))
            .aborts_on(move |_: VisaRefused| cancelled("no visa"))
            .decides(ConfirmTrip)
    })
}

pub(crate) fn hotel_of_both() -> Participant {
    let room = || BookRoom { trouble: Trouble::default() };
    Participant::new("hotel").saga::<Trip>(|saga| {
        saga.until(1, |old| old.compensatable(room()))
            .since(2, |new| new.compensatable(BookRoomV2(room())))
    })
}

pub(crate) fn cars_of_both(rental: &Rental) -> Participant {
    let car = || RentCar { rental: rental.clone() };
    Participant::new("cars").saga::<Trip>(|saga| {
        saga.until(1, |old| old.pivot(car())).since(2, |new| new.pivot(RentCarV2(car())))
    })
}

pub(crate) fn system(begins: u32) -> System {
    let rental = Rental::default();
    let all = [desk_of_both(begins), hotel_of_both(), cars_of_both(&rental), Border::participant()];
    System { name: "trips", parts: all.iter().map(Participant::part).collect() }
}

/// Release 0 knows one version, 1 knows both, and 2 begins sagas under the second.
pub(crate) fn released(service: &str, release: u32, rental: &Rental) -> WorldPart {
    let tables: &[Migration] = match service {
        "desk" => DESK_TABLES,
        "hotel" => HOTEL_TABLES,
        _ => &[],
    };
    let participant = match (service, release) {
        ("desk", 0) => desk(),
        ("desk", release) => desk_of_both(release),
        ("hotel", 0) => hotel(Trouble::default()),
        ("hotel", _) => hotel_of_both(),
        ("cars", 0) => cars(rental.clone()),
        ("cars", _) => cars_of_both(rental),
        _ => Border::participant(),
    };
    part(participant, tables)
}
