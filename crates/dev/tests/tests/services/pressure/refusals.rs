//! A refusal leaves only its event; steps that name the same row do not run side by side.

use std::sync::Arc;
use std::time::Duration;

use ballet::bulk::Item;
use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, RequestResult, call, known,
};
use ballet::{
    Compensated, Does, Event, Failure, Participant, Retry, Rows, StepError, Tx, Undoes,
    compensated_silently, done,
};
use ballet_testkit::health::{until_ready, until_says};
use ballet_testkit::memory::until;
use sqlx::{Executor, PgConnection};

use crate::bulk::together::Together;
use crate::pressure::stage::{BOOK, PressureStage, RoomBooked, Trip, TripBooked};

ballet_testkit::events! {
    RoomRefused = "hotel.room_refused.v1" { city: String }
    RoomNoted = plain "hotel.room_noted.v1" { city: String }
    RoomFreed = "hotel.room_freed.v1"
}

const FULL: &str = "full";

/// Writes before it knows whether there is room.
async fn write(tx: &mut Tx<'_>, city: &str) -> Result<(), Failure> {
    let saga = tx.saga_id().map(|saga| saga.0);
    sqlx::query(BOOK).bind(saga).bind(city).execute(tx.db()).await?;
    tx.publish(&RoomNoted { city: city.to_owned() }).await
}

fn outcome(city: String) -> Result<RoomBooked, RoomRefused> {
    if city == FULL { Err(RoomRefused { city }) } else { Ok(RoomBooked { city }) }
}

#[ballet::service("hotel", saga = Trip)]
impl OneByOne {
    #[compensatable(undo = free)]
    async fn book_room(tx: &mut Tx<'_>, trip: TripBooked) -> Does<RoomBooked, RoomRefused> {
        write(tx, &trip.city).await?;
        outcome(trip.city).map_err(StepError::Refused)
    }

    async fn free(_: &mut Tx<'_>, _: RoomBooked) -> Undoes<RoomFreed> {
        compensated_silently()
    }
}

/// Refuses when the other side has answered, and for a longer name already when it is to be asked.
struct AfterACall;

impl CallStep for AfterACall {
    const NAME: &'static str = "book_room";
    type On = TripBooked;
    type Done = RoomBooked;
    type Refused = RoomRefused;
    type Request = String;
    type Answer = ();

    async fn request(&self, tx: &mut Tx<'_>, trip: TripBooked) -> RequestResult<Self> {
        let saga = tx.saga_id().map(|saga| saga.0.as_u128());
        if trip.city == FULL && saga.is_some_and(|saga| saga.is_multiple_of(2)) {
            write(tx, &trip.city).await?;
            return known(outcome(trip.city).map_err(StepError::Refused)?);
        }
        call(trip.city)
    }

    async fn call(&self, _: CallKey, _: &String) -> Result<(), Failure> {
        Ok(())
    }

    async fn answered(&self, tx: &mut Tx<'_>, city: String, (): ()) -> CallStepResult<Self> {
        write(tx, &city).await?;
        outcome(city).map_err(StepError::Refused)
    }
}

impl CallCompensate for AfterACall {
    type Compensated = RoomFreed;
    type UndoRequest = ();
    type UndoAnswer = ();

    async fn compensate_request(
        &self,
        _: &mut Tx<'_>,
        _: RoomBooked,
    ) -> CompensateRequestResult<Self> {
        known(Compensated::Silently)
    }

    async fn compensate_call(&self, _: CallKey, (): &()) -> Result<(), Failure> {
        Ok(())
    }

    async fn compensate_answered(
        &self,
        _: &mut Tx<'_>,
        (): (),
        (): (),
    ) -> CallCompensateResult<Self> {
        compensated_silently()
    }
}

/// Books trips in batches, of which some are refused, and counts what is left.
async fn a_refusal_leaves_nothing(name: &str, hotel: Participant) {
    let hotel = hotel.publishes::<RoomNoted>();
    let stage = PressureStage::new(name, hotel.clone()).await;
    for trip in 0..120 {
        stage.book(if trip % 5 == 4 { FULL } else { "Rome" });
    }
    let running = stage.start(hotel).await;
    stage.until_count("ballet.ledger where entry = 'refused'", 24).await;
    stage.until_count("ballet.ledger where entry = 'done'", 96).await;
    stage.book(FULL);
    stage.until_count("ballet.ledger where entry = 'refused'", 25).await;
    stage.book("Oslo");
    stage.until_count("room where city = 'Oslo'", 1).await;
    assert_eq!(stage.count("room").await, 97, "{name}: only of those that are done");
    let of = |event: &str| {
        let taken = stage.broker.taken();
        taken.iter().filter(|message| message.routing_key == event).count()
    };
    let told = || [RoomBooked::TYPE, RoomRefused::TYPE, RoomNoted::TYPE].map(|it| of(it.name()));
    until("the events", told, [97, 25, 97]).await;
    assert_eq!((stage.dead_letters(), stage.put_off()), (Vec::new(), 0));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_refuses_leaves_no_rows_and_no_other_events() {
    a_refusal_leaves_nothing("refusals", OneByOne::participant()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_of_a_run_that_refuse_leave_no_rows_and_the_others_keep_theirs() {
    let in_bulk = Together::new(BookRoom, &Arc::default());
    let hotel = Participant::new("hotel").saga::<Trip>(|saga| saga.compensatable(in_bulk));
    a_refusal_leaves_nothing("refusals_in_bulk", hotel).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_refused_leaves_no_rows_of_its_request_or_its_answer() {
    let hotel = Participant::new("hotel").saga::<Trip>(|saga| saga.compensatable(AfterACall));
    a_refusal_leaves_nothing("refusals_of_calls", hotel).await;
}

/// Reads a number, and writes the next one.
#[ballet::service("hotel", saga = Trip)]
impl Counts {
    #[retriable(touches = cities)]
    async fn count_trip(tx: &mut Tx<'_>, trip: TripBooked) -> Does<RoomBooked> {
        let read = "select count from city where name = $1";
        let read = sqlx::query_scalar::<_, i32>(read).bind(&trip.city);
        let count = read.fetch_one(tx.db()).await?;
        tx.db().execute("select pg_sleep(0.002)").await?;
        let write = sqlx::query("update city set count = $1 where name = $2");
        write.bind(count + 1).bind(&trip.city).execute(tx.db()).await?;
        done(RoomBooked { city: trip.city })
    }

    async fn cities(_: &mut PgConnection, on: &[Item<&TripBooked>]) -> Result<Rows, Failure> {
        Ok(Rows::of("city", on.iter().map(|trip| trip.city.as_str())))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_all_steps_name_is_locked_also_if_it_is_the_only_one() {
    let stage = PressureStage::new("one_row", Counts::participant()).await;
    stage.execute("create table city (name text primary key, count int not null)").await;
    stage.execute("insert into city values ('Rome', 0)").await;
    let running = stage
        .start_with(
            Counts::participant(),
            |_| axum::Router::new(),
            |settings| {
                settings.lanes = 4;
                settings.batch = 3;
            },
        )
        .await;
    stage.book_many(200);
    stage.until_count("ballet.ledger", 200).await;
    assert_eq!(stage.count("city where count = 200").await, 1, "each is counted");
    running.stop().await;
}

/// Has a statement that does not fit the database, until somebody makes the table.
#[ballet::service("hotel", saga = Trip)]
impl Elsewhere {
    // Long enough to be seen before it waits in a retry queue.
    #[retriable(retry = Retry::at_once(8))]
    async fn write_elsewhere(tx: &mut Tx<'_>, trip: TripBooked) -> Does<RoomBooked> {
        let insert = sqlx::query("insert into rooms_by_city (city) values ($1)");
        insert.bind(&trip.city).execute(tx.db()).await?;
        done(RoomBooked { city: trip.city })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_does_not_fit_the_database_is_told_at_its_first_failure() {
    let stage = PressureStage::new("wrong_statement", Elsewhere::participant()).await;
    let running = stage.start(Elsewhere::participant()).await;
    let address = running.address();
    stage.book("Rome");
    let said = until_says(address, 503, "a statement of write_elsewhere does not fit").await;
    let said = said["handlers"].as_str().expect("text");
    for part in ["\"rooms_by_city\" does not exist", "insert into rooms_by_city (city) values ($1)"]
    {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!((stage.dead_letters(), stage.put_off()), (Vec::new(), 0), "it is told before");
    // The longer and longer waits of one message keep no replica from its requests.
    until_ready(address, "ready again", |status, _| status == 200).await;
    stage.execute("create table rooms_by_city (city text not null)").await;
    stage.book("Oslo");
    stage.until_count("rooms_by_city where city = 'Oslo'", 1).await;
    let is_well = |_: u16, said: &serde_json::Value| said["handlers"] == "ok";
    until_ready(address, "no wrong statement", is_well).await;
    tokio::time::timeout(Duration::from_secs(60), running.stop()).await.expect("stopped");
}
