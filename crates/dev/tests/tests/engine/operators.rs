//! Operators who stop in the middle: a frozen command, a forgotten session.

use std::time::Duration;

use ballet::SagaId;
use ballet_stage::{Link, Proxy, wait_until};
use ballet_store::dead_events::{DeadEventFilter, list, retry};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::trip::{DESK_TABLES, TripBooked, desk};
use crate::world::{SOON, TripWorld, part};

/// Starts two replicas. Only the first has an event, which the broker does not take.
async fn with_an_event_left(name: &str) -> (TripWorld, Proxy, SagaId) {
    let desk = || part(desk(), DESK_TABLES);
    let mut world = TripWorld::prepared(name, vec![desk()]).await;
    let way = Proxy::to(world.env.amqp_url("desk")).await.expect("a proxy");
    let url = way.url().to_owned();
    world.start_with(desk(), |settings| settings.amqp_url = Some(url)).await;
    world.start(desk()).await;
    way.set(Link::Held);
    let saga = world.begin(0).await;
    (world, way, saga)
}

async fn session(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("connected")
}

#[tokio::test(flavor = "multi_thread")]
async fn t206_a_command_that_freezes_holds_up_neither_a_take_over_nor_a_start() {
    let (mut world, _way, saga) = with_an_event_left("frozen_command").await;
    // The first part of `ballet outbox retry` and of `ballet sagas solved`.
    let mut operator = session(world.env.database_url("desk")).await;
    operator.execute("begin").await.expect("begun");
    let take = "select ballet.take_outbox(nextval('ballet.process'))";
    operator.execute(take).await.expect("a table");
    operator.execute(take).await.expect("a new table");
    drop(world.services.remove(0));
    world.event::<TripBooked>(saga).await;
    let start = world.start(part(desk(), DESK_TABLES));
    tokio::time::timeout(SOON, start).await.expect("it starts beside the command");
    operator.execute("rollback").await.expect("rolled back");
}

#[tokio::test(flavor = "multi_thread")]
async fn t206_a_command_that_freezes_loses_its_locks_after_some_seconds() {
    let world = TripWorld::new("frozen_retry", vec![part(desk(), DESK_TABLES)]).await;
    let (url, saga) = (world.env.database_url("desk"), world.new_saga());
    let mut db = session(url).await;
    let dead = format!(
        "insert into ballet.outbox_dead (owner, batch, position, message_id, event_type, saga_id, \
             body, created_at, reason) \
         values (1, 1, 0, '{}', 'desk.trip_booked.v1', '{saga}', '{{\"city\":\"Rome\"}}', \
             ballet.now(), 'of old')",
        world.new_id()
    );
    db.execute(AssertSqlSafe(dead)).await.expect("a dead event");
    // The command has chosen the event and taken a table before it waits.
    let mut other = session(url).await;
    let hold = "begin; lock table ballet.outbox_dead in share mode";
    other.execute(sqlx::raw_sql(hold)).await.expect("held");
    let way = Proxy::to(url).await.expect("a proxy");
    let mut through = session(way.url()).await;
    let frozen = tokio::spawn(async move {
        retry(&mut through, &DeadEventFilter::default(), |_| {})
            .await
            .map_err(|error| error.to_string())
    });
    let waits = "pg_locks where not granted and relation = 'ballet.outbox_dead'::regclass";
    world.until_count("desk", waits, 1).await;
    way.set(Link::Held);
    other.execute("rollback").await.expect("let go");
    let put = wait_until("the event to be put back", SOON, || async {
        let put = retry(&mut session(url).await, &DeadEventFilter::default(), |_| {}).await;
        match put.map_err(|error| error.to_string())? {
            0 => Err("somebody else has it".to_owned()),
            put => Ok(Some(put)),
        }
    });
    assert_eq!(put.await.expect("put back"), 1);
    world.event::<TripBooked>(saga).await;
    way.set(Link::Open);
    let said = tokio::time::timeout(Duration::from_secs(60), frozen).await.expect("it ends");
    said.expect("no panic").expect_err("its session was ended");
    assert_eq!(list(&mut db, &DeadEventFilter::default(), 9).await.expect("an answer"), []);
}
