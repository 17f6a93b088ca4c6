//! Alarms about readers of telemetry.

use ballet::core::topology::TELEMETRY;
use ballet::{Clock, Telemetry};
use reqwest::{Method, Url};
use serde_json::{Value, json};
use sqlx::Executor;

use crate::meter::{Beat, PARTITIONS, made_anew, until_later};
use crate::process::SLOW;
use crate::watched_world::WatchedWorld;

const BEHIND: &str = "BalletTelemetryBehind";
const NOT_FOLLOWED: &str = "BalletTelemetryNotFollowed";
const MISSED: &str = "BalletTelemetryMissed";
const NOT_TAKEN: &str = "BalletTelemetryNotTaken";

/// Publishes a beat that is as old as this.
async fn beat(meter: &WatchedWorld, partition: u16, number: i64, age_seconds: i64) {
    let at = Clock::system().now().as_second() - age_seconds;
    let properties = json!({ "type": Beat::TYPE.name(), "timestamp": at, "delivery_mode": 2 });
    let body = json!({ "device": "bell", "number": number }).to_string();
    let key = Beat::TYPE.routing_key(partition);
    let published = meter.world.env.management().publish(TELEMETRY, &key, &properties, body).await;
    assert!(published.expect("published"), "no stream takes {key}");
}

#[tokio::test]
async fn a_reader_that_is_minutes_behind_rings_until_it_has_read_all() {
    let meter = WatchedWorld::new("telemetry_behind", "meter").await;
    meter.until_only(&[]).await;
    // Messages that an older release left in a type that nobody reads any more are no lag.
    let left = "insert into ballet.telemetry_reader (reader, stream, next_offset, end_offset, published_at) \
                select distinct reader, 'meter.beat.v0.0', 1, 9, now() - interval '1 hour' \
                from ballet.telemetry_reader";
    meter.world.execute("meter", left).await;
    // Each takes seconds: it is too slow for what comes.
    for _ in 0..20 {
        beat(&meter, 0, 700, 600).await;
    }
    meter.until_only(&[BEHIND]).await;
    // Another process takes over, and reads all.
    let all_read = "update ballet.telemetry_reader set epoch = epoch + 1, holder = -1, \
                    held_until = ballet.now() + interval '1 hour', next_offset = end_offset \
                    where stream <> 'meter.beat.v0.0'";
    meter.world.execute("meter", all_read).await;
    meter.until_only(&[]).await;
}

#[tokio::test]
async fn a_follower_that_does_not_keep_up_rings_until_it_has_taken_all() {
    let dial = WatchedWorld::beside("telemetry_not_followed", &["dial", "meter"]).await;
    dial.until_only(&[]).await;
    for _ in 0..10 {
        beat(&dial, 0, SLOW, 600).await;
    }
    dial.until_only(&[NOT_FOLLOWED]).await;
    dial.until_only(&[]).await;
}

#[tokio::test]
async fn a_stream_that_was_made_anew_rings() {
    let meter = WatchedWorld::new("telemetry_missed", "meter").await;
    for number in 100..110 {
        beat(&meter, 0, number, 0).await;
    }
    meter.world.until("meter", "select count(*) from beat", 10).await;
    meter.until_only(&[]).await;
    until_later(&meter.world).await;
    for partition in 0..PARTITIONS {
        made_anew(&meter.world, partition, json!({})).await;
    }
    beat(&meter, 0, 200, 0).await;
    meter.world.until("meter", "select count(*) from beat", 11).await;
    meter.until_only(&[MISSED]).await;
}

/// Waits until this rings and nothing else, while the meter is asked to publish beats.
async fn until_only_while_it_beats(meter: &WatchedWorld, alarms: &[&str]) {
    let mut every = tokio::time::interval(std::time::Duration::from_millis(500));
    let beats = async {
        loop {
            every.tick().await;
            meter.process.beat().await;
        }
    };
    tokio::select! {
        () = meter.until_only(alarms) => {}
        () = beats => {}
    }
}

#[tokio::test]
async fn telemetry_that_the_broker_does_not_take_rings() {
    let meter = WatchedWorld::new("telemetry_not_taken", "meter").await;
    meter.until_only(&[]).await;
    until_only_while_it_beats(&meter, &[]).await;
    let (world, management) = (&meter.world, meter.world.env.management());
    let user = Url::parse(world.env.amqp_url("meter")).expect("a URL").username().to_owned();
    let path = ["permissions", world.env.vhost(), &user];
    let before: Value = management.call(Method::GET, &path, None).await.expect("rights");
    let mut without = before.clone();
    without["write"] = json!(r"^(events|dead|retry\..*)$");
    management.call(Method::PUT, &path, Some(&without)).await.expect("taken");
    // A channel that is never idle for a second goes on with the rights that it has looked up.
    meter.broker.cut();
    until_only_while_it_beats(&meter, &[NOT_TAKEN]).await;
    management.call(Method::PUT, &path, Some(&before)).await.expect("given");
    until_only_while_it_beats(&meter, &[]).await;
}

#[tokio::test]
async fn a_reader_that_has_never_committed_is_behind_since_there_was_something_to_read() {
    let meter = WatchedWorld::new("telemetry_never", "meter").await;
    meter.until_only(&[]).await;
    let mut holder = meter.world.database("meter").await;
    holder.execute("begin; lock table beat in access exclusive mode").await.expect("locked");
    beat(&meter, 0, 100, 0).await;
    let seen =
        "select count(*) from ballet.telemetry_reader where end_offset > 0 and next_offset is null";
    meter.world.until("meter", seen, 1).await;
    // Nobody waits for minutes: the database's clock makes a jump.
    meter.world.let_pass("meter", 1).await;
    meter.until_rings(BEHIND).await;
    drop(holder);
    meter.world.until("meter", "select count(*) from beat", 1).await;
}
