//! Two versions of the trip: the first as it is everywhere else, the second with a border that looks at visas before a
//! car is rented, and may refuse. Sagas end under the version under which they began.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, RequestResult,
};
use ballet::core::topology::EVENTS;
use ballet::core::{Graph, System};
use ballet::{
    Abort, Clock, Compensate, CompensateResult, Event, EventType, Failure, Migration, Outcome,
    Participant, Step, StepResult, Tx, compensated, done, refused,
};
use ballet_ops::sagas;
use ballet_stage::{Servers, wait_until};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::trip::{
    AcceptTrip, BookRoom, CarRefused, CarRented, CarReturned, ConfirmTrip, DESK_TABLES, Desk,
    HOTEL_TABLES, RentCar, Rental, RoomBooked, RoomFreed, RoomRefused, Trip, TripBooked,
    TripCancelled, TripConfirmed, TripOverdue, TripWanted, Trouble, cancel, cars, desk, hotel,
};
use crate::world::{LONG, World, part};

/// How many trips are wanted while two releases of a service work side by side.
const TRIPS: usize = 15;
/// The agency's pause between two of them.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct TripBookedV2 {
    city: String,
}

impl Event for TripBookedV2 {
    const TYPE: EventType = EventType::in_saga("desk.trip_booked.v2");
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct RoomBookedV2 {
    room: i64,
    city: String,
}

impl Event for RoomBookedV2 {
    const TYPE: EventType = EventType::in_saga("hotel.room_booked.v2");
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct VisaGranted {
    city: String,
}

impl Event for VisaGranted {
    const TYPE: EventType = EventType::in_saga("border.visa_granted.v1");
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct VisaRefused {}

impl Event for VisaRefused {
    const TYPE: EventType = EventType::in_saga("border.visa_refused.v1");
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct VisaReturned {}

impl Event for VisaReturned {
    const TYPE: EventType = EventType::in_saga("border.visa_returned.v1");
}

struct AcceptTripV2;

impl Step for AcceptTripV2 {
    const NAME: &'static str = "accept_trip_v2";
    type On = TripWanted;
    type Done = TripBookedV2;
    type Refused = TripCancelled;

    async fn run(&self, tx: &mut Tx<'_>, wanted: TripWanted) -> StepResult<Self> {
        match AcceptTrip.run(tx, wanted).await? {
            Outcome::Done(TripBooked { city }) => done(TripBookedV2 { city }),
            Outcome::Refused(cancelled) => refused(cancelled),
        }
    }
}

struct BookRoomV2(BookRoom);

impl Step for BookRoomV2 {
    const NAME: &'static str = "book_room_v2";
    type On = TripBookedV2;
    type Done = RoomBookedV2;
    type Refused = RoomRefused;

    async fn run(&self, tx: &mut Tx<'_>, trip: TripBookedV2) -> StepResult<Self> {
        let city = trip.city.clone();
        match self.0.run(tx, TripBooked { city: trip.city }).await? {
            Outcome::Done(RoomBooked { room }) => done(RoomBookedV2 { room, city }),
            Outcome::Refused(no_room) => refused(no_room),
        }
    }
}

impl Compensate for BookRoomV2 {
    type Compensated = RoomFreed;

    async fn compensate(&self, tx: &mut Tx<'_>, booked: RoomBookedV2) -> CompensateResult<Self> {
        self.0.compensate(tx, RoomBooked { room: booked.room }).await?;
        compensated(RoomFreed { room: booked.room })
    }
}

struct CheckVisa;

impl Step for CheckVisa {
    const NAME: &'static str = "check_visa";
    type On = RoomBookedV2;
    type Done = VisaGranted;
    type Refused = VisaRefused;

    async fn run(&self, _: &mut Tx<'_>, room: RoomBookedV2) -> StepResult<Self> {
        if room.city == "Nowhere" {
            return refused(VisaRefused {});
        }
        done(VisaGranted { city: room.city })
    }
}

impl Compensate for CheckVisa {
    type Compensated = VisaReturned;

    async fn compensate(&self, _: &mut Tx<'_>, _: VisaGranted) -> CompensateResult<Self> {
        compensated(VisaReturned {})
    }
}

struct RentCarV2(RentCar);

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

/// A desk that knows both versions, and begins sagas under one.
fn desk_of_both(begins: u32) -> Participant {
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

fn hotel_of_both() -> Participant {
    let room = || BookRoom { trouble: Trouble::default() };
    Participant::new("hotel").saga::<Trip>(|saga| {
        saga.until(1, |old| old.compensatable(room()))
            .since(2, |new| new.compensatable(BookRoomV2(room())))
    })
}

fn cars_of_both(rental: &Rental) -> Participant {
    let car = || RentCar { rental: rental.clone() };
    Participant::new("cars").saga::<Trip>(|saga| {
        saga.until(1, |old| old.pivot(car())).since(2, |new| new.pivot(RentCarV2(car())))
    })
}

fn border() -> Participant {
    Participant::new("border")
        .saga::<Trip>(|saga| saga.since(2, |new| new.compensatable(CheckVisa)))
}

fn system(begins: u32) -> System {
    let rental = Rental::default();
    let all = [desk_of_both(begins), hotel_of_both(), cars_of_both(&rental), border()];
    System { name: "trips", parts: all.iter().map(Participant::part).collect() }
}

/// The system in the middle of an upgrade: each service by the release that it runs.
struct Upgrade {
    world: World,
    rental: Rental,
}

impl Upgrade {
    /// Everybody runs the release before, which knows one version. The broker has what the next one needs.
    async fn begin(name: &str) -> Self {
        let servers = Servers::shared().await.expect("servers");
        // What only the release before has stays, as the topology of a roll-out does.
        let mut parts = system(1).parts;
        parts[1].publishes.extend(hotel(Trouble::default()).part().publishes);
        let world = World::asleep(servers, name, parts).await;
        let mut upgrade = Self { world, rental: Rental::default() };
        for service in ["desk", "hotel", "cars"] {
            upgrade.start(service, 0).await;
        }
        upgrade
    }

    /// Starts one more process. Release 0 knows one version, 1 knows both, and 2 begins sagas under the second.
    async fn start(&mut self, service: &str, release: u32) {
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
            ("cars", 0) => cars(self.rental.clone()),
            ("cars", _) => cars_of_both(&self.rental),
            _ => border(),
        };
        self.world.start(part(participant, tables)).await;
    }

    /// Replaces the process of a service, which works beside the new one for some trips. It is killed or stopped.
    async fn replace(&mut self, service: &str, release: u32, agency: &Agency, end: End) {
        self.start(service, release).await;
        agency.more().await;
        let oldest = self.world.services.iter().position(|one| one.service() == service);
        let oldest = self.world.services.remove(oldest.expect("it runs"));
        match end {
            End::Killed => drop(oldest),
            End::Stopped => oldest.stop().await,
        }
    }

    /// The open sagas, by the version under which they run.
    async fn open(&self) -> Vec<Vec<(&'static str, u32)>> {
        let options = |service: &str| -> PgConnectOptions {
            self.world.env.database_url(service).parse().expect("a database")
        };
        let databases: Vec<(String, PgConnectOptions)> = ["desk", "hotel", "cars", "border"]
            .map(|name| (name.to_owned(), options(name)))
            .to_vec();
        let open = sagas::open(&system(1), &databases, SignedDuration::ZERO).await;
        open.sagas.into_iter().map(|saga| saga.versions).collect()
    }

    /// Waits until no saga of this version is open, as whoever takes it out of the code does.
    async fn until_ended(&self, version: u32) {
        let ended = wait_until("sagas to end", LONG, || async {
            let open = self.open().await;
            let of_version = |saga: &&Vec<_>| saga.is_empty() || saga.contains(&("trip", version));
            match open.iter().filter(of_version).count() {
                0 => Ok(Some(())),
                open => Err(format!("{open} are open")),
            }
        });
        ended.await.expect("they end");
    }

    async fn rows(&self, service: &str, sql: &'static str) -> Vec<(Uuid, String)> {
        let url = self.world.env.database_url(service);
        let mut db = PgConnection::connect(url).await.expect("a connection");
        sqlx::query_as(sql).fetch_all(&mut db).await.expect("rows")
    }

    /// The sagas in whose ledger a service has a step that is done.
    async fn did(&self, service: &str, step: &str) -> BTreeSet<Uuid> {
        let sql = "select saga_id, step from ballet.ledger where entry = 'done'";
        let rows = self.rows(service, sql).await;
        rows.into_iter().filter(|(_, name)| name == step).map(|(saga, _)| saga).collect()
    }
}

/// How a process ends.
#[derive(Clone, Copy)]
enum End {
    /// In the middle of what it does.
    Killed,
    Stopped,
}

/// Somebody outside who wants trips all the time, and knows nothing of versions.
struct Agency {
    wanted: Arc<std::sync::Mutex<BTreeMap<Uuid, &'static str>>>,
    closed: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Agency {
    fn open(world: &World) -> Self {
        let (wanted, closed): (Arc<std::sync::Mutex<BTreeMap<_, _>>>, _) =
            (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (all, is_closed) = (Arc::clone(&wanted), Arc::clone(&closed));
        let (management, clock) = (world.env.management().clone(), Clock::system());
        let task = tokio::spawn(async move {
            for city in ["Rome", "Nowhere", "Full", "Rome", "Carless"].into_iter().cycle() {
                if is_closed.load(Ordering::SeqCst) {
                    return;
                }
                let (saga, name) = (clock.new_id(clock.now()), TripWanted::TYPE.name());
                let properties = json!({ "message_id": clock.new_id(clock.now()), "type": name,
                    "correlation_id": saga, "app_id": "agency", "content_type": "application/json",
                    "delivery_mode": 2 });
                let body = json!({ "city": city }).to_string();
                let published = management.publish(EVENTS, name, &properties, body).await;
                assert!(published.expect("published"), "somebody takes it");
                all.lock().expect("not poisoned").insert(saga, city);
                tokio::time::sleep(PAUSE).await;
            }
        });
        Self { wanted, closed, task }
    }

    /// Waits until some more are wanted.
    async fn more(&self) {
        let count = || self.wanted.lock().expect("not poisoned").len();
        let enough = count() + TRIPS;
        let reached = wait_until("wanted trips", LONG, || async {
            if count() >= enough { Ok(Some(())) } else { Err(format!("{} of {enough}", count())) }
        });
        reached.await.expect("trips");
    }

    async fn close(self) -> BTreeMap<Uuid, &'static str> {
        self.closed.store(true, Ordering::SeqCst);
        self.task.await.expect("no panic");
        self.wanted.lock().expect("not poisoned").clone()
    }
}

/// The saga by the end that it must have.
fn expected(city: &str, is_second: bool) -> &'static str {
    match (city, is_second) {
        ("Rome", _) | ("Nowhere", false) => "confirmed",
        _ => "cancelled",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t224_sagas_end_under_the_version_under_which_they_began_in_any_order_of_releases() {
    for begins in [1, 2] {
        let mut all = system(begins);
        all.parts.push(Participant::new("agency").publishes::<TripWanted>().part());
        assert_eq!(Graph::new(all).problems(), []);
    }
    let mut upgrade = Upgrade::begin("versions").await;
    let agency = Agency::open(&upgrade.world);
    agency.more().await;
    let orders = [
        ["border", "desk", "hotel", "cars"],
        ["desk", "cars", "border", "hotel"],
        ["hotel", "border", "desk", "cars"],
        ["hotel", "cars", "desk", "border"],
        ["cars", "desk", "hotel", "border"],
        ["cars", "hotel", "border", "desk"],
    ];
    for (round, order) in orders.into_iter().enumerate() {
        let end = if round % 2 == 0 { End::Killed } else { End::Stopped };
        for service in order {
            match service {
                "border" => upgrade.start(service, 1).await,
                service => upgrade.replace(service, 1, &agency, end).await,
            }
        }
        // Some desks begin sagas under the one version, some under the other, and back again.
        upgrade.replace("desk", 2, &agency, end).await;
        agency.more().await;
        upgrade.replace("desk", 1, &agency, end).await;
        upgrade.until_ended(2).await;
        for service in order.into_iter().rev() {
            match service {
                "border" => upgrade.world.stop(service).await,
                service => upgrade.replace(service, 0, &agency, end).await,
            }
        }
    }
    for service in ["border", "desk", "hotel", "cars"] {
        upgrade.start(service, 1).await;
    }
    let wanted = agency.close().await;
    upgrade.world.until_count("desk", "trip", i64::try_from(wanted.len()).expect("few")).await;
    upgrade.until_ended(1).await;
    upgrade.until_ended(2).await;
    all_ended_as_they_began(&upgrade, &wanted).await;
}

async fn all_ended_as_they_began(upgrade: &Upgrade, wanted: &BTreeMap<Uuid, &str>) {
    let first = upgrade.did("desk", "accept_trip").await;
    let second = upgrade.did("desk", "accept_trip_v2").await;
    assert!(first.is_disjoint(&second), "each began once");
    assert_eq!(first.len() + second.len(), wanted.len());
    assert!(first.len() > TRIPS && second.len() > TRIPS, "{} {}", first.len(), second.len());
    let ends = upgrade.rows("desk", "select saga_id, state from trip").await;
    for (saga, state) in ends {
        let (city, is_second) = (wanted[&saga], second.contains(&saga));
        assert_eq!(state, expected(city, is_second), "{saga} to {city}, second: {is_second}");
    }
    // Nobody of the first version was asked for a visa, and nobody of the second got a car without one.
    let with_visa = upgrade.did("border", "check_visa").await;
    assert!(with_visa.is_subset(&second));
    assert!(upgrade.did("cars", "rent_car").await.is_subset(&first));
    assert!(upgrade.did("cars", "rent_car_v2").await.is_subset(&with_visa));
    let number =
        |city: &str, of: &BTreeSet<Uuid>| of.iter().filter(|saga| wanted[*saga] == city).count();
    let asked: BTreeSet<CallKey> = {
        let asked = upgrade.rental.asked.lock().expect("not poisoned");
        asked.iter().filter(|(_, what)| what == "rent in Nowhere").map(|(key, _)| *key).collect()
    };
    assert_eq!(asked.len(), number("Nowhere", &first), "the rental was asked for no other");
    // What was held for a trip that is refused is given back.
    let refused_late =
        number("Carless", &first) + number("Carless", &second) + number("Nowhere", &second);
    let freed = upgrade.world.count("hotel", "room where freed").await;
    assert_eq!(freed, i64::try_from(refused_late).expect("few"));
    let returned = upgrade.world.count("border", "ballet.ledger where entry = 'undone'").await;
    assert_eq!(returned, i64::try_from(number("Carless", &second)).expect("few"));
    let (dead, seen): (Vec<Value>, Vec<Value>) =
        upgrade.world.seen().await.into_iter().partition(|m| m["exchange"] == "dead");
    // What a process that was killed had published comes again as a copy, maybe to an older release.
    let is_copy = |letter: &&Value| {
        let id = &letter["properties"]["message_id"];
        seen.iter().filter(|m| m["properties"]["message_id"] == *id).count() > 1
    };
    let lost: Vec<&Value> = dead.iter().filter(|letter| !is_copy(letter)).collect();
    assert!(lost.is_empty(), "each message found a release that knows it: {lost:#?}");
}

#[tokio::test]
async fn t224_an_owner_that_begins_a_version_too_early_is_told_and_nothing_is_rented() {
    let mut upgrade = Upgrade::begin("too_early").await;
    upgrade.world.stop("desk").await;
    upgrade.start("desk", 2).await;
    let saga = upgrade.world.new_saga();
    upgrade.world.publish(saga, &TripWanted { city: "Rome".into() }).await;
    // The hotel that knows one version says so; and the cars, in a letter of their own.
    let dead = upgrade.world.dead_letters(2).await;
    for letter in &dead {
        assert_eq!(letter["properties"]["headers"]["x-dead-reason"], "unknown_version", "{letter}");
    }
    assert_eq!(upgrade.rental.asked(), Vec::<String>::new());
    let desk = upgrade.world.services.last().expect("the desk").handle().clone();
    assert_eq!(cancel(&desk, saga).await, Abort::Aborted);
    upgrade.world.event::<TripCancelled>(saga).await;
    for service in ["hotel", "cars"] {
        upgrade.world.stop(service).await;
        upgrade.start(service, 1).await;
    }
    upgrade.start("border", 1).await;
    let saga = upgrade.world.new_saga();
    upgrade.world.publish(saga, &TripWanted { city: "Rome".into() }).await;
    upgrade.world.event::<VisaGranted>(saga).await;
    upgrade.world.event::<TripConfirmed>(saga).await;
    assert_eq!(upgrade.rental.asked(), ["rent in Rome"]);
}

#[tokio::test]
async fn t224_a_saga_keeps_its_version_whatever_is_published_under_its_id() {
    let mut upgrade = Upgrade::begin("keeps").await;
    for service in ["desk", "hotel", "cars"] {
        upgrade.world.stop(service).await;
        upgrade.start(service, 1).await;
    }
    upgrade.start("border", 1).await;
    let saga = upgrade.world.new_saga();
    let wanted = TripWanted { city: "Rome".into() };
    upgrade.world.publish(saga, &wanted).await;
    upgrade.world.event::<TripConfirmed>(saga).await;
    // The agency asks once more, when the desk begins sagas under the next version.
    upgrade.world.stop("desk").await;
    upgrade.start("desk", 2).await;
    upgrade.world.publish(saga, &wanted).await;
    // A visa for a trip that began without one.
    upgrade.world.publish(saga, &TripBookedV2 { city: "Rome".into() }).await;
    let dead = upgrade.world.dead_letters(2).await;
    for letter in &dead {
        let detail = letter["properties"]["headers"]["x-dead-detail"].as_str().unwrap_or_default();
        assert!(detail.contains("runs under version 1"), "{detail}");
    }
    assert_eq!(dead.len(), 2, "the hotel and the cars: {dead:?}");
    assert_eq!(upgrade.world.count("desk", "ballet.ledger where entry = 'done'").await, 2);
    assert_eq!(upgrade.rental.asked(), ["rent in Rome"]);
}
