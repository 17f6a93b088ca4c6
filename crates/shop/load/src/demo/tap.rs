//! Reads the journal as the user `tap` while the orders run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use ballet::EventType;
use ballet::core::topology::TAP;
use ballet_amqp::RabbitMq;
use ballet_stage::TestEnv;
use ballet_stream::{JournalItem, Start};
use tokio::task::JoinHandle;
use uuid::Uuid;

use ballet_trials::{Journal, Witness};

const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A reader of the journal, which stops when its last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Tap {
    read: Arc<Mutex<TapState>>,
    _reader: Arc<ReaderTask>,
}

#[derive(Debug)]
struct TapState {
    journal: Journal,
    /// The error that has stopped the reader.
    failed: Option<String>,
}

#[derive(Debug)]
struct ReaderTask(JoinHandle<()>);

impl Drop for ReaderTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Tap {
    /// Reads everything that is published in this environment.
    pub(crate) async fn start(env: &TestEnv, shop: Arc<dyn Witness>) -> Result<Self> {
        let broker = Arc::new(RabbitMq::new(env.amqp_url(TAP))?);
        let mut reader = ballet_stream::JournalReader::open(broker, Start::First).await?;
        let read = Arc::new(Mutex::new(TapState { journal: Journal::new(shop), failed: None }));
        let shared = Arc::clone(&read);
        let task = tokio::spawn(async move {
            let failed = loop {
                match reader.next().await {
                    Ok(JournalItem::Record(record)) => lock(&shared).journal.add(&record),
                    // The reader logs a notice itself, and goes on.
                    Ok(JournalItem::Notice(_)) => {}
                    Err(error) => break error.to_string(),
                }
            };
            lock(&shared).failed = Some(failed);
        });
        Ok(Self { read, _reader: Arc::new(ReaderTask(task)) })
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

    /// Calls `look` with the journal as read so far. Fails if the reader has stopped.
    pub(crate) fn journal<T>(&self, look: impl FnOnce(&Journal) -> T) -> Result<T> {
        let read = lock(&self.read);
        if let Some(failed) = &read.failed {
            bail!("the journal cannot be read any more: {failed}");
        }
        Ok(look(&read.journal))
    }
}

fn lock(read: &Mutex<TapState>) -> MutexGuard<'_, TapState> {
    read.lock().unwrap_or_else(PoisonError::into_inner)
}
