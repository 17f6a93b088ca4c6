//! `ballet inbox`: the waiting messages, and a retry now.

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

async fn listed(world: &CounterWorld) -> Vec<Value> {
    let list = ["inbox", "list", "--service", "counter", "-o", "json"];
    run(world, &list).await.ends_with(0).json()
}

fn now() -> Timestamp {
    Clock::system().now()
}

fn next_at(row: &Value) -> Option<Timestamp> {
    row["next_at"].as_str().map(|at| at.parse().expect("a time"))
}

/// Waits until this many messages have this many attempts behind them. Returns the time of the first of these
/// attempts.
async fn waits(world: &CounterWorld, count: usize, attempts: u64) -> Timestamp {
    // Each look of the command is a process.
    let there = format!(
        "select count(*) from ballet.failure where attempts >= {attempts} and next_at > now()"
    );
    let url = world.env.database_url("counter");
    until_yields(url, &there, &count.to_string(), SOON).await;
    wait_until(&format!("{attempts} attempts of {count} messages"), SOON, || async {
        let listed = listed(world).await;
        let is_there = |row: &&Value| row["attempts"].as_u64() >= Some(attempts);
        let there: Vec<&Value> = listed.iter().filter(is_there).collect();
        let next = there.iter().filter_map(|row| next_at(row)).min();
        match next {
            // A due message is on its way back, so it does not count.
            Some(next) if there.len() == count && next > now() => Ok(Some(next)),
            _ => Err(format!("{listed:?}")),
        }
    })
    .await
    .expect("they wait")
}

/// Retries come as late as in production.
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
    waits(&world, 20, 6).await;
    for row in listed(&world).await {
        assert!(ids.iter().any(|id| row["id"] == **id), "{row}");
        assert_eq!((&row["what"], &row["step"]), (&TICKED.into(), &"count_ticks".into()));
        assert_eq!(row["detail"], FOR_A_WHILE);
    }
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
    let (first, second) = tokio::join!(run(&world, &all), run(&world, &all));
    first.ends_with(0);
    second.ends_with(0);
    world.all_counted_once(20).await;
    assert!(now() < next, "they were not moved forward");
    assert_eq!(listed(&world).await, Vec::<Value>::new());
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
