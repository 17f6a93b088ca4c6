//! A flood of good, foreign, broken, hostile and random messages from three users against one service. None is lost,
//! none takes effect twice, what is refused says so, and the next good message is handled at once.
//!
//! `BALLET_FLOOD` sets the number of messages, `BALLET_SEED` which.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ballet::core::System;
use ballet::{MessageId, Migration, Participant};
use ballet_amqp::{AMQPValue, BasicProperties, Deliveries, OutBatch, RabbitMq, Session};
use ballet_ops::audit::{self, BrokerSnapshot};
use ballet_testkit::wire::clients::{TestPublisher, batch};
use ballet_testkit::wire::raw_amqp::{self, RawMessage};
use futures_util::StreamExt;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::flood::message::{Flood, FloodMessage, MessageFate};
use crate::scene::{asleep, rome, session};
use crate::trip::{Names, Trouble, hotel};
use crate::world::{LONG, TripWorld, part};

#[path = "flood_draft.rs"]
mod draft;
#[path = "flood_message.rs"]
mod message;
#[path = "flood_values.rs"]
mod values;

const TABLES: &[Migration] = &[Migration {
    name: "0001_hotel",
    sql: "create table room (room bigserial primary key, saga_id uuid not null, freed boolean not null default false);
          create table hotel_name (name text not null)",
}];
const PORTION: u64 = 500;
/// Generous. If the machine is busy, this is a small part of the flood's time.
const AT_ONCE: Duration = Duration::from_secs(5);
const OF_THE_FLOOD: u32 = 8;
/// After this pause without a dead letter, the missing messages are looked up.
const PAUSE: Duration = Duration::from_millis(300);

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_floods_in_is_applied_or_a_duplicate_or_a_dead_letter() {
    let (count, seed) = (number("BALLET_FLOOD", 6_000), number("BALLET_SEED", 1));
    let participant: Participant = hotel(Trouble::default()).projects(Names);
    let mut world = asleep("flood", vec![part(participant.clone(), TABLES)]).await;
    // It would keep a copy of everything.
    world.env.management().delete_queue("probe").await.unwrap();
    let system = System { name: "trips", parts: vec![participant.part()] };
    world.start(part(participant, TABLES)).await;
    let flood = Flood::new(seed, world.new_saga().0);

    let began = Instant::now();
    let expected = publish(&world, &flood, count).await;
    let published = began.elapsed();
    let (inbox, dead) = until_settled(&world, &expected).await;
    let handled = began.elapsed();

    let next = next_good_one(&world, AT_ONCE.max(handled / OF_THE_FLOOD)).await;
    let databases = [("hotel".to_owned(), world.env.database_url("hotel").to_owned())];
    let broker = BrokerSnapshot::default();
    let report = audit::audit(&system, &databases, &broker, SignedDuration::ZERO).await;
    assert!(report.violations.is_empty(), "{report}");

    let mut tally: HashMap<&str, u64> = HashMap::new();
    for (number, (id, fate)) in expected.iter().enumerate() {
        let number = number as u64;
        let letters = dead.get(&number).map_or(&[] as &[String], Vec::as_slice);
        let applied = inbox.contains(&id.0);
        let what = || format!("seed {seed}, message {number}: {:?}", flood.message(number));
        let became = match fate {
            MessageFate::Applied => {
                assert!(applied && letters.is_empty(), "{letters:?}, {}", what());
                "applied"
            }
            MessageFate::Duplicate => {
                assert!(applied && letters.is_empty(), "{letters:?}, {}", what());
                "duplicate"
            }
            MessageFate::Dead(reason) => {
                assert!(!applied && letters == [*reason], "{letters:?}, {}", what());
                reason
            }
            MessageFate::Random => {
                assert_ne!(applied, letters.len() == 1, "{letters:?}, {}", what());
                assert!(letters.len() <= 1, "{letters:?}, {}", what());
                if applied { "random, applied" } else { "random, a dead letter" }
            }
        };
        *tally.entry(became).or_default() += 1;
    }
    let effects = world.count("hotel", "room").await + world.count("hotel", "hotel_name").await;
    assert_eq!(usize::try_from(effects).unwrap(), inbox.len() + 1, "each once, and the next one");
    let letters = dead.values().map(Vec::len).sum::<usize>();
    let duplicates = tally["duplicate"];
    assert_eq!(inbox.len() as u64 + letters as u64 + duplicates, count);
    let mut tally: Vec<_> = tally.into_iter().collect();
    tally.sort_unstable_by_key(|(_, count)| std::cmp::Reverse(*count));
    println!(
        "{count} messages, seed {seed}: published in {published:.1?}, all handled after \
         {handled:.1?} ({:.0} a second), the next one after {next:.1?}: {} applied, {duplicates} duplicates, {letters} dead \
         letters\n{tally:?}",
        count as f64 / handled.as_secs_f64(),
        inbox.len(),
    );
}

/// Returns how long the next good message takes.
async fn next_good_one(world: &TripWorld, at_most: Duration) -> Duration {
    let (saga, began) = (world.new_saga(), Instant::now());
    world.publish(saga, &rome()).await;
    let room = format!("room where saga_id = '{saga}'");
    world.until_count("hotel", &room, 1).await;
    let took = began.elapsed();
    assert!(took < at_most, "the next good message took {took:?}, not {at_most:?}");
    took
}

/// Returns the expected fate of each message.
async fn publish(world: &TripWorld, flood: &Flood, count: u64) -> Vec<(MessageId, MessageFate)> {
    let mut users = Users::new(world).await;
    let mut expected = Vec::new();
    let mut in_flight = 0;
    for first in (0..count).step_by(usize::try_from(PORTION).unwrap()) {
        let portion = (first..count.min(first + PORTION)).map(|number| flood.message(number));
        let portion: Vec<_> = portion.collect();
        expected.extend(portion.iter().map(|message| (message.id, message.fate)));
        users.send(first, portion);
        in_flight += 1;
        if in_flight == 4 {
            users.confirmed().await;
            in_flight -= 1;
        }
    }
    for _ in 0..in_flight {
        users.confirmed().await;
    }
    expected
}

/// An agency that may publish only the event that begins a trip, the hotel's own user, and the operators, who may put
/// anything on a queue.
struct Users {
    publishers: [TestPublisher; 3],
    ops_url: String,
    by_hand: VecDeque<JoinHandle<()>>,
}

impl Users {
    async fn new(world: &TripWorld) -> Self {
        let (vhost, management) = (world.env.vhost(), world.env.management());
        let agency = format!("{vhost}-agency");
        let put = async |path: &[&str], body| {
            management.call(Method::PUT, path, Some(&body)).await.unwrap();
        };
        put(&["users", &agency], json!({"password": "agency", "tags": ""})).await;
        let rights = json!({"configure": "^$", "write": "^events$", "read": "^$"});
        put(&["permissions", vhost, &agency], rights).await;
        let topic = r"^desk\.trip_booked\.v1$";
        let rights = json!({"exchange": "events", "write": topic, "read": "^$"});
        put(&["topic-permissions", vhost, &agency], rights).await;
        let ops_url = world.env.ops_amqp_url().to_owned();
        let (_, host) = ops_url.split_once('@').unwrap();
        let agency_url = format!("amqp://{agency}:agency@{host}");
        let of = |url: &str| TestPublisher::usual(RabbitMq::new(url).unwrap());
        let publishers = [of(&agency_url), of(world.env.amqp_url("hotel")), of(&ops_url)];
        Self { publishers, ops_url, by_hand: VecDeque::new() }
    }

    /// Sends as its user. What no client can send goes by hand.
    fn send(&mut self, number: u64, portion: Vec<FloodMessage>) {
        let (odd, portion): (Vec<_>, Vec<_>) =
            portion.into_iter().partition(|message| message.raw.is_some());
        let mut messages: [Vec<_>; 3] = Default::default();
        for FloodMessage { publish, .. } in portion {
            let headers = publish.properties.headers().clone().unwrap_or_default();
            // RabbitMQ 4.3 asks for the right to each key that these name.
            let is_copied = ["CC", "BCC"].iter().any(|name| headers.contains_key(name));
            let user = match &*publish.routing_key {
                _ if is_copied => 2,
                "desk.trip_booked.v1" => 0,
                "hotel.hotel_renamed.v1" => 1,
                _ => 2,
            };
            messages[user].push(publish);
        }
        let batch = batch(i64::try_from(number).unwrap());
        for (user, messages) in self.publishers.iter().zip(messages) {
            user.handle.send(OutBatch::new(batch, messages));
        }
        let url = self.ops_url.clone();
        self.by_hand.push_back(tokio::task::spawn_blocking(move || by_hand(&url, &odd)));
    }

    /// Waits for the oldest portion.
    async fn confirmed(&mut self) {
        self.by_hand.pop_front().unwrap().await.unwrap();
        for user in &mut self.publishers {
            let published = tokio::time::timeout(LONG, user.any()).await.unwrap();
            assert_eq!(published.unpublishable, []);
        }
    }
}

fn by_hand(url: &str, messages: &[FloodMessage]) {
    let properties: Vec<_> =
        messages.iter().map(|message| message.raw_properties().unwrap()).collect();
    let properties: Vec<Vec<_>> = properties
        .iter()
        .map(|each| each.iter().map(|(of, bytes)| (*of, &bytes[..])).collect())
        .collect();
    let raw = messages.iter().zip(&properties).map(|(message, properties)| RawMessage {
        queue: "hotel",
        properties,
        body: &message.publish.body,
    });
    raw_amqp::publish(url, &raw.collect::<Vec<_>>());
}

/// Waits until each message is in the inbox or dead, and the queues are empty. There is no limit as long as there is
/// progress. A queue's numbers lag, so the dead letters themselves are read.
async fn until_settled(
    world: &TripWorld,
    expected: &[(MessageId, MessageFate)],
) -> (HashSet<Uuid>, HashMap<u64, Vec<String>>) {
    let mut letters = Letters::of(world).await;
    let (mut fewest, mut since) = (usize::MAX, Instant::now());
    loop {
        letters.read().await;
        let inbox = inbox(world).await;
        let settled = |(number, (id, _)): &(usize, &(MessageId, MessageFate))| {
            inbox.contains(&id.0) || letters.found.contains_key(&(*number as u64))
        };
        let open: Vec<_> = expected.iter().enumerate().filter(|m| !settled(m)).collect();
        let depth = async |queue| world.env.management().depth(queue).await.unwrap();
        let (hotel, retry) = (depth("hotel").await, depth("retry.5s").await);
        let left = hotel.ready + hotel.unacked + retry.ready;
        if open.is_empty() && left == 0 {
            letters.read().await;
            return (inbox, letters.found);
        }
        if open.len() < fewest {
            (fewest, since) = (open.len(), Instant::now());
        }
        let some = &open[..open.len().min(5)];
        assert!(
            since.elapsed() < LONG,
            "{left} messages stay in the queues, {} are neither handled nor dead: {some:?}",
            open.len()
        );
    }
}

async fn inbox(world: &TripWorld) -> HashSet<Uuid> {
    let mut db = world.database("hotel").await;
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "select message_id from ballet.inbox union all select message_id from ballet.inbox_other",
    )
    .fetch_all(&mut db)
    .await
    .unwrap();
    let count = ids.len();
    let ids: HashSet<Uuid> = ids.into_iter().collect();
    assert_eq!(ids.len(), count);
    ids
}

struct Letters {
    session: Arc<dyn Session>,
    coming: Deliveries,
    /// The reasons for which each message is dead, by number.
    found: HashMap<u64, Vec<String>>,
}

impl Letters {
    async fn of(world: &TripWorld) -> Self {
        let session = session(world.env.ops_amqp_url()).await;
        let coming = session.consume("hotel.dead", "auditor", 2000).await.unwrap();
        Self { session, coming, found: HashMap::new() }
    }

    async fn read(&mut self) {
        let mut last = None;
        while let Ok(next) = tokio::time::timeout(PAUSE, self.coming.next()).await {
            let letter = next.unwrap().unwrap();
            let (number, reason) = marks(&letter.properties);
            self.found.entry(number).or_default().push(reason);
            last = Some(letter.tag);
        }
        if let Some(tag) = last {
            self.session.ack(tag, true).await.unwrap();
        }
    }
}

/// The message's number, and why it is dead.
fn marks(properties: &BasicProperties) -> (u64, String) {
    let headers = properties.headers().clone().unwrap_or_default();
    let header = |name: &str| headers.inner().get(name);
    let Some(AMQPValue::LongLongInt(number)) = header(message::NUMBER) else {
        panic!("a dead letter without its number: {properties:?}")
    };
    let Some(AMQPValue::LongString(reason)) = header("x-dead-reason") else {
        panic!("a dead letter without a reason: {properties:?}")
    };
    (u64::try_from(*number).unwrap(), reason.to_string())
}
