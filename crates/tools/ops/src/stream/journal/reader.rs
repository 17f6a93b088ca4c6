//! The journal as one sequence of records, over any number of connections. A pack is one entry of the journal, and its
//! members are as many records, with one offset.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Backoff, Broker, BrokerError, Delivery, StreamStart};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::stream::journal::end::{FIRST_LIMIT, last, oldest};
use crate::stream::journal::error::{JournalError, refused};
use crate::stream::journal::lookup::{LookupResult, at};
use crate::stream::journal::records::{Attempt, CONNECTION, JournalRecords};
use crate::stream::record::Record;
use crate::stream::start::Start;

/// A journal that is too short may be a lagging replica for this long.
const LAGS: Duration = Duration::from_secs(30);

/// An item that a [`JournalReader`] returns.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly all are records")]
pub enum JournalItem {
    /// The next message.
    Record(Record),
    /// A notice.
    Notice(Notice),
}

/// An event that interrupts or limits the reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The journal no longer has the requested start.
    Cut {
        /// The offset of the oldest message.
        oldest: u64,
        /// The time of that message.
        time: Option<Timestamp>,
    },
    /// The connection is lost. The reader reconnects, and continues after the last record.
    Lost(BrokerError),
    /// The connection is back.
    Back,
    /// No reader gets the message with this offset.
    Unreadable(u64),
    /// The journal has no message since the requested time. The reader waits for the next.
    NothingSince,
}

/// Reads the journal with few messages in memory: the broker waits for a slow reader at no cost to the stream.
pub struct JournalReader {
    broker: Arc<dyn Broker>,
    vhost: String,
    begins: Start,
    records: JournalRecords,
    /// Set until the first record shows whether the journal still has this time.
    since: Option<Timestamp>,
    /// When it is certain that the journal has nothing since the requested time. The broker then waits for the next
    /// message silently.
    nothing_at: Option<Instant>,
    /// The next offset, without a gap.
    expected: Option<u64>,
    /// How often the broker delivered, or refused to.
    answers: u64,
    /// The offset of the last message returned or skipped.
    reached: Option<u64>,
    /// The last message read, or the last at the start.
    last: Option<Record>,
    lost: Option<Backoff>,
    /// Since when each check finds the journal too short.
    short_since: Option<Instant>,
    /// Set aside until it is known whether messages were cut.
    behind_gap: Option<Record>,
    waiting: VecDeque<JournalItem>,
}

impl JournalReader {
    /// Finds the place to begin.
    ///
    /// # Errors
    ///
    /// If the broker does not answer or refuses.
    pub async fn open(broker: Arc<dyn Broker>, asked: Start) -> Result<Self, JournalError> {
        let session = broker.connect(CONNECTION).await?;
        let vhost = session.peer().vhost.clone();
        session.close().await;
        let (mut since, mut expected, mut end) = (None, None, None);
        // An offset, so that a connection lost before the first message loses none.
        let begins = match asked {
            Start::Last | Start::Next => {
                end = last(&broker).await?;
                let offset = end.as_ref().and_then(|end| end.offset);
                let behind = u64::from(asked == Start::Next);
                Start::Offset(offset.map_or(0, |offset| offset + behind))
            }
            // A reader that asks for a time misses the first message of an empty stream.
            Start::Time(_) if matches!(oldest(&*broker).await, Ok(None)) => Start::Offset(0),
            Start::First | Start::Offset(_) | Start::Time(_) => asked,
        };
        let start = match begins {
            Start::Offset(offset) => {
                expected = Some(offset);
                StreamStart::Offset(offset)
            }
            Start::Time(time) => {
                since = Some(time);
                StreamStart::Time(u64::try_from(time.as_second()).unwrap_or_default())
            }
            Start::First | Start::Last | Start::Next => StreamStart::Offset(0),
        };
        Ok(Self {
            records: JournalRecords::new(Arc::clone(&broker), start),
            broker,
            vhost,
            begins,
            since,
            nothing_at: since.map(|_| Instant::now() + FIRST_LIMIT),
            expected,
            answers: 0,
            reached: None,
            last: end,
            lost: None,
            short_since: None,
            behind_gap: None,
            waiting: VecDeque::new(),
        })
    }

    /// Returns the start: an offset if the end was requested.
    #[must_use]
    pub fn begins(&self) -> Start {
        self.begins
    }

    /// Returns the next record or a notice. Waits without limit. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// If the broker refuses, or the journal was made again. A lost connection is tried again.
    pub async fn next(&mut self) -> Result<JournalItem, JournalError> {
        let item = self.item().await?;
        match &item {
            JournalItem::Record(record) => self.reached = record.offset,
            JournalItem::Notice(Notice::Unreadable(offset)) => self.reached = Some(*offset),
            JournalItem::Notice(_) => {}
        }
        Ok(item)
    }

    /// Like [`next`](Self::next), up to the offset `end`, if given. Returns `None` behind it, or if the journal has
    /// nothing since the requested time.
    ///
    /// # Errors
    ///
    /// As of [`next`](Self::next).
    pub async fn next_until(
        &mut self,
        end: Option<u64>,
    ) -> Result<Option<JournalItem>, JournalError> {
        let Some(end) = end else { return self.next().await.map(Some) };
        if !self.is_within_entry() && self.reached.is_some_and(|reached| reached >= end) {
            return Ok(None);
        }
        let item = self.next().await?;
        let is_behind = match &item {
            JournalItem::Record(record) => record.offset.is_some_and(|offset| offset > end),
            JournalItem::Notice(notice) => *notice == Notice::NothingSince,
        };
        Ok((!is_behind).then_some(item))
    }

    /// Whether the next record is of the same entry as the last one, and comes at once.
    #[must_use]
    pub fn is_within_entry(&self) -> bool {
        let next = self.waiting.front();
        matches!(next, Some(JournalItem::Record(next)) if next.offset == self.reached)
    }

    fn push(&mut self, entry: Record) {
        self.waiting.extend(entry.members().into_iter().map(JournalItem::Record));
    }

    async fn item(&mut self) -> Result<JournalItem, JournalError> {
        loop {
            if let Some(read) = self.waiting.pop_front() {
                return Ok(read);
            }
            if let Some(record) = &self.behind_gap {
                let cut = find_cut(&*self.broker, record, self.since).await?;
                self.since = None;
                self.waiting.extend(cut.map(JournalItem::Notice));
                if let Some(entry) = self.behind_gap.take() {
                    self.push(entry);
                }
                continue;
            }
            if let Some(backoff) = &mut self.lost {
                tokio::time::sleep(backoff.wait()).await;
                match self.is_same().await {
                    Ok(true) => {}
                    Ok(false) => continue,
                    Err(JournalError::Broker(error)) if error.is_loss() => {
                        // An unavailable broker says nothing about its replicas.
                        self.short_since = None;
                        continue;
                    }
                    Err(JournalError::Broker(error)) => return Err(refused(error, &self.vhost)),
                    Err(error) => return Err(error),
                }
            }
            match self.delivery().await {
                Ok(Err(notice)) => return Ok(JournalItem::Notice(notice)),
                Ok(Ok(delivery)) => {
                    let record = Record::from(delivery);
                    self.last = Some(record.clone());
                    if self.goes_on(&record) {
                        self.push(record);
                    }
                }
                Err(JournalError::Broker(error)) if error.is_loss() => {
                    if self.lost.is_none() {
                        self.lost = Some(Backoff::default());
                        return Ok(JournalItem::Notice(Notice::Lost(error)));
                    }
                }
                Err(JournalError::Broker(error)) => return Err(refused(error, &self.vhost)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns the next message. A notice replaces an unreadable one, or says that the journal has none since the
    /// requested time.
    async fn delivery(&mut self) -> Result<Result<Delivery, Notice>, JournalError> {
        loop {
            let next = match self.nothing_at {
                Some(at) => timeout_at(at, self.records.attempt()).await,
                None => Ok(self.records.attempt().await),
            };
            let Ok(next) = next else {
                self.nothing_at = None;
                return Ok(Err(Notice::NothingSince));
            };
            self.answers += u64::from(next.is_ok());
            let is_there = matches!(next, Ok(Attempt::Read(_)));
            // A new connection gets the full limit.
            self.nothing_at =
                self.nothing_at.filter(|_| !is_there).map(|_| Instant::now() + FIRST_LIMIT);
            match next? {
                Attempt::Read(delivery) => return Ok(Ok(delivery)),
                Attempt::Skipped(offset) => return Ok(Err(Notice::Unreadable(offset))),
                Attempt::Again => {}
            }
        }
    }

    /// Returns how often the broker delivered a message or refused to. This grows while [`next`](Self::next) looks for
    /// a way past an unreadable message.
    #[must_use]
    pub fn answers(&self) -> u64 {
        self.answers
    }

    /// Closes the reader.
    pub async fn close(mut self) {
        self.records.disconnect().await;
    }

    /// Whether this is the journal read before. A new journal would deliver nothing until it is as long, and then seem
    /// to continue.
    async fn is_same(&mut self) -> Result<bool, JournalError> {
        let before = self.expected.and_then(|expected| expected.checked_sub(1));
        let offset = self.last.as_ref().map_or(before, |last| last.offset);
        let Some(offset) = offset else { return Ok(true) };
        let differs = match at(&self.broker, offset).await? {
            LookupResult::Beyond
                if self.short_since.get_or_insert_with(Instant::now).elapsed() < LAGS =>
            {
                return Ok(false);
            }
            LookupResult::Beyond => "ends before",
            LookupResult::Record(there)
                if self.last.as_ref().is_some_and(|last| !there.is_same_message_as(last)) =>
            {
                "has something else there"
            }
            LookupResult::Record(_) | LookupResult::Gone => {
                self.short_since = None;
                return Ok(true);
            }
        };
        Err(JournalError::Another { offset, differs })
    }

    /// Whether the record comes next without a notice. Otherwise it is set aside.
    fn goes_on(&mut self, record: &Record) -> bool {
        let (Some(offset), expected) = (record.offset, self.expected) else { return true };
        self.expected = Some(offset + 1);
        let is_gap = self.since.is_some() || expected.is_some_and(|expected| offset > expected);
        if self.lost.is_none() && !is_gap {
            return true;
        }
        let back = self.lost.take().map(|_| JournalItem::Notice(Notice::Back));
        self.waiting.extend(back);
        // A stream has small gaps for the broker's own notes.
        if is_gap && offset > 0 {
            self.behind_gap = Some(record.clone());
        } else {
            self.since = None;
            self.push(record.clone());
        }
        false
    }
}

impl fmt::Debug for JournalReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalReader").field("records", &self.records).finish_non_exhaustive()
    }
}

/// Only the oldest record of the journal has lost predecessors.
async fn find_cut(
    broker: &dyn Broker,
    record: &Record,
    since: Option<Timestamp>,
) -> Result<Option<Notice>, JournalError> {
    if since.zip(record.time).is_some_and(|(since, time)| time <= since) {
        return Ok(None);
    }
    let oldest = match oldest(broker).await {
        Ok(oldest) => oldest,
        // The next read reports the error.
        Err(JournalError::Broker(error)) if error.is_loss() => None,
        Err(error) => return Err(error),
    };
    let is_oldest = oldest.is_some_and(|oldest| oldest.offset >= record.offset);
    let oldest = record.offset.filter(|_| is_oldest);
    Ok(oldest.map(|oldest| Notice::Cut { oldest, time: record.time }))
}
