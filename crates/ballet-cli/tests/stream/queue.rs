//! `ballet tap --queue`: copies of the messages that go into a service's queue.

use ballet::core::topology;
use ballet_amqp::{
    AMQPValue, BasicProperties, Broker as _, BrokerError, CopyQueue, FieldTable, Publish, RabbitMq,
};
use ballet_check::contracts::Contracts;
use ballet_stage::{Method, wait_until};
use ballet_testkit::command::{end_of, ended, lines, send};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr};
use tokio::time::timeout;

use crate::world::{SOON, StreamWorld, event, numbers};

const CONTRACTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/contracts/shop");
const CHECKED_OUT: &str = "cart.checked_out.v1";
/// The most messages that the broker keeps for a tap, those on their way, and those that the tap keeps.
const MOST: u64 = 10_000;

async fn shop(name: &str) -> StreamWorld {
    let contracts = Contracts::read(CONTRACTS.as_ref()).expect("contracts");
    StreamWorld::with(name, &topology::definitions(contracts.system(), |_| String::new())).await
}

fn checkout(number: u64) -> Publish {
    let id = format!("0193f7a0-0000-7000-8000-{number:012}");
    let properties = BasicProperties::default().with_message_id(id.into());
    event(CHECKED_OUT, properties, &json!({ "number": number }))
}

/// Starts a tap of this queue, and returns it with the rest of its output. It may stand still for longer than the
/// heartbeats of a usual connection allow.
async fn tap(
    world: &StreamWorld,
    queue: &str,
    more: &[&str],
) -> (Child, Lines<BufReader<ChildStderr>>) {
    let arguments = [&["tap", "-o", "jsonl", "--contracts", CONTRACTS, "--queue", queue], more];
    let url = format!("{}?heartbeat=60", world.env.ops_amqp_url());
    let mut tap = world.command_at(&url, &arguments.concat()).spawn().expect("started");
    let mut said = BufReader::new(tap.stderr.take().expect("errors")).lines();
    let begun = timeout(SOON, said.next_line()).await.expect("in time").expect("read");
    let begun = begun.expect("a line");
    assert_eq!(begun, format!("showing what goes into the queue {queue} from now on"));
    (tap, said)
}

async fn shown(tap: Child) -> Vec<Value> {
    end_of(tap).await.ends_with(0).lines()
}

/// The names and lengths of the queues with copies.
async fn copies(world: &StreamWorld) -> Result<Vec<(String, u64)>, String> {
    let path = ["queues", world.env.vhost()];
    let queues = world.env.management().call(Method::GET, &path, None).await;
    let queues = queues.map_err(|error| error.to_string())?;
    let named = queues.as_array().into_iter().flatten().filter_map(|queue| {
        let name = queue["name"].as_str().filter(|name| name.starts_with("tap-of."))?;
        Some((name.to_owned(), queue["messages"].as_u64().unwrap_or_default()))
    });
    Ok(named.collect())
}

async fn no_copy_is_left(world: &StreamWorld) {
    wait_until("the copy to be gone", SOON, || async {
        let left = copies(world).await?;
        if left.is_empty() { Ok(Some(())) } else { Err(format!("{left:?}")) }
    })
    .await
    .expect("gone");
}

#[tokio::test]
async fn tap_shows_what_goes_into_a_queue_and_takes_nothing_from_it() {
    let world = shop("queue").await;
    world.publish(vec![checkout(0)]).await;
    let (orders, _) = tap(&world, "orders", &["--limit", "3"]).await;
    let (dead, _) = tap(&world, "orders.dead", &["--limit", "1"]).await;
    let (odd, _) = tap(&world, "orders", &["--where", "/body/number=2", "--limit", "1"]).await;
    assert_eq!(copies(&world).await.expect("copies").len(), 3);

    let elsewhere = event("shipping.parcel_lost.v1", BasicProperties::default(), &json!({}));
    world.publish(vec![elsewhere, checkout(1), checkout(2)]).await;
    let letter = Publish { exchange: "dead".into(), routing_key: "orders".into(), ..checkout(3) };
    world.publish(vec![letter]).await;
    let mut headers = FieldTable::default();
    headers.insert("x-retries".into(), AMQPValue::LongUInt(1));
    let again = checkout(4);
    let again = Publish {
        exchange: "retry.5s".to_owned(),
        routing_key: "orders".to_owned(),
        properties: again.properties.clone().with_headers(headers),
        ..again
    };
    world.publish(vec![again]).await;

    let of_orders = shown(orders).await;
    // Messages that come back to be tried again are seen, too.
    assert_eq!(numbers(&of_orders), [1, 2, 4]);
    assert_eq!(of_orders[2]["routing_key"], "orders");
    assert_eq!(numbers(&shown(dead).await), [3]);
    assert_eq!(numbers(&shown(odd).await), [2]);
    no_copy_is_left(&world).await;
    // The queue has its messages, also the earlier ones. A message that comes back may reach the copy first.
    let kept = world.env.management().until_depth("orders", SOON, |depth| depth.ready == 4).await;
    kept.expect("four messages in the queue");
    world.close().await;
}

#[tokio::test]
async fn a_reader_that_is_slow_is_told_how_many_messages_it_has_missed() {
    let world = shop("slow").await;
    let (mut tap, mut said) = tap(&world, "orders", &["--idle-timeout", "10s"]).await;
    let whole = 2 * MOST;
    for from in (0..whole).step_by(2_000) {
        // Nobody reads the output.
        world.publish((from..from + 2_000).map(checkout).collect()).await;
    }
    wait_until("the tap to take what the broker has", SOON, || async {
        let copies = copies(&world).await?;
        // The last ones need not be acknowledged yet.
        if copies.iter().all(|(_, messages)| *messages < 200) {
            Ok(Some(()))
        } else {
            Err(format!("{copies:?}"))
        }
    })
    .await
    .expect("taken");
    let mut out = String::new();
    let mut from = tap.stdout.take().expect("output");
    timeout(SOON, from.read_to_string(&mut out)).await.expect("in time").expect("read");
    let shown = lines(&out).len() as u64;
    let (mut missed, mut is_exact) = (0, true);
    while let Some(line) = timeout(SOON, said.next_line()).await.expect("in time").expect("read") {
        match line.strip_prefix("not shown here: ").and_then(|text| text.split_once(" message")) {
            Some((count, _)) => missed += count.replace(',', "").parse::<u64>().expect(&line),
            None => {
                assert!(line.contains("may have dropped some copies"), "{line}");
                is_exact = false;
            }
        }
    }
    assert!(missed > 0 && shown >= MOST, "{shown} shown, {missed} missed");
    if is_exact {
        assert_eq!(shown + missed, whole);
    } else {
        // The broker does not report how many it has dropped.
        assert!(shown + missed <= whole, "{shown} shown, {missed} missed");
    }
    world.close().await;
}

#[tokio::test]
async fn a_tap_that_stands_still_fills_no_queue_and_says_that_it_may_have_missed_something() {
    let world = shop("frozen").await;
    let (mut tap, mut said) = tap(&world, "orders", &[]).await;
    let mut out = BufReader::new(tap.stdout.take().expect("output")).lines();
    send(&tap, Signal::STOP);
    let whole = MOST + 5_000;
    for from in (0..whole).step_by(1_000) {
        world.publish((from..from + 1_000).map(checkout).collect()).await;
    }
    let most = wait_until("the broker to count the copies", SOON, || async {
        let copies = copies(&world).await?;
        let messages = copies.first().map_or(0, |(_, messages)| *messages);
        if messages >= MOST { Ok(Some(messages)) } else { Err(format!("{messages} so far")) }
    });
    let most = most.await.expect("copies");
    assert!(most < MOST + 1_000, "{most} is more than what is on its way, and the limit");
    send(&tap, Signal::CONT);
    let reading = tokio::spawn(async move {
        let mut read = 0;
        while out.next_line().await.expect("read").is_some() {
            read += 1;
        }
        read
    });
    let line = timeout(SOON, said.next_line()).await.expect("in time").expect("read");
    let line = line.expect("a line");
    assert!(line.contains("the broker may have dropped some copies"), "{line}");
    send(&tap, Signal::TERM);
    let ended = timeout(SOON, tap.wait()).await.expect("in time").expect("ended");
    assert_eq!(ended.code(), Some(0));
    let read: u64 = reading.await.expect("read");
    assert!(read < whole, "{read}");
    no_copy_is_left(&world).await;
    world.close().await;
}

#[tokio::test]
async fn a_queue_that_cannot_be_copied_is_named_with_what_to_do() {
    let world = shop("uncopied").await;
    let arguments = ["tap", "--contracts", CONTRACTS, "--queue"];
    let asked = |queue: &'static str| [&arguments[..], &[queue]].concat();
    for queue in ["journal", "retry.5s", "order"] {
        let said = world.ballet(&asked(queue)).await.ends_with(2).err;
        assert!(said.contains("is no queue of a service") && said.contains("orders"), "{said}");
    }
    let said =
        world.ballet(&[&asked("orders")[..], &["--since", "1h"]].concat()).await.ends_with(2).err;
    assert!(said.contains("--since"), "{said}");
    for user in ["orders", "tap"] {
        let refused = world.command_at(world.env.amqp_url(user), &asked("orders"));
        ended(refused).await.ends_with(1).says(&["`tap` may not", "`ops`"]);
    }
    world.env.management().delete_queue("orders").await.expect("deleted");
    let as_ops = world.command_at(world.env.ops_amqp_url(), &asked("orders"));
    ended(as_ops).await.ends_with(1).says(&["there is no queue `orders`", "apply"]);
    world.close().await;
}

/// For a queue of the older kind its arguments win over a policy. If it is bound to `route` and refuses all messages,
/// it stops every publisher.
#[tokio::test]
async fn the_user_tap_can_make_no_queue_that_fills_the_broker() {
    let world = shop("bounded").await;
    let broker = RabbitMq::new(world.env.amqp_url("tap")).expect("a URL");
    let copy = CopyQueue {
        name: "tap-of.orders".to_owned(),
        bindings: vec![("route".to_owned(), CHECKED_OUT.to_owned())],
        most_messages: 0,
        most_bytes: 0,
        expires: 60_000,
    };
    let session = broker.connect("test").await.expect("a session");
    let refused = session.declare_copy(&copy).await.expect_err("it may make no queue");
    assert!(matches!(refused, BrokerError::ChannelClosed { code: 403, .. }), "{refused}");
    session.close().await;
    for queue in ["orders", "orders.dead", "unrouted", "retry.5s"] {
        let session = broker.connect("test").await.expect("a session");
        let refused = session.consume(queue, "test", 1).await.err();
        let refused = refused.expect("it may take nothing");
        assert!(matches!(refused, BrokerError::ChannelClosed { code: 403, .. }), "{refused}");
        session.close().await;
    }
    world.close().await;
}
