//! Reads the journal from where the database says, and adds what it reads, for as long as the console runs.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ballet_amqp::{Backoff, Broker};
use ballet_store::database::connection::in_time;
use ballet_stream::{JournalError, JournalItem, JournalReader, Notice, Start};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use sqlx::PgPool;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{sleep, timeout};

use crate::error::ConsoleError;
use crate::known::Known;
use crate::observer::another::is_another;
use crate::observer::reading;
use crate::store::append::{self, Batch};
use crate::store::times::times;

/// The most records, and bytes, that are added at once.
const MOST: usize = 2_000;
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// What comes within this time is added at once: the services need the processor more than a page needs it sooner.
const LINGER: Duration = Duration::from_millis(250);

/// Follows the journal.
pub(crate) struct Observer {
    pub(crate) pool: PgPool,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) known: Arc<Known>,
    pub(crate) keep: SignedDuration,
    /// What keeps it from following, in words.
    pub(crate) trouble: watch::Sender<Option<String>>,
    /// There is more to read than it adds at once.
    pub(crate) is_behind: Arc<AtomicBool>,
    /// Something was added.
    pub(crate) added: Arc<Notify>,
}

impl Observer {
    /// Follows the journal for ever. What ends a connection is said on the pages, and it connects again.
    pub(crate) async fn follow(self) {
        let mut backoff = Backoff::default();
        loop {
            let before = in_time(append::next(&self.pool)).await.ok();
            match self.read().await {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!("the console does not follow: {error}");
                    self.trouble.send_replace(Some(error.to_string()));
                }
            }
            if in_time(append::next(&self.pool)).await.ok() != before {
                backoff = Backoff::default();
            }
            sleep(backoff.wait()).await;
        }
    }

    /// Follows until something fails, or somebody else writes.
    async fn read(&self) -> Result<(), ConsoleError> {
        let mut next = in_time(append::next(&self.pool)).await?;
        let begin = u64::try_from(next).unwrap_or_default();
        if is_another(&self.pool, &self.broker).await? {
            let another = "it does not have what was read last, so it is another journal: start the console with \
                           --rebuild";
            self.trouble.send_replace(Some(another.to_owned()));
            return Ok(());
        }
        let start = if next == 0 { Start::First } else { Start::Offset(begin) };
        let mut reader = JournalReader::open(Arc::clone(&self.broker), start).await?;
        self.trouble.send_replace(None);
        // While the database takes one batch in, the next one is read, and no more.
        let (send, mut batches) = mpsc::channel(1);
        let reading = async {
            loop {
                let Some((batch, to)) = self.batch(&mut reader, next).await? else { continue };
                if send.send((batch, (next, to))).await.is_err() {
                    return Ok(());
                }
                next = to;
            }
        };
        let adding = async {
            let mut days: BTreeSet<Date> = BTreeSet::new();
            while let Some((batch, places)) = batches.recv().await {
                if !self.add(&mut days, places, &batch).await? {
                    break;
                }
                self.added.notify_one();
            }
            Ok(())
        };
        tokio::select! {
            read = reading => read,
            added = adding => added,
        }
    }

    /// The next records, and the place behind them.
    async fn batch(
        &self,
        reader: &mut JournalReader,
        from: i64,
    ) -> Result<Option<(Batch, i64)>, ConsoleError> {
        let (mut batch, mut to, mut records, mut bytes) = (Batch::default(), from, 0, 0);
        let mut read = match timeout(LINGER, reader.next()).await {
            Ok(next) => next?,
            Err(_nothing_comes) => {
                self.is_behind.store(false, Ordering::Relaxed);
                reader.next().await?
            }
        };
        let (now, newest) = in_time(times(&self.pool)).await?;
        let floor = newest.unwrap_or(now).checked_sub(self.keep).unwrap_or(Timestamp::MIN);
        let mut over = pin!(sleep(LINGER));
        let is_full = loop {
            match read {
                JournalItem::Record(record) => {
                    to = place(record.offset).map_or(to, |place| place + 1);
                    records += 1;
                    bytes += record.body.len();
                    reading::add(&mut batch, &self.known, &record, (floor, now));
                }
                // It may come back with another journal: it is looked at before it is followed again.
                JournalItem::Notice(Notice::Lost(error)) => {
                    return Err(JournalError::from(error).into());
                }
                JournalItem::Notice(notice) => to = noted(&mut batch, &notice, from, to),
            }
            if records >= MOST || bytes >= MOST_BYTES {
                break true;
            }
            read = tokio::select! {
                biased;
                () = &mut over => break false,
                next = reader.next() => next?,
            };
        };
        self.is_behind.store(is_full, Ordering::Relaxed);
        Ok((to > from).then_some((batch, to)))
    }

    /// Adds a batch, however long the database is away. Returns false if somebody else has added.
    async fn add(
        &self,
        days: &mut BTreeSet<Date>,
        (from, to): (i64, i64),
        batch: &Batch,
    ) -> Result<bool, ConsoleError> {
        let mut backoff = Backoff::default();
        loop {
            match in_time(append::append(&self.pool, days, (from, to), batch)).await {
                Ok(true) => {
                    if self.trouble.borrow().is_some() {
                        self.trouble.send_replace(None);
                    }
                    return Ok(true);
                }
                // The answer to our own commit may have been lost.
                Ok(false) => return Ok(in_time(append::next(&self.pool)).await? == to),
                Err(error) => {
                    // What it refuses would be refused again: it is not our data that is wrong, but the
                    // reason has to be seen.
                    tracing::warn!("the console's database: {error}");
                    self.trouble.send_replace(Some(format!("the console's database: {error}")));
                    days.clear();
                    sleep(backoff.wait()).await;
                }
            }
        }
    }
}

/// Takes a notice down. Returns the place behind what is known.
fn noted(batch: &mut Batch, notice: &Notice, from: i64, to: i64) -> i64 {
    match *notice {
        Notice::Lost(_) | Notice::Back | Notice::NothingSince => {}
        // Of a journal that is read for the first time nothing is missed.
        Notice::Cut { .. } if from == 0 => {}
        Notice::Cut { oldest, .. } => batch.gaps.push(format!(
            "the journal had dropped what came before {oldest} when the console came to read from {from}"
        )),
        Notice::Unreadable(offset) => {
            batch.gaps.push(format!("no reader gets the entry {offset} of the journal"));
            return place(Some(offset)).map_or(to, |place| to.max(place + 1));
        }
    }
    to
}

fn place(offset: Option<u64>) -> Option<i64> {
    offset.and_then(|offset| i64::try_from(offset).ok())
}
