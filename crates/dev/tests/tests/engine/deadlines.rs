//! Deadlines: set with a saga's beginning, ended by its decision, published once when they are due.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use ballet::{Clock, Event, SagaId};
use ballet_stage::wait_until;
use futures_util::future::join_all;
use jiff::SignedDuration;
use serde_json::Value;
use sqlx::{Connection, Executor, PgConnection};

use crate::trip::{
    CarRented, DESK_TABLES, TripBooked, TripCancelled, TripConfirmed, TripOverdue, desk,
    desk_overdue, desk_within,
};
use crate::world::{SOON, TripWorld, part};

const LONG: SignedDuration = SignedDuration::from_hours(1);

async fn begin_many(world: &TripWorld, count: usize) -> Vec<SagaId> {
    let mut sagas = Vec::with_capacity(count);
    while sagas.len() < count {
        // Few at a time, because a request is refused after three seconds without a connection.
        sagas.extend(join_all((0..4).map(|at| world.begin(at % world.services.len()))).await);
    }
    sagas
}

async fn all_become_due(db: &mut PgConnection) -> u64 {
    let due = "update ballet.deadline set due_at = now() - interval '1 minute'";
    db.execute(due).await.expect("an answer").rows_affected()
}

/// Counts deadline events, and their message ids, by saga.
fn told<E: Event>(seen: &[Value]) -> HashMap<String, Vec<&str>> {
    let mut told: HashMap<String, Vec<&str>> = HashMap::new();
    let text = |value: &'_ Value| value.as_str().unwrap_or_default().to_owned();
    for message in seen.iter().filter(|m| m["routing_key"] == E::TYPE.name()) {
        let properties = &message["properties"];
        let id = properties["message_id"].as_str().unwrap_or_default();
        told.entry(text(&properties["correlation_id"])).or_default().push(id);
    }
    told
}

/// Each saga is reported once as overdue and once as ended.
async fn all_overdue_once(world: &TripWorld, sagas: &[SagaId]) {
    wait_until("cancelled trips", SOON, || async {
        let cancelled = told::<TripCancelled>(&world.seen().await).len();
        let all = cancelled == sagas.len();
        if all { Ok(Some(())) } else { Err(format!("{cancelled} of {}", sagas.len())) }
    })
    .await
    .expect("cancelled trips");
    let seen = world.seen().await;
    let (overdue, cancelled) = (told::<TripOverdue>(&seen), told::<TripCancelled>(&seen));
    for saga in sagas.iter().map(ToString::to_string) {
        assert_eq!(overdue[&saga].len(), 1, "saga {saga} was told of its deadline: {overdue:?}");
        assert_eq!(cancelled[&saga].len(), 1, "saga {saga} was cancelled");
    }
    assert_eq!(world.count("desk", "ballet.deadline").await, 0);
}

/// One replica's clock is 4 minutes ahead, the other's 4 minutes behind.
#[tokio::test]
async fn t108_t131_a_deadline_is_set_with_the_commit_and_passes_by_the_databases_clock() {
    let desk = || part(desk_within(SignedDuration::from_secs(3)), DESK_TABLES);
    let mut world = TripWorld::prepared("clocks", vec![desk()]).await;
    for minutes in [4, -4] {
        let clock = Clock::system();
        let skewed = move || clock.now() + SignedDuration::from_mins(minutes);
        let context = Clock::new(skewed, minutes.unsigned_abs());
        world.start_by(desk(), context, |_| {}).await;
    }
    let dropped = world.new_saga();
    let mut unit = world.handle(0).saga_unit(dropped).await.expect("a transaction");
    unit.originate(TripBooked { city: "Rome".into() }).await.expect("originated");
    drop(unit);
    let mut db = world.database("desk").await;
    let (before,): (jiff_sqlx::Timestamp,) =
        sqlx::query_as("select now()").fetch_one(&mut db).await.expect("now");
    let sagas = [world.begin(0).await, world.begin(1).await];
    // On a busy machine one may have passed.
    let (wrong,): (i64,) = sqlx::query_as(
        "select count(*) from ballet.deadline \
         where due_at not between $1 and now() + interval '3 seconds'",
    )
    .bind(before)
    .fetch_one(&mut db)
    .await
    .expect("a count");
    assert_eq!(wrong, 0, "set by the clock of a service");
    for saga in sagas {
        let overdue: TripOverdue = world.event(saga).await;
        let (now,): (jiff_sqlx::Timestamp,) =
            sqlx::query_as("select now()").fetch_one(&mut db).await.expect("now");
        let late = now.to_jiff().duration_since(overdue.due_at);
        assert!(!late.is_negative() && late < SignedDuration::from_mins(3), "{late:#} late");
        world.event::<TripCancelled>(saga).await;
    }
    let seen = world.seen().await;
    let booked = told::<TripBooked>(&seen);
    for message in seen.iter().filter(|m| m["routing_key"] == TripOverdue::TYPE.name()) {
        let properties = &message["properties"];
        let cause = booked[properties["correlation_id"].as_str().expect("a saga")][0];
        assert_eq!(properties["headers"]["causation_id"], cause, "what began the saga");
    }
    assert!(!told::<TripOverdue>(&seen).contains_key(&dropped.to_string()));
}

/// A frozen replica has taken deadlines. It holds up no others, and once it is gone another replica publishes them.
#[tokio::test(flavor = "multi_thread")]
async fn t143_deadlines_of_a_dead_replica_are_told_by_another_and_judged_after_what_waits() {
    let mut world = TripWorld::new("leader", vec![part(desk_within(LONG), DESK_TABLES)]).await;
    let sagas = begin_many(&world, 20).await;
    world.services.remove(0).stop().await;
    let mut dead = world.database("desk").await;
    assert_eq!(all_become_due(&mut dead).await, 20);
    dead.execute("begin").await.expect("begun");
    let taken = "delete from ballet.deadline where saga_id in \
                 (select saga_id from ballet.deadline order by due_at limit 5)";
    assert_eq!(dead.execute(taken).await.expect("taken").rows_affected(), 5);
    for _ in 0..2 {
        world.start(part(desk(), DESK_TABLES)).await;
    }
    wait_until("what is free", SOON, || async {
        let told = told::<TripCancelled>(&world.seen().await).len();
        if told == 15 { Ok(Some(())) } else { Err(format!("{told} of 15")) }
    })
    .await
    .expect("what is free");
    dead.close().await.expect("gone, and not committed");
    all_overdue_once(&world, &sagas).await;

    // The success that already waits in the queue wins.
    let saga = world.begin(0).await;
    world.stop("desk").await;
    world.publish(saga, &CarRented { car: "red".into() }).await;
    all_become_due(&mut world.database("desk").await).await;
    world.start(part(desk(), DESK_TABLES)).await;
    world.event::<TripConfirmed>(saga).await;
    let last = world.begin(0).await;
    all_become_due(&mut world.database("desk").await).await;
    world.event::<TripCancelled>(last).await;
    assert!(world.events::<TripCancelled>(saga).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn t230_one_deadline_that_always_fails_costs_the_others_nothing() {
    let sick: Arc<Mutex<Option<SagaId>>> = Arc::default();
    let watched = Arc::clone(&sick);
    let desk = desk_overdue(LONG, move |due| {
        let is_sick = *watched.lock().expect("no panic") == Some(due.saga_id);
        assert!(!is_sick, "the event cannot be made");
        TripOverdue { due_at: due.at }
    });
    let world = TripWorld::new("one_fails", vec![part(desk, DESK_TABLES)]).await;
    let mut sagas = begin_many(&world, 20).await;
    let poison = sagas.remove(10);
    *sick.lock().expect("no panic") = Some(poison);
    let mut db = world.database("desk").await;
    assert_eq!(all_become_due(&mut db).await, 20);
    let is_cancelled = "trip where state = 'cancelled'";
    world.until_count("desk", is_cancelled, 19).await;
    let listed = "ballet.failure where handler = 'deadline' and next_at is not null \
                  and message_id <> saga_id \
                  and detail like '%the event cannot be made%'";
    world.until_count("desk", listed, 1).await;
    assert_eq!(world.count("desk", "ballet.deadline").await, 1, "it is tried again");

    *sick.lock().expect("no panic") = None;
    all_become_due(&mut db).await;
    world.event::<TripCancelled>(poison).await;
    world.until_count("desk", is_cancelled, 20).await;
    assert_eq!(world.count("desk", "ballet.failure").await, 0);
}
