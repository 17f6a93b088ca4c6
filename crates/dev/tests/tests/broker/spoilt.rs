//! Channels and connections that end without a message being to blame.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ballet_amqp::RabbitMq;
use ballet_testkit::memory::{ExchangeKind, MemoryBroker};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::rabbitmq::env;
use ballet_testkit::wire::clients::{TestPublisher, batch, out};

/// The last byte of every frame.
const FRAME_END: u8 = 0xce;

/// A proxy that spoils frames whose body is `text`, the first `times`. Returns its address.
async fn spoils(url: &str, text: &'static [u8], times: &Arc<AtomicUsize>) -> String {
    let (before, server) = url.split_once('@').unwrap();
    let (server, vhost) = server.split_once('/').unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (server, times) = (server.to_owned(), Arc::clone(times));
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let broker = TcpStream::connect(&server).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_broker, mut to_broker) = broker.into_split();
            let times = Arc::clone(&times);
            tokio::spawn(async move { tokio::io::copy(&mut from_broker, &mut to_client).await });
            tokio::spawn(async move {
                let mut bytes = [0; 65_536];
                while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
                    let bytes = &mut bytes[..count];
                    let end = bytes.windows(text.len()).position(|part| part == text);
                    if let Some(end) = end.map(|at| at + text.len())
                        && bytes.get(end) == Some(&FRAME_END)
                        && times
                            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                                left.checked_sub(1)
                            })
                            .is_ok()
                    {
                        bytes[end] = 0;
                    }
                    if to_broker.write_all(bytes).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    format!("{before}@{address}/{vhost}")
}

#[tokio::test]
async fn t186_a_message_whose_frame_was_spoilt_on_the_way_is_published() {
    let env = env("spoilt").await;
    let times = Arc::new(AtomicUsize::new(2));
    let proxy = spoils(env.amqp_url("orders"), b"1.0", &times).await;
    let mut publisher = TestPublisher::usual(RabbitMq::new(&proxy).unwrap());
    publisher.ready().await;
    publisher.handle.send(out(1, &["orders.x"]));
    let published = publisher.published().await;
    assert_eq!((published.batch, published.unpublishable), (batch(1), vec![]));
    assert_eq!(times.load(Ordering::SeqCst), 0, "two frames were spoilt");
    env.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn t51_a_message_that_always_ends_the_connection_is_found_and_the_others_go_on() {
    let broker = MemoryBroker::new();
    broker.exchange("events", ExchangeKind::Topic);
    broker.queue("all");
    broker.bind("events", "#", "all");
    broker.spoil_key("a.poison");
    let mut publisher = TestPublisher::usual(broker.clone());
    publisher.ready().await;
    publisher.handle.send(out(1, &["a.x", "a.poison", "a.y"]));
    // The broker takes others in between, which shows that the way to it is good.
    for number in 2.. {
        publisher.handle.send(out(number, &["a.x"]));
        let published = publisher.published().await;
        if published.batch == batch(1) {
            assert_eq!(published.unpublishable[0].position, 1);
            assert!(number > 5, "it took {number} batches");
            return;
        }
        assert_eq!(published.unpublishable, vec![]);
        // The clock of this test stands still, unless somebody waits for it.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
