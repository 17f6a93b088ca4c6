//! Adds the journal's records from the database's place on, while the console runs.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use ballet_amqp::{Backoff, Broker};
use ballet_ops::monitor::WatchedJournal;
use ballet_ops::stream::{
    JournalError, JournalItem, JournalReader, LookupResult, Notice, Start, at,
};
use ballet_store::database::connection::in_time;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use sqlx::PgPool;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::contract_index::ContractIndex;
use crate::observer::journal_rows;
use crate::store::append::{self, EntryBatch};
use crate::store::prepare::begin_again;
use crate::store::times::times;

const DATABASE: &str = "the console's database";
/// In records and bytes.
const MOST: usize = 2_000;
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// Collected into a batch, since services need the processor more than a page needs the news.
const LINGER: Duration = Duration::from_millis(250);
/// A journal without the last read entry may be a lagging replica for this long.
const LAGS: Duration = Duration::from_secs(20);

pub(crate) struct Observer {
    pub(crate) pool: PgPool,
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) contract_index: Arc<ContractIndex>,
    pub(crate) keep: SignedDuration,
    pub(crate) trouble: watch::Sender<Option<String>>,
    /// More to read than one batch.
    pub(crate) is_behind: Arc<AtomicBool>,
    pub(crate) added: Arc<Notify>,
    pub(crate) watched: Arc<WatchedJournal>,
}

impl Observer {
    /// Forever. After a lost connection the pages say why, and it reconnects.
    pub(crate) async fn follow(self) {
        let (mut backoff, mut another_since) = (Backoff::default(), None);
        loop {
            let before = in_time(append::next(&self.pool)).await.ok();
            match self.read(&mut another_since).await {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!("the console does not follow: {error:#}");
                    self.trouble.send_replace(Some(format!("{error:#}")));
                }
            }
            if in_time(append::next(&self.pool)).await.ok() != before {
                backoff = Backoff::default();
            }
            sleep(backoff.wait()).await;
        }
    }

    /// Follows until something fails, or another console writes.
    async fn read(&self, another_since: &mut Option<Instant>) -> Result<()> {
        let mut next = in_time(append::next(&self.pool)).await.context(DATABASE)?;
        if self.is_another(next).await? {
            if another_since.get_or_insert_with(Instant::now).elapsed() < LAGS {
                let another = "the journal does not have what was read last";
                self.trouble.send_replace(Some(another.to_owned()));
                return Ok(());
            }
            tracing::warn!(
                "the journal has lost its end, or was made anew: the console reads it again"
            );
            begin_again(&self.pool, next).await?;
            self.watched.is_another();
            next = in_time(append::next(&self.pool)).await?;
        }
        *another_since = None;
        let begin = u64::try_from(next).unwrap_or_default();
        let from = self.watched.goes_on_at(begin);
        let start = if begin == 0 { Start::First } else { Start::Offset(from) };
        let mut reader = JournalReader::open(Arc::clone(&self.broker), start).await?;
        self.trouble.send_replace(None);
        // While the database takes one batch, only the next is read.
        let (send, mut batches) = mpsc::channel(1);
        let reading = async {
            loop {
                let Some((batch, to)) = self.batch(&mut reader, next).await? else {
                    continue;
                };
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

    /// At the place of the last entry the journal has another record, or none. The broker lost its end, or it was made
    /// again.
    async fn is_another(&self, next: i64) -> Result<bool> {
        let last = in_time(append::last_entry(&self.pool)).await.context(DATABASE)?;
        let (place, id) = last.map_or((next - 1, None), |(place, id)| (place, Some(id)));
        let Ok(offset) = u64::try_from(place) else { return Ok(false) };
        Ok(match at(&self.broker, offset).await? {
            LookupResult::Record(record) => {
                id.is_some_and(|id| record.members().iter().all(|one| one.known_as() != id))
            }
            LookupResult::Beyond => true,
            LookupResult::Gone => false,
        })
    }

    async fn batch(
        &self,
        reader: &mut JournalReader,
        from: i64,
    ) -> Result<Option<(EntryBatch, i64)>> {
        let (mut batch, mut to, mut records, mut bytes) = (EntryBatch::default(), from, 0, 0);
        let mut read = match timeout(LINGER, reader.next()).await {
            Ok(next) => next?,
            Err(_nothing_comes) => {
                self.is_behind.store(false, Ordering::Relaxed);
                reader.next().await?
            }
        };
        let (now, newest) = in_time(times(&self.pool)).await.context(DATABASE)?;
        let floor = newest.unwrap_or(now).checked_sub(self.keep).unwrap_or(Timestamp::MIN);
        let mut over = pin!(sleep(LINGER));
        let is_full = loop {
            self.watched.read(&read, now);
            match read {
                JournalItem::Record(record) => {
                    records += 1;
                    bytes += record.body.len();
                    // The monitor may need earlier ones.
                    if let Some(place) = place(record.offset).filter(|at| *at >= from) {
                        to = place + 1;
                        let index = &self.contract_index;
                        journal_rows::add(&mut batch, index, place, &record, (floor, now));
                    }
                }
                // Another journal may be there afterwards, so it is checked first.
                JournalItem::Notice(Notice::Lost(error)) => {
                    return Err(JournalError::from(error).into());
                }
                JournalItem::Notice(notice) => {
                    to = record_notice(&mut batch, &notice, (from, to));
                }
            }
            // An entry is added as a whole, since its members have one place.
            if reader.is_within_entry() {
                read = reader.next().await?;
                continue;
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

    /// However long the database is unavailable. Returns false if another console has added.
    async fn add(
        &self,
        days: &mut BTreeSet<Date>,
        (from, to): (i64, i64),
        batch: &EntryBatch,
    ) -> Result<bool> {
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
                    // The database would refuse it again. Our data is not wrong, but the reason has to be seen.
                    tracing::warn!("{DATABASE}: {error}");
                    self.trouble.send_replace(Some(format!("{DATABASE}: {error}")));
                    days.clear();
                    sleep(backoff.wait()).await;
                }
            }
        }
    }
}

/// Returns the place behind the known entries.
fn record_notice(batch: &mut EntryBatch, notice: &Notice, (from, to): (i64, i64)) -> i64 {
    // Only the monitor needs earlier ones.
    let is_before = |offset, first| place(Some(offset)).is_some_and(|place| place < first);
    match *notice {
        Notice::Lost(_) | Notice::Back | Notice::NothingSince => {}
        // A journal's first reading misses nothing.
        Notice::Cut { oldest, .. } if from == 0 || is_before(oldest, from + 1) => {}
        Notice::Unreadable(offset) if is_before(offset, from) => {}
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
    i64::try_from(offset?).ok()
}
