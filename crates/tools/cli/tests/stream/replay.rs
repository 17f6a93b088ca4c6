//! `ballet replay`.

use std::time::Duration;

use ballet::{Failure, Migration, Participant, Projection, Service, Settings, Tx};
use ballet_amqp::{BasicProperties, Publish};
use ballet_stage::{Link, Proxy, wait_until};
use ballet_testkit::command::ended;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};
use tokio::process::Command;

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

fn replay(into: &StreamWorld, arguments: &[&str]) -> Command {
    into.command(&[&["replay", "--to", into.env.ops_amqp_url()], arguments].concat())
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

async fn published(world: &StreamWorld) -> Vec<Value> {
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
    running.stop().await;
    // Up to a cut.
    let cut = recorded.record("cut.jsonl").await;
    let text = std::fs::read(&cut).expect("a file");
    std::fs::write(&cut, &text[..text.len() - 10]).expect("written");
    let sent = ["is cut off in line 302", "300 events sent"];
    ended(replay(&test, &[&cut, "--pace", "max"])).await.ends_with(0).says(&sent);
    let denied = ["replay", &file, "--pace", "max", "--to", test.env.amqp_url("tap")];
    let denied = ended(test.command(&denied)).await.ends_with(1);
    denied.says(&["the user of the URL may publish it, as `ops` may"]);
    test.close().await;
    recorded.close().await;
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
    let arguments = ["replay", &file, "--pace", "max", "--to", proxy.url()];
    let mut child = test.command(&arguments).spawn().expect("started");
    for round in 1..=3 {
        wait_until("more to be sent", SOON, || async {
            let sent = published(&test).await.len();
            if sent > round * 1_000 { Ok(Some(())) } else { Err(format!("{sent} so far")) }
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
