//! Big bodies.

use std::time::Duration;

use ballet_amqp::{Broker, BrokerError, Publish, RabbitMq};
use ballet_stage::{Options, Servers};
use futures_util::StreamExt;

use crate::world::{StreamWorld, definitions, numbers, tick};

const MIB: usize = 1 << 20;

fn filled(number: u64, bytes: usize) -> Publish {
    Publish { body: vec![b'0'; bytes].into(), ..tick(number) }
}

#[tokio::test]
async fn t217_the_broker_refuses_what_is_bigger_than_any_service_takes() {
    let world = StreamWorld::new("refused").await;
    world.ticks(0..100).await;
    let broker = RabbitMq::new(world.env.ops_amqp_url()).expect("a URL");
    for number in 100..110 {
        let session = broker.connect("producer").await.expect("a session");
        let mut confirms = session.confirms().await.expect("confirms");
        session.publish(filled(number, MIB + MIB / 4)).expect("sent");
        let answer = confirms.next().await.expect("an answer");
        let Err(BrokerError::ChannelClosed { code, text, .. }) = &answer else {
            panic!("{answer:?}")
        };
        assert!(*code == 406 && text.contains("message size"), "{code} {text}");
    }
    // As big as the biggest services take.
    world.publish(vec![filled(110, MIB)]).await;
    let all = ["tap", "-o", "jsonl", "--from", "first", "--until", "now"];
    let lines = world.ballet(&all).await.ends_with(0).lines();
    assert_eq!(lines.len(), 101);
    assert_eq!(numbers(&lines[..100]), (0..100).collect::<Vec<_>>());
    world.close().await;
}

#[tokio::test]
async fn t218_reading_a_journal_of_big_bodies_does_not_block_who_publishes() {
    let servers = Servers::own_broker(Options::fast()).await.expect("servers of our own");
    let world = StreamWorld::on(&servers, "big", &definitions()).await;
    // Small events first, so that the reader asks for many when it comes to the big ones.
    world.ticks(0..500).await;
    for round in 0..30 {
        let of_round = round * 12 + 500..round * 12 + 512;
        world.publish(of_round.map(|number| filled(number, MIB)).collect()).await;
    }
    // More often than every 2.5 s, so that no peak is overlooked.
    let often = "vm_memory_monitor:set_check_interval(100).";
    servers.rabbitmq().control(&["eval", often]).await.expect("set");
    let used = "element(1, vm_memory_monitor:get_memory_use(bytes)).";
    let used = servers.rabbitmq().control(&["eval", used]).await.expect("a figure");
    // Less than all bodies, and more than a reader needs.
    let limit = (used.parse::<u64>().expect("a figure") + 300_000_000).to_string();
    let low = ["set_vm_memory_high_watermark", "absolute", &limit];
    servers.rabbitmq().control(&low).await.expect("set");
    let blocked = world.blocked();
    let read = ["tap", "bell.#", "--from", "first", "--until", "now"];
    let mut number = 1000;
    let mut reading = Box::pin(world.ballet(&read));
    loop {
        tokio::select! {
            ended = &mut reading => {
                ended.ends_with(0);
                break;
            }
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
        }
        // It tells publishers while it blocks.
        world.ticks(number..number + 1).await;
        number += 1;
        assert!(!*blocked.borrow(), "after {number} ticks publishing is blocked");
    }
    drop(reading);
    assert!(number > 1000, "nothing was published meanwhile");
    assert!(!blocked.has_changed().expect("a session"), "publishing was blocked");
    world.close().await;
}
