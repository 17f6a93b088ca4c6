//! A publisher and a consumer, and their reports.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ballet_amqp::{
    Arrival, BasicProperties, BatchId, Broker, ConnectionState, Consumer, ConsumerHandle,
    ConsumerSettings, OutBatch, Publish, PublishedBatch, Publisher, PublisherHandle,
    PublisherSettings, Receipt,
};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

pub const SOON: Duration = Duration::from_secs(60);

pub fn message(key: &str, id: &str) -> Publish {
    Publish {
        exchange: "events".to_owned(),
        routing_key: key.to_owned(),
        mandatory: true,
        properties: BasicProperties::default().with_message_id(id.into()).with_delivery_mode(2),
        body: id.as_bytes().to_vec().into(),
    }
}

pub fn batch(number: i64) -> BatchId {
    BatchId { process: 1, number, table: 0 }
}

/// Makes a batch whose messages are named `<number>.<index>`.
pub fn out(number: i64, keys: &[&str]) -> OutBatch {
    let messages =
        keys.iter().enumerate().map(|(index, key)| message(key, &format!("{number}.{index}")));
    OutBatch::new(batch(number), messages)
}

/// Sends one message of a batch to another exchange.
pub fn redirect(batch: &mut OutBatch, at: usize, exchange: &str) {
    let message = Publish { exchange: exchange.to_owned(), ..batch.messages[at].0.to_publish() };
    batch.messages[at].0 = Arc::new(message);
}

pub fn id(properties: &BasicProperties) -> String {
    properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default()
}

/// A publisher and its reports.
#[derive(Debug)]
pub struct TestPublisher {
    pub handle: PublisherHandle,
    reports: mpsc::UnboundedReceiver<PublishedBatch>,
}

impl TestPublisher {
    pub fn start(broker: impl Broker + 'static, settings: PublisherSettings) -> Self {
        let (sender, reports) = mpsc::unbounded_channel();
        // The test may have ended.
        let on_published = Arc::new(move |published| sender.send(published).unwrap_or(()));
        Self { handle: Publisher::start(Arc::new(broker), settings, on_published), reports }
    }

    pub fn usual(broker: impl Broker + 'static) -> Self {
        Self::start(broker, PublisherSettings::new("orders", "one"))
    }

    pub async fn published(&mut self) -> PublishedBatch {
        timeout(SOON, self.reports.recv())
            .await
            .expect("no batch was published")
            .expect("it goes on")
    }

    /// Returns the next report, however long it takes.
    pub async fn any(&mut self) -> PublishedBatch {
        match self.reports.recv().await {
            Some(published) => published,
            None => std::future::pending().await,
        }
    }

    pub fn none_published(&mut self) -> bool {
        self.reports.try_recv().is_err()
    }

    pub async fn ready(&self) {
        wait_for(self.handle.state(), "ready", ConnectionState::is_ready).await;
    }
}

/// A consumer and the messages it hands on.
#[derive(Debug)]
pub struct TestConsumer {
    pub handle: ConsumerHandle,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
}

impl TestConsumer {
    pub fn start(broker: impl Broker + 'static, settings: ConsumerSettings) -> Self {
        let (sender, arrivals) = mpsc::unbounded_channel();
        // The test may have ended.
        let sink = Arc::new(move |arrival| sender.send(arrival).unwrap_or(()));
        Self { handle: Consumer::start(Arc::new(broker), settings, sink), arrivals }
    }

    pub fn usual(broker: impl Broker + 'static) -> Self {
        Self::start(broker, ConsumerSettings::new("orders", "one"))
    }

    pub async fn next(&mut self) -> (String, Receipt) {
        let arrival = timeout(SOON, self.arrivals.recv())
            .await
            .expect("nothing arrived")
            .expect("it goes on");
        (id(&arrival.delivery.properties), arrival.receipt)
    }

    /// Returns the next message, however long it takes.
    pub async fn any(&mut self) -> (String, Receipt) {
        match self.arrivals.recv().await {
            Some(arrival) => (id(&arrival.delivery.properties), arrival.receipt),
            None => std::future::pending().await,
        }
    }

    pub fn try_next(&mut self) -> Result<(String, Receipt), mpsc::error::TryRecvError> {
        let arrival = self.arrivals.try_recv()?;
        Ok((id(&arrival.delivery.properties), arrival.receipt))
    }

    pub async fn take(&mut self, count: usize) -> Vec<(String, Receipt)> {
        let mut taken = Vec::new();
        for _ in 0..count {
            taken.push(self.next().await);
        }
        taken
    }

    pub async fn ready(&self) {
        wait_for(self.handle.state(), "ready", ConnectionState::is_ready).await;
    }
}

pub async fn wait_for<T: std::fmt::Debug>(
    mut value: watch::Receiver<T>,
    what: &str,
    is: impl FnMut(&T) -> bool,
) {
    if timeout(SOON, value.wait_for(is)).await.is_err() {
        panic!("not {what}: {:?}", value.borrow());
    }
}

pub async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let wait = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// A list to which a callback adds notes.
pub type Notes = Arc<Mutex<Vec<String>>>;
