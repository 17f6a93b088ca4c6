//! How a process shows that it is alive: by its lock and by its lease.

use std::collections::BTreeSet;

use ballet_stage::wait_until;
use sqlx::{Connection, Executor, PgConnection};
use tokio::sync::Mutex;

use crate::trip::{RoomBooked, TripBooked};
use crate::world::{SOON, TripWorld, the_hotel};

/// The sessions that hold or want the lock of a process. There is one process.
const LOCKS: &str = "pg_locks where locktype = 'advisory' and objsubid = 2 and classid = x'626c74'::int \
    and database = (select oid from pg_database where datname = current_database())";

#[tokio::test]
async fn t189_a_process_renews_its_lease_while_a_lost_session_keeps_its_lock() {
    let world = TripWorld::hotel("half_open").await;
    let connect = async || PgConnection::connect(world.env.database_url("hotel")).await;
    let mut db = connect().await.expect("connected");
    let (process,): (i64,) = sqlx::query_as("select process from ballet.process_lease")
        .fetch_one(&mut db)
        .await
        .expect("a lease");
    // It gets the lock at the end of the process's session, as if the server had kept that.
    let mut kept = connect().await.expect("connected");
    let keeps = tokio::spawn(async move {
        let lock = sqlx::query("select pg_advisory_lock(x'626c74'::int, $1::int)").bind(process);
        lock.execute(&mut kept).await.expect("locked");
        kept
    });
    world.until_count("hotel", &format!("{LOCKS} and not granted"), 1).await;
    let lose = format!("select pg_terminate_backend(pid) from {LOCKS} and granted");
    db.execute(sqlx::AssertSqlSafe(lose)).await.expect("terminated");
    db.execute("create table lost as select now() as at").await.expect("noted");
    let kept = keeps.await.expect("locked");

    let renewed = "ballet.process_lease, lost where lease_until > at + interval '18 seconds'";
    world.until_count("hotel", renewed, 1).await;
    assert_eq!(world.count("hotel", &format!("{LOCKS} and not granted")).await, 0, "none waits");
    kept.close().await.expect("closed");
    world.until_count("hotel", &format!("{LOCKS} and granted"), 1).await;
}

#[tokio::test]
async fn a_process_that_cannot_renew_its_lease_keeps_its_session_and_its_lock() {
    let world = TripWorld::hotel("locked_lease").await;
    let connect = async || PgConnection::connect(world.env.database_url("hotel")).await;
    let (mut holder, mut db) = (connect().await.expect("one"), connect().await.expect("one"));
    holder
        .execute("begin; lock table ballet.process_lease in access exclusive mode")
        .await
        .expect("locked");
    let renews = "select a.pid, a.query_start::text, exists (select from pg_locks l where l.pid = a.pid \
                      and l.locktype = 'advisory' and l.classid = x'626c74'::int and l.granted) \
                  from pg_stat_activity a where a.datname = current_database() \
                  and a.query like 'insert into ballet.process_lease%' and a.wait_event_type = 'Lock'";
    let attempts = Mutex::new((BTreeSet::new(), &mut db));
    wait_until("several attempts", SOON, || async {
        let mut attempts = attempts.lock().await;
        let (seen, db) = &mut *attempts;
        let now: Vec<(i32, String, bool)> =
            sqlx::query_as(renews).fetch_all(&mut **db).await.map_err(|error| error.to_string())?;
        seen.extend(now);
        if seen.len() > 2 { Ok(Some(())) } else { Err(format!("{seen:?}")) }
    })
    .await
    .expect("attempts");
    let (seen, _) = attempts.into_inner();
    let sessions: BTreeSet<_> = seen.iter().map(|(pid, _, has_lock)| (*pid, *has_lock)).collect();
    assert!(sessions.len() == 1 && sessions.iter().all(|(_, has_lock)| *has_lock), "{seen:?}");
    holder.close().await.expect("closed");
}

#[tokio::test]
async fn t189_a_freeze_during_the_start_is_not_taken_for_a_pooler() {
    let mut world = TripWorld::prepared("frozen_start", vec![the_hotel()]).await;
    // Twenty seconds pass from each look at the clock to the next, so the lease has run out.
    let jumps = "create sequence ballet.ticks; \
                 create or replace function ballet.now() returns timestamptz \
                 language sql volatile parallel safe as 'select pg_catalog.clock_timestamp() \
                     + nextval(''ballet.ticks'') * interval ''20 seconds'''; \
                 create or replace function ballet.clock_is_checked() returns boolean \
                 language sql volatile parallel safe as 'select false'; \
                 grant all on sequence ballet.ticks to public";
    world.execute("hotel", jumps).await;
    world.start(the_hotel()).await;
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(saga).await;
}

/// A database that was copied without its sequences draws numbers again.
#[tokio::test]
async fn the_number_of_a_process_that_left_events_behind_is_not_drawn_again() {
    let mut world = TripWorld::hotel("number").await;
    world.services.remove(0).stop().await;
    let mut db = world.database("hotel").await;
    // The first left an event, the second a table, the third a lease.
    let left = "delete from ballet.process_lease; update ballet.outbox_table set owner = null; \
                insert into ballet.outbox_0 (owner, batch, position, message_id, event_type, \
                    saga_id, body, created_at) \
                    select 1, 77, 0, m, 'hotel.room_booked.v1', m, '{\"city\":\"Oslo\"}', ballet.now() \
                    from (select gen_random_uuid() as m) as made; \
                insert into ballet.outbox_table values (99, 2); \
                create table ballet.outbox_99 (like ballet.outbox_0); \
                insert into ballet.process_lease values (3, ballet.now() - interval '1 day'); \
                alter sequence ballet.process restart with 1";
    db.execute(sqlx::raw_sql(left)).await.expect("left behind");
    world.start(the_hotel()).await;
    let number = "select process from ballet.process_lease where lease_until > ballet.now()";
    let (number,): (i64,) = sqlx::query_as(number).fetch_one(&mut db).await.expect("a lease");
    assert_eq!(number, 4);
    world.until_published("Oslo").await;
}

/// Nobody waits for a person's transaction.
#[tokio::test]
async fn a_process_starts_while_somebody_holds_an_outbox_table() {
    let mut world = TripWorld::hotel("held_table").await;
    let mut holder = world.database("hotel").await;
    let table = "create table ballet.outbox_99 (like ballet.outbox_0); \
                 insert into ballet.outbox_table values (99, 999)";
    holder.execute(sqlx::raw_sql(table)).await.expect("a table");
    let hold = "begin; lock table ballet.outbox_99 in access exclusive mode";
    holder.execute(sqlx::raw_sql(hold)).await.expect("held");
    tokio::time::timeout(SOON, world.start(the_hotel())).await.expect("started");
    holder.close().await.expect("closed");
}
