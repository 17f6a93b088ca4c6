//! A reader that was stopped reports what it missed. After a rewind it writes the same rows again.

use ballet_store::telemetry::reader_places::{RewindTo, rewind};
use serde_json::json;
use sqlx::{Connection, PgConnection};

use crate::meter::{ALL, TWICE, asleep, made_anew, published, started, until_later};

const READS: &str = "select count(*) from ballet.telemetry_reader where held_until > ballet.now()";

#[tokio::test]
async fn what_the_stream_no_longer_keeps_is_told_and_the_reader_goes_on() {
    let system = asleep("telemetry_missed").await;
    // Each stream keeps a few kilobytes.
    let policy = json!({"pattern": "^telemetry", "apply-to": "queues", "priority": 9,
        "definition": {"max-length-bytes": 20_000}});
    let path = ["policies", system.env.vhost(), "short"];
    system.env.management().call(reqwest::Method::PUT, &path, Some(&policy)).await.unwrap();
    for partition in [0, 1] {
        made_anew(&system, partition, json!({"x-stream-max-segment-size-bytes": 5_000})).await;
    }
    let running = started(&system, 100).await;
    published(&running, 10, 100..110).await;
    system.until("meter", ALL, 100).await;
    // Another holder of its streams reads nothing.
    let away = "update ballet.telemetry_reader set epoch = epoch + 1, holder = -1, \
                held_until = ballet.now() + interval '1 hour'";
    system.execute("meter", away).await;
    published(&running, 50, 110..160).await;
    system.execute("meter", "update ballet.telemetry_reader set held_until = null").await;
    system.until("meter", "select count(*) from beat where number = 159", 50).await;
    let missed = "select count(*) from ballet.telemetry_missed \
                  where reason = 'retention' and to_offset > from_offset";
    assert!(system.value::<i64>("meter", missed).await > 0);
    let lost: i64 = system
        .value("meter", "select sum(to_offset - from_offset)::bigint from ballet.telemetry_missed")
        .await;
    let read: i64 = system.value("meter", ALL).await;
    // Some offsets were the broker's own.
    assert!(read < 2600 && read + lost >= 2600, "{read} read, {lost} missed");
    running.stop().await;
    system.close(0).await;
}

const TOLD: &str = "select count(*) from ballet.telemetry_missed where reason = 'made_anew'";

/// The broker lost power, and with it unwritten messages: as if the reader had read beyond the stream's end, or other
/// messages at its place.
#[tokio::test]
async fn a_stream_that_lost_its_tail_is_read_on_and_nothing_counts_twice() {
    let system = asleep("telemetry_tail").await;
    let mut running = started(&system, 100).await;
    published(&running, 10, 100..120).await;
    system.until("meter", ALL, 200).await;
    for (round, lost) in (1..).zip([
        // Nothing has come since; then others, beyond the place.
        "next_offset = next_offset + 40, last_seen = 7",
        "last_seen = 7",
        // No message had a time, so that of the reading counts.
        "last_seen = 7, read_at = published_at, published_at = null",
    ]) {
        running.stop().await;
        until_later(&system).await;
        let before = 150 + round * 50;
        system.execute("meter", &format!("update ballet.telemetry_reader set {lost}")).await;
        running = started(&system, 100).await;
        published(&running, 10, before..before + 5).await;
        system.until("meter", ALL, 200 + 50 * round).await;
        assert_eq!(system.value::<i64>("meter", TOLD).await, 2 * round);
        let waits = "select count(*) from ballet.telemetry_reader where next_offset < end_offset";
        system.until("meter", waits, 0).await;
    }
    assert_eq!(system.value::<i64>("meter", TWICE).await, 0);
    // The place by time of one whose messages have no time is where it read last.
    let timeless = "update ballet.telemetry_reader set published_at = null, end_offset = null";
    system.execute("meter", timeless).await;
    let of_reading = "select count(*) from ballet.telemetry_reader where published_at = read_at";
    system.until("meter", of_reading, 2).await;
    running.stop().await;
    system.close(0).await;
}

#[tokio::test]
async fn a_reader_that_is_rewound_makes_the_same_rows_again() {
    let system = asleep("telemetry_rewind").await;
    let running = started(&system, 100).await;
    published(&running, 10, 100..150).await;
    system.until("meter", ALL, 500).await;
    let mut db = PgConnection::connect(system.env.database_url("meter")).await.unwrap();
    let rewound = rewind(&mut db, "beats", None, RewindTo::First).await.unwrap();
    assert_eq!(rewound, 2);
    // Rewritten rows have new places.
    let again = "select count(distinct (device, number)) from beat where place > 500";
    system.until("meter", again, 500).await;
    assert_eq!(system.value::<i64>("meter", TWICE).await, 0, "earlier rows stayed");
    system.until("meter", READS, 2).await;

    // From an offset on, repeated messages are the reader's business: this one writes rows twice.
    rewind(&mut db, "beats", Some("meter.beat.v1.0"), RewindTo::Offset(0)).await.unwrap();
    let of_one = "select read_count from ballet.telemetry_reader where stream = 'meter.beat.v1.0'";
    let before: i64 = system.value("meter", of_one).await;
    system.until("meter", of_one, before / 2 * 3).await;
    running.stop().await;
    system.close(0).await;
}
