//! Reads the journal as the user `tap` while the orders run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ballet::EventType;
use ballet::core::topology::{JOURNAL, TAP};
use ballet_amqp::{Broker, RabbitMq, Session};
use ballet_testkit::TestEnv;
use futures_util::StreamExt;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::harness::journal::Journal;

const PREFETCH: u16 = 1_000;
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Reads until the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Tap {
    read: Arc<Mutex<Read>>,
    _reader: Arc<Reader>,
}

#[derive(Debug, Default)]
struct Read {
    journal: Journal,
    /// Why the reader has stopped.
    failed: Option<String>,
}

#[derive(Debug)]
struct Reader(JoinHandle<()>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Tap {
    /// Reads everything that is published from now on: a stream's consumer starts at its end.
    pub(crate) async fn start(env: &TestEnv) -> Result<Self> {
        let broker = RabbitMq::new(env.amqp_url(TAP))?;
        let session = broker.connect("demo tap").await?;
        let deliveries = session.consume(JOURNAL, "demo", PREFETCH).await;
        let mut deliveries = deliveries.context("cannot read the journal")?;
        let read = Arc::new(Mutex::new(Read::default()));
        let shared = Arc::clone(&read);
        let task = tokio::spawn(async move {
            let failed = loop {
                match deliveries.next().await {
                    Some(Ok(delivery)) => {
                        let tag = delivery.tag;
                        lock(&shared).journal.add(&delivery);
                        if let Err(error) = acknowledge(&*session, tag).await {
                            break error.to_string();
                        }
                    }
                    Some(Err(error)) => break error.to_string(),
                    None => break "the broker closed the consumer".to_owned(),
                }
            };
            lock(&shared).failed = Some(failed);
        });
        Ok(Self { read, _reader: Arc::new(Reader(task)) })
    }

    /// Waits until an order has an event of this type, or has ended.
    pub(crate) async fn wait_for(&self, order: Uuid, event: EventType) -> Result<()> {
        loop {
            if self
                .journal(|journal| journal.has(order, event) || journal.ended(order).is_some())?
            {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Looks at what was read so far. Fails if the reader has stopped.
    pub(crate) fn journal<T>(&self, look: impl FnOnce(&Journal) -> T) -> Result<T> {
        let read = lock(&self.read);
        if let Some(failed) = &read.failed {
            bail!("the journal cannot be read any more: {failed}");
        }
        Ok(look(&read.journal))
    }
}

fn lock(read: &Mutex<Read>) -> MutexGuard<'_, Read> {
    read.lock().unwrap_or_else(PoisonError::into_inner)
}

/// On a stream an acknowledgement only asks for more.
async fn acknowledge(session: &dyn Session, tag: u64) -> Result<()> {
    Ok(session.ack(tag, false).await?)
}
