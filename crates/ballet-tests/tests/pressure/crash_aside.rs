//! Work that crashes the server of the database without being a step: a request, a copy, a deadline, an
//! entity that is published anew.

use std::sync::{Arc, Mutex};

use ballet::core::{System, Versioned};
use ballet::{
    Entity, EntityEvent, Event, EventType, Failure, Migration, Never, Owner, Participant, SagaId,
    Service, Settings, Step, StepResult, Tx, done,
};
use ballet_ops::audit::{BrokerSnapshot, audit};
use ballet_ops::redrive::Note;
use ballet_ops::sagas::{StoppableSaga, stop};
use ballet_stage::Postgres;
use ballet_store::copies::rebuild::Rebuild;
use ballet_testkit::memory::{properties, until};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Executor;

use crate::crash::{Pays, let_crash};
use crate::stage::{PressureStage, RoomBooked, Trip, TripBooked, TripCancelled};

/// The most crashes until it is known what crashes the server.
const FEW: usize = 18;

/// Crashes the server when a row is written that meets a condition.
fn when(table: &str, what: &str, condition: &str) -> String {
    format!(
        "create function crashes() returns trigger language plpgsql as $$
             begin perform crash(); return null; end $$;
         create trigger crashes before {what} on {table} for each row when ({condition})
             execute function crashes()"
    )
}

/// Lets the server crash, and does this as an administrator.
async fn set(postgres: &Postgres, stage: &PressureStage, sql: &str) {
    let mut operator = let_crash(postgres, stage).await;
    operator.execute(sqlx::AssertSqlSafe(sql.to_owned())).await.expect("set");
}

#[tokio::test(flavor = "multi_thread")]
async fn t211_a_request_whose_statement_crashes_the_server_is_set_aside() {
    let postgres = Postgres::private().await.expect("a Postgres of its own");
    let hotel = || Participant::new("hotel").saga::<Trip>(|saga| saga.retriable(Pays::default()));
    let stage = PressureStage::on(&postgres, "crash_request", &hotel()).await;
    let_crash(&postgres, &stage).await;
    for trip in 0..30 {
        stage.book(if trip == 20 { "crash at once" } else { "Rome" });
    }
    let running = stage.start(hotel()).await;
    stage.until_count("room", 29).await;
    until("a dead letter", || stage.dead_letters().len(), 1).await;
    assert_eq!(stage.dead_letters()[0].0, "crash at once");
    assert_eq!(stage.put_off(), 0, "nobody else has failed");
    running.stop().await;
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Lamp {
    pub(crate) city: String,
}

impl Entity for Lamp {
    const NAME: &'static str = "lamp";
    const REPUBLISHED: EventType = EventType::plain("desk.lamps_republished.v1");
    const REQUESTS: &'static [EventType] = &[LAMPS_REQUESTED];
}

const LAMPS_REQUESTED: EventType = EventType::plain("hotel.lamps_requested.v1");

ballet_testkit::events! {
    LampChanged = plain "desk.lamp_changed.v1" { lamp: Versioned<Lamp> }
    TripOverdue = "desk.trip_overdue.v1"
    TripConfirmed = "desk.trip_confirmed.v1"
}

impl EntityEvent for LampChanged {
    type Entity = Lamp;

    fn into_version(self) -> Versioned<Lamp> {
        self.lamp
    }
}

/// Puts an event of no saga.
fn put(stage: &PressureStage, event: EventType, body: Vec<u8>) {
    let id = stage.new_saga().to_string();
    stage.broker.put_event(event, properties(event, &id, None), body);
}

#[tokio::test(flavor = "multi_thread")]
async fn t211_a_copys_event_whose_statement_crashes_the_server_is_set_aside() {
    let postgres = Postgres::private().await.expect("a Postgres of its own");
    let hotel = || Participant::new("hotel").copies::<Lamp>(|copy| copy.fed_by::<LampChanged>());
    let stage = PressureStage::on(&postgres, "crash_copy", &hotel()).await;
    let running = stage.start(hotel()).await;
    set(&postgres, &stage, &when("ballet.copy", "insert", "new.id = 'lamp 20'")).await;
    for at in 0..30 {
        let lamp = Versioned::of(format!("lamp {at}"), 1, Lamp { city: "Rome".to_owned() });
        put(&stage, LampChanged::TYPE, serde_json::to_vec(&LampChanged { lamp }).expect("JSON"));
    }
    stage.until_count("ballet.copy", 29).await;
    // It is tried again after each of the usual delays, and then no more.
    for time in 1..=3 {
        until("in a retry queue", || stage.put_off(), time).await;
        let mut copies = stage.broker.taken();
        copies.retain(|copy| copy.exchange.starts_with("retry"));
        let mut copy = copies.pop().expect("a copy");
        copy.exchange = String::new();
        stage.broker.put(&copy);
    }
    until("a dead letter", || stage.dead_letters().len(), 1).await;
    assert_eq!(stage.put_off(), 3, "nobody else has failed");
    running.stop().await;
}

struct Desk;

impl Owner for Desk {
    type Saga = Trip;

    async fn abort(&self, _: &mut Tx<'_>, _: &TripCancelled) -> Result<(), Failure> {
        Ok(())
    }
}

struct Confirm;

impl Step for Confirm {
    const NAME: &'static str = "confirm_trip";
    type On = RoomBooked;
    type Done = TripConfirmed;
    type Refused = Never;

    async fn run(&self, _: &mut Tx<'_>, _: RoomBooked) -> StepResult<Self> {
        done(TripConfirmed {})
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t211_a_deadline_whose_statement_crashes_the_server_is_set_aside() {
    let postgres = Postgres::private().await.expect("a Postgres of its own");
    let tried: Arc<Mutex<Vec<SagaId>>> = Arc::default();
    let desk = || {
        let tried = Arc::clone(&tried);
        let overdue = move |due: ballet::Due| {
            tried.lock().expect("not poisoned").push(due.saga_id);
            TripOverdue {}
        };
        let too_late = |_: TripOverdue| TripCancelled {};
        Participant::new("desk").owns(Desk, |saga| {
            saga.deadline(SignedDuration::from_hours(1), overdue, too_late)
                .originates::<TripBooked>("book_trip")
                .decides(Confirm)
        })
    };
    let stage = PressureStage::on(&postgres, "crash_deadline", &desk()).await;
    let running = stage.start(desk()).await;
    let begin = async || {
        let saga = stage.new_saga();
        let mut unit = running.handle().saga_unit(saga).await.expect("a transaction");
        unit.originate(TripBooked { city: "Rome".to_owned() }).await.expect("originated");
        unit.commit().await.expect("committed");
        saga
    };
    let mut sagas = Vec::new();
    for _ in 0..20 {
        sagas.push(begin().await);
    }
    let poison = sagas[7];
    let is_it = format!("old.saga_id = '{poison}'");
    set(&postgres, &stage, &when("ballet.deadline", "delete", &is_it)).await;
    let due = "update ballet.deadline set due_at = now() - interval '1 minute' \
               where due_at < now() + interval '1 day'";
    stage.execute(due).await;
    let aside = "ballet.failure where handler = 'deadline' and next_at is null";
    stage.until_hurried(aside, ("ballet.deadline", "due_at")).await;
    stage.until_count("ballet.deadline", 1).await;
    let tries = || tried.lock().expect("not poisoned").iter().filter(|id| **id == poison).count();
    let crashes = tries();
    assert!((1..=FEW).contains(&crashes), "{crashes} crashes");
    let system = System { name: "trips", parts: vec![desk().part()] };
    let databases = [("desk".to_owned(), stage.url().to_owned())];
    let report = audit(&system, &databases, &BrokerSnapshot::default(), SignedDuration::ZERO).await;
    let stuck = format!("saga {poison}: desk has set its deadline aside");
    assert!(report.stuck.iter().any(|line| line.starts_with(&stuck)), "{report}");
    // The others go on, and it does not come again by itself.
    begin().await;
    stage.execute(due).await;
    stage.until_count("ballet.deadline", 1).await;
    assert_eq!(tries(), crashes);
    // Once the cause is mended, a person lets it pass.
    set(&postgres, &stage, "drop trigger crashes on ballet.deadline").await;
    let trip = StoppableSaga { saga: "trip", owner: "desk" };
    let note = Note { by: "ada".to_owned(), why: None, at: ballet::Clock::system().now() };
    stop(&mut stage.connect().await, trip, poison.0, &note).await.expect("stopped");
    stage.until_count("ballet.deadline", 0).await;
    stage.until_count("ballet.failure", 0).await;
    running.stop().await;
}

const LAMPS: &[Migration] = &[Migration {
    name: "0001_lamp",
    sql: "create table lamp (id text collate \"C\" primary key); insert into lamp values ('hall'); \
          create view shared_lamp as select id, 1::bigint as version, \
              jsonb_build_object('city', 'Rome') as state from lamp",
}];

#[tokio::test(flavor = "multi_thread")]
async fn t211_an_entity_that_crashes_the_server_is_not_published_anew_without_end() {
    let postgres = Postgres::private().await.expect("a Postgres of its own");
    let desk = || Participant::new("desk").shares::<Lamp>("shared_lamp");
    let stage = PressureStage::on(&postgres, "crash_share", &desk()).await;
    let start = async || {
        let broker = Arc::new(stage.broker.clone());
        let service = Service::new(desk()).migrations(LAMPS).broker(broker);
        service.start(Settings::new("amqp://in.memory", stage.url())).await.expect("started")
    };
    let running = start().await;
    let crashes = "create or replace view shared_lamp as select id, 1::bigint as version, \
                   jsonb_build_object('city', crash()::text) as state from lamp";
    set(&postgres, &stage, crashes).await;
    put(&stage, LAMPS_REQUESTED, b"{}".to_vec());
    let aside = "ballet.republication where failure like '%ballet copies rebuild%' \
                 and next_at > now() + interval '1 year'";
    stage.until_hurried(aside, ("ballet.republication", "next_at")).await;
    // Others ask, too, and it does not come again by itself.
    put(&stage, LAMPS_REQUESTED, b"{}".to_vec());
    stage.until_count("ballet.republication where requested = 2", 1).await;
    assert_eq!(stage.count(aside).await, 1);
    let mends = "create or replace view shared_lamp as select id, 1::bigint as version, \
                 jsonb_build_object('city', 'Rome') as state from lamp";
    set(&postgres, &stage, mends).await;
    let asked = Rebuild::request(&mut stage.connect().await, "lamp").await;
    asked.expect("an answer").expect("shared");
    stage.until_count("ballet.republication where done = 3 and failure is null", 1).await;
    running.stop().await;
}
