//! `ballet replay`.

use std::path::Path;
use std::time::Duration;

use ballet::core::id::time_of;
use ballet::{Failure, Migration, Participant, Projection, Service, Settings, Tx};
use ballet_amqp::{BasicProperties, Publish};
use ballet_stage::{Link, Proxy, wait_until};
use ballet_testkit::command::ended;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::process::Command;
use uuid::Uuid;

use crate::world::{SOON, StreamWorld, TICKED, definitions, event, numbers, tick};

ballet_testkit::events! {
    Ticked = plain "clock.ticked.v1" { number: i64 }
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_heard",
    sql: "create table heard (at bigserial primary key, number bigint not null)",
}];

struct Hear;

impl Projection for Hear {
    const NAME: &'static str = "hear";
    type On = Ticked;

    async fn apply(&self, tx: &mut Tx<'_>, event: Ticked) -> Result<(), Failure> {
        let insert = sqlx::query("insert into heard (number) values ($1)");
        insert.bind(event.number).execute(tx.db()).await?;
        Ok(())
    }
}

pub(crate) fn replay(into: &StreamWorld, arguments: &[&str]) -> Command {
    into.command_at(into.env.ops_amqp_url(), &[&["replay"], arguments].concat())
}

/// Runs to the same broker under another name.
fn by_another_name(into: &StreamWorld, arguments: &[&str]) -> Command {
    let url = into.env.ops_amqp_url().replace("127.0.0.1", "localhost");
    assert_ne!(url, into.env.ops_amqp_url());
    into.command_at(&url, &[&["replay"], arguments].concat())
}

async fn heard(world: &StreamWorld, count: usize) -> Vec<i64> {
    wait_until("all to be heard", SOON, || async {
        let connected = PgConnection::connect(world.env.database_url("bell")).await;
        let mut db = connected.map_err(|error| error.to_string())?;
        let heard = sqlx::query_scalar("select number from heard order by at");
        let heard: Vec<i64> = heard.fetch_all(&mut db).await.map_err(|error| error.to_string())?;
        if heard.len() < count { Err(format!("{} so far", heard.len())) } else { Ok(Some(heard)) }
    })
    .await
    .expect("heard")
}

pub(crate) async fn published(world: &StreamWorld) -> Vec<Value> {
    let mut all = world.tap(&["--from", "first", "--until", "now"]).await;
    for record in &mut all {
        record.as_object_mut().expect("an object").remove("offset");
    }
    all
}

/// Services refuse events older than their memory.
fn now_tick(number: u64) -> Publish {
    let clock = ballet::Clock::system();
    let id = clock.new_id(clock.now()).to_string();
    let properties = BasicProperties::default().with_message_id(id.into());
    event(TICKED, properties, &json!({ "number": number }))
}

#[tokio::test]
async fn t157_a_replayed_recording_reaches_the_handlers_in_order_and_nothing_else() {
    let recorded = StreamWorld::new("source").await;
    recorded.publish((0..300).map(now_tick).collect()).await;
    // The other system makes dead letters by itself.
    let dead = Publish { exchange: "dead".to_owned(), routing_key: "bell".to_owned(), ..tick(1) };
    recorded.publish(vec![dead]).await;
    let before = published(&recorded).await;
    let file = recorded.record("source.jsonl.gz").await;

    let test = StreamWorld::with_databases("target", &definitions(), &["bell"]).await;
    let bell = Service::new(Participant::new("bell").projects(Hear)).migrations(TABLES);
    let settings = Settings::new(test.env.amqp_url("bell"), test.env.database_url("bell"));
    let running = bell.start(settings).await.expect("started");
    let said = ended(replay(&test, &[&file, "--pace", "max"])).await.ends_with(0).err;
    assert!(said.contains("300 events sent to"), "{said}");
    let heard = heard(&test, 300).await;
    assert_eq!(heard, (0..300).collect::<Vec<_>>());
    assert_eq!(published(&test).await, before[..300]);

    // Nothing is handled twice.
    ended(replay(&test, &[&file, "--pace", "max"])).await.ends_with(0);
    ended(replay(&test, &[&file, "--pace", "max", "--dry-run"])).await.ends_with(0);
    test.publish(vec![now_tick(300)]).await;
    assert_eq!(self::heard(&test, 301).await.last(), Some(&300));
    // Where it was recorded, that needs a confirmation.
    assert_eq!(published(&recorded).await, before);
    ended(replay(&recorded, &[&file])).await.ends_with(2).says(&["is where it was recorded"]);
    assert_eq!(published(&recorded).await, before);
    let said = ended(by_another_name(&recorded, &[&file])).await.ends_with(2).err;
    assert!(said.contains("is where it was recorded"), "{said}");
    assert_eq!(published(&recorded).await, before);
    running.stop().await;
    test.close().await;
    recorded.close().await;
}

#[tokio::test]
async fn a_system_of_the_same_name_with_another_journal_is_sent_to_without_a_question() {
    let world = StreamWorld::new("rebuilt").await;
    world.ticks(0..20).await;
    let file = world.record("before.jsonl").await;
    // Like a test's journal, made again for each run: first empty, then with its own events.
    world.env.journal_anew().await.expect("another journal");
    for own in [0..0, 100..130] {
        world.ticks(own).await;
        let new = [&file, "--pace", "max", "--new-ids"];
        ended(by_another_name(&world, &new)).await.ends_with(0).says(&["20 events sent to"]);
    }
    // Up to the cut.
    let text = std::fs::read(&file).expect("a file");
    std::fs::write(&file, &text[..text.len() - 10]).expect("written");
    let cut = ["is cut off in line 21", "19 events sent"];
    ended(replay(&world, &[&file, "--pace", "max", "--yes"])).await.ends_with(0).says(&cut);
    let denied = world.command(&["replay", &file, "--pace", "max", "--yes"]);
    ended(denied).await.ends_with(1).says(&["needs the right to write to exchange `events`"]);
    world.close().await;
}

#[tokio::test]
async fn a_replay_keeps_the_pace_and_goes_on_after_a_lost_connection() {
    let recorded = StreamWorld::new("pace").await;
    // In ten seconds, by their ids.
    let event_at = |number: u64| {
        let id = format!("0193f7a0-{:04x}-7000-8000-{number:012}", number * 250);
        let properties = BasicProperties::default().with_message_id(id.into());
        event(TICKED, properties, &json!({ "number": number }))
    };
    recorded.publish((0..40).map(event_at).collect()).await;
    let file = recorded.record("pace.jsonl").await;
    let test = StreamWorld::new("pace-target").await;
    let began = std::time::Instant::now();
    ended(replay(&test, &[&file, "--pace", "5x"])).await.ends_with(0);
    assert!(began.elapsed().as_secs_f64() >= 1.9, "{:?}", began.elapsed());
    test.close().await;

    recorded.ticks(40..12_000).await;
    let file = recorded.record("many.jsonl").await;
    let test = StreamWorld::new("lost-target").await;
    let proxy = Proxy::to(test.env.ops_amqp_url()).await.expect("a proxy");
    proxy.set(Link::Slow(Duration::from_millis(100)));
    let arguments = ["replay", &file, "--pace", "max"];
    let mut child = test.command_at(proxy.url(), &arguments).spawn().expect("started");
    let mut sent = 0;
    for _ in 0..3 {
        // Every second.
        sent = wait_until("more to be sent", SOON, || async {
            let progress = std::fs::read(format!("{file}.replay")).unwrap_or_default();
            let progress: Value = serde_json::from_slice(&progress).unwrap_or_default();
            let now = progress["sent"].as_u64().unwrap_or_default();
            if now > sent { Ok::<_, String>(Some(now)) } else { Ok(None) }
        })
        .await
        .expect("sent");
        proxy.cut();
    }
    let status = tokio::time::timeout(2 * SOON, child.wait()).await.expect("in time");
    assert_eq!(status.expect("ended").code(), Some(0));
    let mut all = numbers(&published(&test).await);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all, (0..12_000).collect::<Vec<_>>());
    test.close().await;
    recorded.close().await;
}

#[tokio::test]
async fn a_replay_that_is_killed_while_it_waits_goes_on_with_the_same_new_ids() {
    let recorded = StreamWorld::new("hour").await;
    // By their ids.
    let events = ["0193f7a0-0000", "0193f7d6-ee80"].into_iter().zip(0..).map(|(time, number)| {
        let id = format!("{time}-7000-8000-00000000000{number}");
        let properties = BasicProperties::default().with_message_id(id.into());
        event(TICKED, properties, &json!({ "number": number }))
    });
    recorded.publish(events.collect()).await;
    let file = recorded.record("hour.jsonl").await;
    let test = StreamWorld::new("hour-target").await;
    let arguments = [&*file, "--new-ids"];
    let mut child = replay(&test, &arguments).spawn().expect("started");
    wait_until("the first to be sent", SOON, || async {
        let progress = std::fs::read(format!("{file}.replay")).unwrap_or_default();
        let progress: Value = serde_json::from_slice(&progress).unwrap_or_default();
        Ok::<_, String>((progress["sent"] == 1).then_some(()))
    })
    .await
    .expect("sent");
    child.kill().await.expect("killed");
    let again = [&file, "--new-ids", "--pace", "max"];
    ended(replay(&test, &again)).await.ends_with(2).says(&["was interrupted after"]);
    let other = [&file, "--new-ids", TICKED, "--resume"];
    ended(replay(&test, &other)).await.ends_with(2).says(&["with other options"]);
    let on = [&again[..], &["--resume"]].concat();
    ended(replay(&test, &on)).await.ends_with(0);
    assert!(!Path::new(&format!("{file}.replay")).exists());
    let sent = published(&test).await;
    assert_eq!(numbers(&sent), [0, 1]);
    // Services refuse an id ahead of the clock, as of the second event, due in an hour.
    let id = sent[1]["properties"]["message_id"].as_str().expect("text");
    let time = time_of(id.parse::<Uuid>().expect("a UUID")).expect("version 7");
    assert!(time <= ballet::Clock::system().now(), "ahead of the clock: {time}");
    test.close().await;
    recorded.close().await;
}
