//! Alarms about processes and the broker: each rings when its cause is there, alone.

use ballet::Event;
use ballet_stage::{Link, Method};
use serde_json::json;

use crate::trip::RoomFreed;
use crate::watched_world::WatchedWorld;

const BROKER: &str = "BalletBrokerAway";
const DOWN: &str = "BalletServiceDown";
const PROCESS: &str = "BalletProcessDown";
const UNREAD: &str = "BalletQueueUnread";
const JOURNAL: &str = "BalletJournalGone";
const UNROUTED: &str = "BalletEventsUnrouted";

#[tokio::test]
async fn t226_a_service_that_is_dead_rings_one_alarm() {
    let mut hotel = WatchedWorld::beside("dead", &["hotel", "cars"]).await;
    hotel.until_only(&[]).await;
    hotel.process.kill().await;
    hotel.until_alone(DOWN).await;
}

#[tokio::test]
async fn t226_a_service_that_hangs_rings_one_alarm_until_it_goes_on() {
    let hotel = WatchedWorld::beside("hangs", &["hotel", "cars"]).await;
    hotel.until_only(&[]).await;
    hotel.process.freeze();
    hotel.until_alone(DOWN).await;
    hotel.process.thaw();
    hotel.until_only(&[]).await;
}

#[tokio::test]
async fn a_process_that_is_dead_beside_another_of_its_service_rings() {
    let mut hotel = WatchedWorld::beside("replica", &["hotel", "hotel"]).await;
    hotel.until_only(&[]).await;
    hotel.process.kill().await;
    hotel.until_only(&[PROCESS]).await;
}

/// Prometheus knows no process of the cars, so none is missing.
#[tokio::test]
async fn a_queue_that_nobody_reads_rings() {
    let hotel = WatchedWorld::with("unread", &["hotel"], Some("cars"), |_| {}).await;
    hotel.until_only(&[UNREAD]).await;
}

#[tokio::test]
async fn t226_an_outage_of_the_broker_rings_one_alarm_for_all_services() {
    let hotel = WatchedWorld::beside("outage", &["hotel", "cars"]).await;
    hotel.until_only(&[]).await;
    let ways = || hotel.others.iter().map(|(_, broker, _)| broker).chain([&hotel.broker]);
    for way in ways() {
        way.set(Link::Refused);
        way.cut();
    }
    hotel.process.rename(5).await;
    hotel.until_alone(BROKER).await;
    ways().for_each(|way| way.set(Link::Open));
    hotel.until_only(&[]).await;
}

#[tokio::test]
async fn a_journal_that_is_deleted_rings_one_alarm_for_all_services() {
    let hotel = WatchedWorld::beside("journal", &["hotel", "cars"]).await;
    hotel.until_only(&[]).await;
    let (management, vhost) = (hotel.world.env.management(), hotel.world.env.vhost());
    management.call(Method::DELETE, &["queues", vhost, "journal"], None).await.expect("deleted");
    hotel.until_alone(JOURNAL).await;
}

#[tokio::test]
async fn an_event_that_nobody_knows_rings() {
    let hotel = WatchedWorld::new("unrouted", "hotel").await;
    hotel.until_only(&[]).await;
    let name = RoomFreed::TYPE.name().replace("freed", "feed");
    let properties = json!({ "content_type": "application/json", "type": name });
    hotel.world.publish_raw(&name, &properties, "{}").await;
    hotel.until_only(&[UNROUTED]).await;
    hotel.world.env.management().take("unrouted", 10).await.expect("purged");
    hotel.until_only(&[]).await;
}
