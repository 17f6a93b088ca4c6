//! Clocks that are wrong, and time that passes. Processes share times by the database's clock.

use std::net::SocketAddr;

use ballet::Clock;
use ballet_stage::wait_until;
use ballet_testkit::health::{metrics, sample, until_ready};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::lifecycle::{old_partition, work_at_all_times};
use crate::trip::{DESK_TABLES, GUIDE_TABLES, RoomBooked, TripBooked, desk, guide};
use crate::world::{SOON, TripWorld, WorldPart, part, the_hotel};

/// The wrong clocks are off by so many hours.
const WRONG: [i64; 2] = [120 * 24, -120 * 24];

fn wrong(hours: i64) -> Clock {
    let system = Clock::system();
    let seed = system.new_id(system.now()).as_u128() & u128::from(u64::MAX);
    let time = move || system.now() + SignedDuration::from_hours(hours);
    Clock::new(time, u64::try_from(seed).expect("64 bits"))
}

fn guide_part() -> WorldPart {
    part(guide(), GUIDE_TABLES)
}

async fn rename(world: &TripWorld, id: &str, name: &str) {
    let properties = json!({
        "message_id": id, "type": "hotel.hotel_renamed.v1", "app_id": "hotel",
        "content_type": "application/json", "delivery_mode": 2,
    });
    let body = format!(r#"{{"name":"{name}"}}"#);
    world.publish_raw("hotel.hotel_renamed.v1", &properties, &body).await;
}

fn newest(world: &TripWorld) -> SocketAddr {
    world.services.last().expect("a service").address()
}

async fn until_clock(world: &TripWorld, expected: &str) {
    let is_it = |_, said: &Value| said.to_string().contains(expected);
    until_ready(newest(world), expected, is_it).await;
}

/// Services of other tests write the same metric.
async fn until_metric(world: &TripWorld, expected: f64) {
    wait_until("the difference of the clocks", SOON, || async {
        let metrics = metrics(newest(world)).await.map_err(|error| error.to_string())?;
        let difference = sample(&metrics, "ballet_clock_difference_seconds ");
        let is_it = difference.is_some_and(|it| (it - expected).abs() < 60.0);
        if is_it { Ok(Some(())) } else { Err(format!("{difference:?}, not {expected}")) }
    })
    .await
    .expect("measured");
}

/// One replica works alone with a wrong clock. Its neighbours and successors remember what they knew.
#[tokio::test(flavor = "multi_thread")]
async fn t184_a_wrong_clock_drops_doubles_and_stalls_nothing_and_is_told() {
    let mut world = TripWorld::new("wrong", vec![guide_part()]).await;
    let first = world.new_id();
    rename(&world, &first, "Ritz").await;
    world.until_count("guide", "hotel_name", 1).await;
    world.services.pop().expect("the guide").stop().await;
    let mut db = world.database("guide").await;
    old_partition(&mut db, 1).await;
    work_at_all_times(&mut db).await;
    for (number, hours) in (2..).zip(WRONG) {
        world.start_by(guide_part(), wrong(hours), |_| {}).await;
        rename(&world, &world.new_id(), "Savoy").await;
        world.until_count("guide", "hotel_name", number).await;
        until_clock(&world, "nothing old is removed").await;
        until_metric(&world, SignedDuration::from_hours(hours).as_secs_f64()).await;
        assert_eq!(world.count("guide", "pg_class where relname = 'inbox_20000101'").await, 1);
        world.services.pop().expect("the guide").stop().await;
    }
    world.start(guide_part()).await;
    world.until_count("guide", "pg_class where relname = 'inbox_20000101'", 0).await;
    until_clock(&world, r#""clock":"ok""#).await;
    rename(&world, &first, "Ritz").await;
    rename(&world, &world.new_id(), "Palace").await;
    world.until_count("guide", "hotel_name where name = 'Palace'", 1).await;
    assert_eq!(world.count("guide", "hotel_name where name = 'Ritz'").await, 1);
    assert!(world.seen().await.iter().all(|m| m["exchange"] != "dead"));
}

fn of_today() -> [String; 2] {
    let now = Clock::system().now();
    let week = now.as_second().div_euclid(7 * 86_400) * 7 * 86_400;
    let week = Timestamp::from_second(week).expect("in range");
    [now.strftime("inbox_%Y%m%d").to_string(), week.strftime("ledger_%Y%m%d").to_string()]
}

#[tokio::test(flavor = "multi_thread")]
async fn t35_t184_what_has_no_partition_gets_one_and_what_was_forgotten_too_early_is_told() {
    let mut world = TripWorld::hotel("too_early").await;
    for partition in of_today() {
        world.execute("hotel", &format!("drop table ballet.{partition}")).await;
        let saga = world.new_saga();
        world.publish(saga, &TripBooked { city: "Rome".into() }).await;
        world.event::<RoomBooked>(saga).await;
        let there = format!("pg_class where relname = '{partition}' and relispartition");
        assert_eq!(world.count("hotel", &there).await, 1, "{partition}");
    }
    assert!(world.seen().await.iter().all(|m| m["exchange"] != "dead"));

    let saga = world.new_saga();
    let id = world.publish(saga, &TripBooked { city: "Rome".into() }).await;
    world.event::<RoomBooked>(saga).await;
    let [inbox, ledger] = of_today();
    for (number, (partition, reason)) in
        [(ledger, "saga_too_old"), (inbox, "too_old_to_deduplicate")].into_iter().enumerate()
    {
        // As if a clock that was ahead had dropped it.
        let sql = format!(
            "drop table ballet.{partition}; \
             insert into ballet.dropped_partition values ('{partition}')"
        );
        world.execute("hotel", &sql).await;
        world.services.clear();
        world.start(the_hotel()).await;
        let again = if number == 0 { world.new_id() } else { id.clone() };
        world.publish_as(&again, saga, &TripBooked { city: "Rome".into() }).await;
        let dead = world.dead_letters(number + 1).await;
        assert_eq!(dead[number]["properties"]["headers"]["x-dead-reason"], reason);
        assert_eq!(world.count("hotel", "room").await, 3);
    }
}

async fn leap(world: &TripWorld, hours: i64) {
    let sql = format!(
        "create or replace function ballet.now() returns timestamptz language sql volatile \
         parallel safe as 'select pg_catalog.clock_timestamp() + interval ''{hours} hours''' "
    );
    world.execute("desk", &sql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t208_a_leap_of_the_databases_clock_lets_no_deadline_pass() {
    let desk = || part(desk(), DESK_TABLES);
    let mut world = TripWorld::new("leap", vec![desk()]).await;
    for _ in 0..3 {
        world.begin(0).await;
    }
    leap(&world, 2).await;
    until_clock(&world, "nothing old is removed").await;
    world.begin(0).await;
    world.start(desk()).await;
    until_clock(&world, "nothing old is removed").await;
    world.begin(1).await;
    leap(&world, 0).await;
    until_clock(&world, "\"ready\":true").await;
    let open = "ballet.deadline where due_at > ballet.now() + interval '55 minutes'";
    assert_eq!(world.count("desk", open).await, 5, "nobody's time is over");
    assert!(world.seen().await.iter().all(|m| m["routing_key"] != "desk.trip_overdue.v1"));

    // Time itself goes on.
    world.execute("desk", "update ballet.deadline set due_at = ballet.now()").await;
    world.until_count("desk", "ballet.deadline", 0).await;
}
