//! `ballet inbox` and `ballet outbox waiting`: the waiting messages, since when they wait, and a retry now.

use ballet::Clock;
use ballet_stage::{Method, wait_until};
use ballet_testkit::command::{CommandOutput, ended};
use ballet_testkit::until_yields;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sqlx::{Connection, Executor};
use tokio::process::Command;

use crate::world::{CounterWorld, FOR_A_WHILE, SOON, TICKED, ballet};

fn command(world: &CounterWorld, arguments: &[&str]) -> Command {
    let mut command = ballet(&world.env, &world.place);
    command.args(arguments).env("DATABASE_URL", world.env.database_url("counter"));
    command
}

async fn run(world: &CounterWorld, arguments: &[&str]) -> CommandOutput {
    ended(command(world, arguments)).await
}

async fn rows(world: &CounterWorld, arguments: &[&str], code: i32) -> Vec<Value> {
    let arguments = [arguments, &["--service", "counter", "-o", "json"]].concat();
    run(world, &arguments).await.ends_with(code).json()
}

/// Runs `inbox waiting` as a user who may see all queues.
async fn waiting(world: &CounterWorld) -> Value {
    let mut waiting = command(world, &["inbox", "waiting", "--service", "counter", "-o", "json"]);
    waiting.env("AMQP_URL", world.env.ops_amqp_url());
    let rows: Vec<Value> = ended(waiting).await.ends_with(0).json();
    rows[0].clone()
}

fn now() -> Timestamp {
    Clock::system().now()
}

fn next_at(row: &Value) -> Option<Timestamp> {
    row["next_at"].as_str().map(|at| at.parse().expect("a time"))
}

/// Waits until this many messages have this many attempts behind them, and wait for the next one. Returns the time of
/// the first of these attempts.
async fn waits(world: &CounterWorld, count: usize, attempts: u64) -> Timestamp {
    // Each look of the command is a process.
    let there = format!(
        "select count(*) from ballet.failure where attempts >= {attempts} and next_at > now()"
    );
    let url = world.env.database_url("counter");
    until_yields(url, &there, &count.to_string(), SOON).await;
    wait_until(&format!("{attempts} attempts of {count} messages"), SOON, || async {
        let listed = rows(world, &["inbox", "list"], 0).await;
        let is_there = |row: &&Value| row["attempts"].as_u64() >= Some(attempts);
        let there: Vec<&Value> = listed.iter().filter(is_there).collect();
        let next = there.iter().filter_map(|row| next_at(row)).min();
        match next {
            // A message that is due does not count: it is on its way back.
            Some(next) if there.len() == count && next > now() => Ok(Some(next)),
            _ => Err(format!("{listed:?}")),
        }
    })
    .await
    .expect("they wait")
}

/// A world whose retries come as late as in production.
async fn patient(name: &str) -> CounterWorld {
    let world = CounterWorld::new(name).await;
    let path = ["policies", world.env.vhost(), "quick-retries"];
    world.env.management().call(Method::DELETE, &path, None).await.expect("removed");
    world
}

#[tokio::test]
async fn t152_what_waits_is_tried_again_now_one_or_many_and_once() {
    let world = patient("now").await;
    world.trouble_of("tick", Some(FOR_A_WHILE)).await;
    let mut ids = Vec::new();
    for number in 0..20 {
        ids.push(world.tick(TICKED, number).await);
    }
    // They wait for half a minute.
    waits(&world, 20, 6).await;
    let retry = |more: &'static [&'static str]| [&["inbox", "retry", "counter"], more].concat();
    let all = retry(&["--all"]);
    let plan = run(&world, &retry(&["--all", "--dry-run"])).await.ends_with(0);
    assert!(plan.err.contains("20 messages of counter would be tried again now"), "{plan:?}");

    // The cause is still there: they wait again, for longer, and none is lost.
    run(&world, &all).await.ends_with(0).says(&["20 messages of counter tried again now"]);
    let next = waits(&world, 20, 9).await;
    assert!(next.duration_since(now()) > SignedDuration::from_secs(60), "{next}");

    world.trouble_of("tick", None).await;
    let other = run(&world, &["inbox", "retry", "counters", "--all"]).await.ends_with(2);
    assert!(other.err.contains("no queue `counters.dead`"), "{other:?}");
    let one = run(&world, &["inbox", "retry", "counter", "--id", &ids[7]]).await.ends_with(0);
    assert!(one.err.contains("1 message of counter"), "{one:?}");
    world.are_counted(1).await;
    assert_eq!(world.counted().await, [(7, 1)]);
    // Two operators at once.
    let (first, second) = tokio::join!(run(&world, &all), run(&world, &all));
    first.ends_with(0);
    second.ends_with(0);
    world.all_counted_once(20).await;
    assert!(now() < next, "they were not moved forward");
    assert_eq!(rows(&world, &["inbox", "list"], 0).await, Vec::<Value>::new());
    world.close().await;
}

#[tokio::test]
async fn t152_calls_to_the_outside_are_made_due_in_batches() {
    let mut world = CounterWorld::new("calls").await;
    world.stop().await;
    let mut db = world.database().await;
    db.execute(
        "insert into ballet.call (call_key, saga_id, step, key, undo, request, owner, created_at, \
         attempts, next_at, last_error) select gen_random_uuid(), md5((n % 2)::text)::uuid, 'pay', '', \
         false, '{}', case when n <= 3 then 7 else 0 end, now(), 3, now() + interval '1 hour', \
         'no answer' from generate_series(1, 2503) as n",
    )
    .await
    .expect("calls");
    let count = "select count(*) from ballet.call where next_at <= ballet.now()";
    let saga = "select md5('0')::uuid::text";
    let saga: String = sqlx::query_scalar(saga).fetch_one(&mut db).await.expect("an id");
    let plan = ["inbox", "retry", "counter", "--all", "--dry-run"];
    let plan = run(&world, &plan).await.ends_with(0);
    assert!(plan.err.contains("2,500 calls of counter to the outside would be made"), "{plan:?}");
    let one = run(&world, &["inbox", "retry", "counter", "--saga", &saga]).await.ends_with(0);
    assert!(one.err.contains("1,250 calls of counter"), "{one:?}");
    let all = run(&world, &["inbox", "retry", "counter", "--all"]).await.ends_with(0);
    assert!(all.err.contains("1,250 calls of counter"), "{all:?}");
    // Calls that a process is making are left to it.
    let due: i64 = sqlx::query_scalar(count).fetch_one(&mut db).await.expect("a number");
    assert_eq!(due, 2_500);
    run(&world, &["inbox", "retry", "counter"]).await.ends_with(2).says(&["say what to try again"]);
    db.close().await.expect("closed");
    world.close().await;
}

#[tokio::test]
async fn what_waits_is_counted_with_its_age_and_what_is_away_is_named() {
    let mut world = patient("waiting").await;
    // A busy broker does not count a reader at once.
    let empty = wait_until("the reader to be counted", SOON, || async {
        let empty = waiting(&world).await;
        if empty["readers"] == 1 { Ok(Some(empty)) } else { Err(format!("{empty:?}")) }
    });
    let empty = empty.await.expect("a reader");
    assert_eq!((&empty["ready"], &empty["retries"]), (&0.into(), &0.into()), "{empty:?}");
    assert_eq!(empty["alive"], true);
    world.trouble_of("tick", Some(FOR_A_WHILE)).await;
    let before = now() - SignedDuration::from_secs(5);
    let id = world.tick(TICKED, 0).await;
    waits(&world, 1, 3).await;
    let listed = rows(&world, &["inbox", "list"], 0).await;
    assert_eq!((&listed[0]["id"], &listed[0]["what"]), (&id.into(), &TICKED.into()));
    assert_eq!(
        (&listed[0]["step"], &listed[0]["detail"]),
        (&"count_ticks".into(), &FOR_A_WHILE.into())
    );
    world.stop().await;
    world.tick(TICKED, 1).await;
    // Messages that were delivered to the process return a moment after its end.
    let waits = wait_until("a message in the queue", SOON, || async {
        let waits = waiting(&world).await;
        let is = waits["ready"].as_u64() >= Some(1) && waits["readers"] == 0;
        if is { Ok(Some(waits)) } else { Err(format!("{waits:?}")) }
    });
    let waits = waits.await.expect("waits");
    assert_eq!((&waits["retries"], &waits["alive"]), (&1.into(), &false.into()));
    let since: Timestamp = waits["retries_since"].as_str().expect("a time").parse().expect("one");
    assert!(since > before && since < now(), "{since}");

    let arguments = ["inbox", "waiting", "--service", "counter"];
    let mut table = command(&world, &arguments);
    table.env("AMQP_URL", world.env.ops_amqp_url());
    ended(table).await.ends_with(0).prints(&["next attempt"]).says(&["no process"]);
    for (name, url) in [
        ("AMQP_URL", "amqp://redrive:x@127.0.0.1:1/clocks"),
        ("DATABASE_URL", "postgres://counter@127.0.0.1:1/counter"),
    ] {
        let mut away = command(&world, &arguments);
        away.env(name, url);
        ended(away).await.ends_with(3).says(&["cannot be reached"]).prints(&["counter"]);
    }
    world.close().await;
}

#[tokio::test]
async fn what_is_not_published_is_counted_with_its_age_and_the_reason() {
    let mut world = CounterWorld::new("unpublished").await;
    let empty = rows(&world, &["outbox", "waiting"], 0).await;
    assert_eq!((&empty[0]["waiting"], &empty[0]["why"]), (&0.into(), &Value::Null), "{empty:?}");
    world.stop().await;
    let mut db = world.database().await;
    db.execute(
        "insert into ballet.outbox_0 (owner, batch, position, message_id, event_type, body, created_at) \
         select 7, n / 2, n % 2, gen_random_uuid(), 'a.b.v1', '{}', now() - interval '1 hour' \
         from generate_series(0, 5) as n; \
         insert into ballet.outbox_0 (owner, batch, position, created_at) values (7, 1, -1, now()); \
         insert into ballet.unsent_copy (copy_id, exchange, routing_key, properties, body, why, next_at) \
         values (gen_random_uuid(), 'dead', 'counter', '', '', 'no right', now())",
    )
    .await
    .expect("rows");
    let found = rows(&world, &["outbox", "waiting"], 0).await;
    assert_eq!((&found[0]["waiting"], &found[0]["copies"]), (&4.into(), &1.into()), "{found:?}");
    assert!(found[0]["why"].as_str().expect("a reason").contains("no process"), "{found:?}");
    let arguments = ["outbox", "waiting", "--service", "counter"];
    run(&world, &arguments).await.ends_with(0).prints(&["60 min"]);
    let mut away = command(&world, &[&arguments[..], &["--service", "absent"]].concat());
    away.env("DATABASE_URL", "postgres://counter@127.0.0.1:1/{service}");
    ended(away).await.ends_with(3).says(&["the database of absent"]);
    db.close().await.expect("closed");
    world.close().await;
}

#[tokio::test]
async fn messages_that_a_process_has_taken_are_counted() {
    let world = CounterWorld::new("taken").await;
    let mut db = world.database().await;
    // No transaction begins while it is locked, so the messages stay taken: a broker may count them only every five
    // seconds.
    db.execute("begin; lock table ballet.inbox in exclusive mode").await.expect("locked");
    for number in 0..5 {
        world.tick(TICKED, number).await;
    }
    wait_until("the messages to be taken", SOON, || async {
        let mut seen = command(&world, &["inbox", "waiting", "--service", "counter", "-o", "json"]);
        seen.env("AMQP_URL", world.env.ops_amqp_url());
        seen.env("RABBITMQ_MANAGEMENT_URL", world.env.management_url());
        let rows: Vec<Value> = ended(seen).await.ends_with(0).json();
        let is = rows[0]["taken"] == 5 && rows[0]["ready"] == 0;
        if is { Ok(Some(())) } else { Err(format!("{rows:?}")) }
    })
    .await
    .expect("taken");
    db.execute("rollback").await.expect("free again");
    db.close().await.expect("closed");
    world.all_counted_once(5).await;
    world.close().await;
}

#[tokio::test]
async fn t201_what_a_user_may_not_see_is_unknown_and_never_none() {
    let mut world = CounterWorld::new("hidden").await;
    world.stop().await;
    world.tick(TICKED, 0).await;
    wait_until("a message in the queue", SOON, || async {
        let waits = waiting(&world).await;
        if waits["ready"] == 1 { Ok(Some(())) } else { Err(format!("{waits}")) }
    })
    .await
    .expect("waits");
    // The user redrive has no right on the queue of a service.
    let arguments = ["inbox", "waiting", "--service", "counter", "-o", "json"];
    let seen = run(&world, &arguments).await;
    let row = &seen.json::<Vec<Value>>()[0];
    if row["ready"].is_null() {
        // From RabbitMQ 4.2.6 on.
        assert_eq!(row["dead"], 0, "{seen:?}");
        assert!(seen.ends_with(3).err.contains("ACCESS_REFUSED"));
    } else {
        assert_eq!(row["ready"], 1, "{seen:?}");
        seen.ends_with(0);
    }
    world.close().await;
}
