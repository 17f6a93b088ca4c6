//! A server that takes connections and says nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ballet_amqp::{Broker, BrokerError, ConsumerSettings, RabbitMq, Session};
use futures_util::future::{BoxFuture, FutureExt};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

use ballet_testkit::wire::clients::{SOON, TestConsumer};

#[tokio::test]
async fn an_attempt_that_nobody_answers_leaves_no_connection_behind() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    for scheme in ["amqp", "amqps"] {
        let url = format!("{scheme}://orders:secret@{at}/shop");
        let broker = RabbitMq::new(&url).unwrap().patience(Duration::from_millis(100));
        let ended = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            // Until the other side closes it. What was not read may end it with a reset.
            socket.read_to_end(&mut Vec::new()).await.ok();
        };
        let (connected, ended) = tokio::join!(broker.connect("orders"), timeout(SOON, ended));
        assert!(matches!(connected, Err(BrokerError::Unreachable { .. })), "{connected:?}");
        assert_eq!(ended, Ok(()), "{scheme}");
    }
}

/// Counts the attempts.
#[derive(Debug, Default)]
struct SilentServer(AtomicUsize);

#[derive(Debug)]
struct CountedAttempts(Arc<SilentServer>);

impl Broker for CountedAttempts {
    fn connect<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Arc<dyn Session>, BrokerError>> {
        async {
            self.0.0.fetch_add(1, Ordering::SeqCst);
            sleep(Duration::from_secs(6)).await;
            let (at, reason) = ("orders@silent".to_owned(), "no answer".to_owned());
            Err(BrokerError::Unreachable { at, reason })
        }
        .boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_consumer_whose_attempts_take_long_waits_longer_each_time() {
    let silent = Arc::new(SilentServer::default());
    let consumer = TestConsumer::start(
        CountedAttempts(Arc::clone(&silent)),
        ConsumerSettings::new("orders", "one"),
    );
    sleep(Duration::from_secs(120)).await;
    let attempts = silent.0.load(Ordering::SeqCst);
    // Without longer waits it would be 19.
    assert!((10..=16).contains(&attempts), "{attempts}");
    consumer.handle.stop(SOON).await;
}
