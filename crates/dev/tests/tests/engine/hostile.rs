//! Attacks and faults that hurt the engine once, and must not again.

use std::time::Duration;

use ballet::{
    Compensate, CompensateResult, Failure, Migration, Never, Participant, Projection, Step,
    StepResult, Tx, broken_constraint, compensated_silently, done,
};
use serde_json::json;
use sqlx::Executor;

use crate::trip::{
    CarRented, HotelRenamed, RoomBooked, RoomFreed, RoomRefused, Trip, TripBooked, TripCancelled,
    TripConfirmed, Trouble, desk,
};
use crate::world::{TripWorld, part, the_hotel};

fn rome() -> TripBooked {
    TripBooked { city: "Rome".into() }
}

#[tokio::test]
async fn a_commit_whose_caller_goes_away_still_publishes() {
    const SLOW: &[Migration] = &[Migration {
        name: "0001_trip",
        sql: "create table trip (saga_id uuid primary key, state text not null);
              create function slow() returns trigger language plpgsql as
                  $$ begin perform pg_sleep(3); return null; end $$;
              create constraint trigger slow after insert on trip deferrable initially deferred
                  for each row execute function slow()",
    }];
    let world = TripWorld::new("gone", vec![part(desk(), SLOW)]).await;
    let saga = world.new_saga();
    let mut unit = world.handle(0).saga_unit(saga).await.expect("a transaction");
    sqlx::query("insert into trip values ($1, 'booked')")
        .bind(saga.0)
        .execute(unit.tx().db())
        .await
        .expect("a row");
    unit.originate(rome()).await.expect("originated");
    let gone = tokio::time::timeout(Duration::from_millis(200), unit.commit()).await;
    assert!(gone.is_err(), "the commit takes three seconds");
    world.event::<TripBooked>(saga).await;
}

#[tokio::test]
async fn t162_a_type_other_than_the_guarded_routing_key_is_refused() {
    let world = TripWorld::new("forged", vec![part(desk(), crate::trip::DESK_TABLES)]).await;
    let saga = world.begin(0).await;
    let forged = json!({"type": "cars.car_rented.v1", "correlation_id": saga.to_string()});
    world.publish_raw("agency.trip_wanted.v1", &forged, r#"{"car":"forged"}"#).await;
    let dead = world.dead_letters(1).await;
    assert_eq!(dead[0]["properties"]["headers"]["x-dead-reason"], "forged_type");
    assert!(world.events::<TripConfirmed>(saga).await.is_empty());
}

/// Knows each name once; how it finds out is the difference.
struct UniqueNames {
    attempts: bool,
}

impl Projection for UniqueNames {
    const NAME: &'static str = "known";
    type On = HotelRenamed;

    async fn apply(&self, tx: &mut Tx<'_>, renamed: HotelRenamed) -> Result<(), Failure> {
        let insert = sqlx::query("insert into hotel_name values ($1)").bind(renamed.name);
        let added = if self.attempts {
            tx.attempt(async |db| insert.execute(db).await).await
        } else {
            insert.execute(tx.db()).await
        };
        match added {
            Err(error) if broken_constraint(&error) == Some("unique_name") => Ok(()),
            other => Ok(other.map(|_| ())?),
        }
    }
}

/// Sends names, all in one batch. One of them is known.
async fn names(name: &str, attempts: bool) -> TripWorld {
    const UNIQUE: &[Migration] = &[Migration {
        name: "0001_name",
        sql: "create table hotel_name (name text not null constraint unique_name unique)",
    }];
    let guide = Participant::new("guide").projects(UniqueNames { attempts });
    let world = TripWorld::new(name, vec![part(guide, UNIQUE), the_hotel()]).await;
    let mut db = world.database("guide").await;
    db.execute(
        "insert into hotel_name values ('known'); begin; lock table hotel_name in exclusive mode",
    )
    .await
    .expect("a lock");
    for name in ["first", "a", "b", "c", "known"] {
        let properties = json!({"message_id": world.new_id()});
        let body = json!({"name": name}).to_string();
        world.publish_raw("hotel.hotel_renamed.v1", &properties, &body).await;
    }
    db.execute("commit").await.expect("released");
    world
}

#[tokio::test]
async fn a_handler_that_swallows_a_broken_statement_loses_nobodys_message() {
    let world = names("swallow", false).await;
    let dead = world.dead_letters(1).await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0]["payload"], r#"{"name":"known"}"#);
    world.until_count("guide", "hotel_name", 5).await;
}

#[tokio::test]
async fn t40_a_broken_constraint_can_be_an_answer() {
    let world = names("attempt", true).await;
    world.until_count("guide", "ballet.inbox", 5).await;
    assert_eq!(world.count("guide", "hotel_name").await, 5);
    assert!(world.seen().await.iter().all(|m| m["exchange"] != "dead"));
}

/// A room whose undo fails while there is trouble.
struct Stubborn {
    trouble: Trouble,
    permanent: bool,
}

impl Step for Stubborn {
    const NAME: &'static str = "stubborn";
    type On = TripBooked;
    type Done = RoomBooked;
    type Refused = RoomRefused;

    async fn run(&self, _: &mut Tx<'_>, _: TripBooked) -> StepResult<Self> {
        done(RoomBooked { room: 1 })
    }
}

impl Compensate for Stubborn {
    type Compensated = RoomFreed;

    async fn compensate(&self, _: &mut Tx<'_>, booked: RoomBooked) -> CompensateResult<Self> {
        if self.trouble.strikes() {
            return Err(if self.permanent {
                Failure::permanent("the room is not as it was")
            } else {
                Failure::transient("away for a while")
            });
        }
        ballet::compensated(RoomFreed { room: booked.room })
    }
}

ballet_testkit::events! {
    RoomCleaned = "hotel.room_cleaned.v1"
}

/// A step that comes later in the same service.
struct Late;

impl Step for Late {
    const NAME: &'static str = "late";
    type On = CarRented;
    type Done = RoomCleaned;
    type Refused = Never;

    async fn run(&self, _: &mut Tx<'_>, _: CarRented) -> StepResult<Self> {
        done(RoomCleaned {})
    }
}

impl Compensate for Late {
    type Compensated = Never;

    async fn compensate(&self, _: &mut Tx<'_>, _: RoomCleaned) -> CompensateResult<Self> {
        compensated_silently()
    }
}

#[tokio::test]
async fn t98_t119_an_undo_that_fails_leaves_the_tombstone_and_goes_on_until_it_works() {
    let stubborn = Stubborn { trouble: Trouble::default().times(3), permanent: false };
    let hotel = Participant::new("hotel")
        .saga::<Trip>(|saga| saga.compensatable(stubborn).compensatable(Late));
    let world = TripWorld::new("stubborn", vec![part(hotel, &[])]).await;
    let saga = world.new_saga();
    world.publish(saga, &rome()).await;
    world.event::<RoomBooked>(saga).await;
    world.publish(saga, &TripCancelled { reason: "test".into() }).await;
    world.until_count("hotel", "ballet.ledger where entry = 'aborted'", 1).await;
    world.publish(saga, &CarRented { car: "late".into() }).await;
    // By way of the retry queue.
    world.event::<RoomFreed>(saga).await;
    // All three have come, in any order.
    world.until_count("hotel", "ballet.inbox", 3).await;
    assert_eq!(world.count("hotel", "ballet.ledger where step = 'late'").await, 0);
    assert!(world.seen().await.iter().all(|m| m["exchange"] != "dead"));
}

#[tokio::test]
async fn t99_t100_t117_an_undo_that_cannot_be_done_is_a_dead_letter_until_a_person_acts() {
    let trouble = Trouble::default().times(1000);
    let stubborn = Stubborn { trouble: trouble.clone(), permanent: true };
    let hotel = Participant::new("hotel").saga::<Trip>(|saga| saga.compensatable(stubborn));
    let world = TripWorld::new("stuck", vec![part(hotel, &[])]).await;
    let saga = world.new_saga();
    world.publish(saga, &rome()).await;
    world.event::<RoomBooked>(saga).await;
    let abort = world.publish(saga, &TripCancelled { reason: "test".into() }).await;
    let dead = world.dead_letters(1).await;
    let headers = &dead[0]["properties"]["headers"];
    assert_eq!(headers["x-dead-reason"], "permanent");
    assert_eq!(headers["x-dead-step"], "abort");
    assert_eq!(headers["x-dead-detail"], "the room is not as it was");
    assert_eq!(dead[0]["properties"]["correlation_id"], saga.to_string());
    assert_eq!(world.count("hotel", "ballet.ledger where entry = 'aborted'").await, 1);

    let _ = trouble.times(0);
    let other = world.new_saga();
    world.publish(other, &rome()).await;
    world.event::<RoomBooked>(other).await;
    assert!(world.events::<RoomFreed>(saga).await.is_empty(), "nothing tries it by itself");
    world.publish_as(&abort, saga, &TripCancelled { reason: "test".into() }).await;
    world.event::<RoomFreed>(saga).await;
    assert_eq!(world.count("hotel", "ballet.ledger where entry = 'aborted'").await, 1);
    assert_eq!(world.dead_letters(1).await.len(), 1);
}
