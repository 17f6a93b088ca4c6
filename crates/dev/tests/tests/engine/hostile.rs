//! Attacks and faults that hurt the engine once, and must not again.

use std::time::Duration;

use ballet::{
    Does, Failure, Migration, Participant, Projection, Tx, Undoes, broken_constraint, compensated,
    done,
};
use serde_json::json;
use sqlx::Executor;

use crate::trip::{
    HotelRenamed, RoomBooked, RoomFreed, RoomRefused, Trip, TripBooked, TripCancelled, Trouble,
    desk,
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
                  $$ begin perform pg_sleep(1); return null; end $$;
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
    assert!(gone.is_err(), "the commit takes a second");
    world.event::<TripBooked>(saga).await;
}

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

/// Two services get all names in one batch. One of the names is known.
#[tokio::test]
async fn t40_a_broken_constraint_can_be_an_answer_and_swallowed_it_loses_nobodys_message() {
    const UNIQUE: &[Migration] = &[Migration {
        name: "0001_name",
        sql: "create table hotel_name (name text not null constraint unique_name unique)",
    }];
    let knows = |service, attempts| {
        part(Participant::new(service).projects(UniqueNames { attempts }), UNIQUE)
    };
    let parts = vec![knows("guide", false), knows("porter", true), the_hotel()];
    let world = TripWorld::new("names", parts).await;
    let hold =
        "insert into hotel_name values ('known'); begin; lock table hotel_name in exclusive mode";
    let mut holders = [world.database("guide").await, world.database("porter").await];
    for holder in &mut holders {
        holder.execute(hold).await.expect("a lock");
    }
    for name in ["first", "a", "b", "c", "known"] {
        let properties = json!({"message_id": world.new_id()});
        let body = json!({"name": name}).to_string();
        world.publish_raw("hotel.hotel_renamed.v1", &properties, &body).await;
    }
    for holder in &mut holders {
        holder.execute("commit").await.expect("released");
    }
    world.until_count("porter", "ballet.inbox", 5).await;
    let dead = world.dead_letters(1).await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0]["properties"]["headers"]["x-dead-service"], "guide");
    assert_eq!(dead[0]["payload"], r#"{"name":"known"}"#);
    for service in ["guide", "porter"] {
        world.until_count(service, "hotel_name", 5).await;
    }
}

/// A room whose undo fails while there is trouble.
struct Stubborn(Trouble);

#[ballet::service("hotel", saga = Trip)]
impl Stubborn {
    #[compensatable(undo = free_room)]
    async fn book_room(_: &mut Tx<'_>, _: TripBooked) -> Does<RoomBooked, RoomRefused> {
        done(RoomBooked { room: 1 })
    }

    async fn free_room(&self, _: &mut Tx<'_>, booked: RoomBooked) -> Undoes<RoomFreed> {
        if self.0.strikes() {
            return Err(Failure::permanent("the room is not as it was"));
        }
        compensated(RoomFreed { room: booked.room })
    }
}

#[tokio::test]
async fn t99_t100_t117_an_undo_that_cannot_be_done_is_a_dead_letter_until_a_person_acts() {
    let trouble = Trouble::default().times(1000);
    let hotel = Stubborn(trouble.clone()).participant();
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
