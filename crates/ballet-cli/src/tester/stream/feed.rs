//! The selected events of the journal, or of a copy of a queue, up to where the command stops.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ballet_amqp::Broker;
use ballet_stream::{
    CopyItem, JournalError, JournalItem, JournalReader, Notice, QueueCopy, Record, RecordFilter,
    Start, end,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, Sleep, sleep};

use crate::base::exit::{of_journal, usage};
use crate::base::ui;
use crate::tester::stream::selection::JournalRange;

/// Longer than any command runs.
const NEVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// The reason why there are no more events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// The end, the limit, or the longest silence was reached.
    AsAsked,
    /// The user has stopped the command.
    Interrupted,
}

/// The source of the events.
enum EventSource {
    Journal(Box<JournalReader>),
    Copy(QueueCopy),
}

/// Reads events, and reports trouble with the reading on standard error.
pub(crate) struct EventFeed {
    source: EventSource,
    filter: RecordFilter,
    left: u64,
    seen: u64,
    /// The last offset that is wanted.
    end: Option<u64>,
    at_end: bool,
    /// The last offset when the reading began. An event read before it ends a silence even if it is not wanted.
    behind: Option<u64>,
    idle: Duration,
    silence: Pin<Box<Sleep>>,
    interrupt: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl EventFeed {
    pub(crate) async fn open(
        broker: Arc<dyn Broker>,
        start: Start,
        filter: RecordFilter,
        range: &JournalRange,
    ) -> Result<Self> {
        let mut last = None;
        if range.until_now() || range.from.is_some_and(|from| matches!(from, Start::Offset(_))) {
            last = end(&broker).await.map_err(of_journal)?;
            check_begin(range, last)?;
        } else if range.idle_timeout.is_some() && start != Start::Next {
            // Without this offset, only wanted events end a silence.
            last = end(&broker).await.unwrap_or_default();
        }
        let at_end = match (start, last) {
            (Start::Next, _) => range.until_now(),
            (Start::Offset(offset), Some(last)) => range.until_now() && offset > last,
            (_, last) => range.until_now() && last.is_none(),
        };
        let reader = JournalReader::open(broker, start).await.map_err(of_journal)?;
        let feed = Self::of(EventSource::Journal(Box::new(reader)), filter, range);
        Ok(Self { end: last.filter(|_| range.until_now()), at_end, behind: last, ..feed })
    }

    /// Reads what goes into a queue from now on.
    pub(crate) fn of_queue(copy: QueueCopy, filter: RecordFilter, range: &JournalRange) -> Self {
        Self::of(EventSource::Copy(copy), filter, range)
    }

    fn of(source: EventSource, filter: RecordFilter, range: &JournalRange) -> Self {
        let idle = range.idle_timeout.unwrap_or(NEVER);
        Self {
            source,
            filter,
            left: range.limit.unwrap_or(u64::MAX),
            seen: 0,
            end: None,
            at_end: false,
            behind: None,
            idle,
            silence: Box::pin(sleep(idle)),
            interrupt: Box::pin(interruption()),
        }
    }

    /// The place in the journal where the reading begins.
    pub(crate) fn begins(&self) -> Start {
        match &self.source {
            EventSource::Journal(reader) => reader.begins(),
            EventSource::Copy(_) => Start::Next,
        }
    }

    /// The next wanted event. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Result<Record, StopReason>> {
        loop {
            if self.at_end || self.left == 0 {
                return Ok(Err(StopReason::AsAsked));
            }
            let read = tokio::select! {
                biased;
                read = read(&mut self.source) => read,
                () = &mut self.silence => return Ok(Err(StopReason::AsAsked)),
                () = &mut self.interrupt => return Ok(Err(StopReason::Interrupted)),
            };
            let record = match read.map_err(of_journal)? {
                FeedItem::JournalItem(read) => self.take(read),
                FeedItem::CopyItem(copied) => record_or_note(copied),
            };
            let Some(record) = record else { continue };
            if self.end.is_some_and(|end| record.offset.is_some_and(|offset| offset >= end)) {
                self.at_end = true;
                if record.offset > self.end {
                    continue;
                }
            }
            self.seen += 1;
            let is_wanted = self.filter.matches(&record);
            if self.idle != NEVER && (is_wanted || record.offset < self.behind) {
                self.silence.as_mut().reset(Instant::now() + self.idle);
            }
            if is_wanted {
                self.left -= 1;
                return Ok(Ok(record));
            }
        }
    }

    /// The number of events that were read, wanted or not.
    pub(crate) fn events_read(&self) -> u64 {
        self.seen
    }

    pub(crate) async fn close(self) {
        match self.source {
            EventSource::Journal(reader) => reader.close().await,
            EventSource::Copy(copy) => {
                let dropped = copy.close();
                if dropped > 0 {
                    say_dropped(dropped);
                }
            }
        }
    }

    /// Returns the record, or reports the notice.
    fn take(&mut self, read: JournalItem) -> Option<Record> {
        match read {
            JournalItem::Record(record) => return Some(record),
            JournalItem::Notice(Notice::Cut { oldest, time }) => {
                let from = time.map_or(String::new(), |time| format!(", from {time:.3}"));
                ui::say(&format!(
                    "the journal no longer has what was asked for: its oldest event has offset \
                     {oldest}{from}"
                ));
            }
            JournalItem::Notice(Notice::Lost(error)) => ui::say(&format!("{error}; trying again")),
            JournalItem::Notice(Notice::Back) => ui::say("connected again"),
            // All events that were there at the beginning are from before that time.
            JournalItem::Notice(Notice::NothingSince) => self.at_end = self.end.is_some(),
            JournalItem::Notice(Notice::Unreadable(offset)) => {
                self.at_end |= self.end.is_some_and(|end| offset >= end);
                ui::say(&format!(
                    "RabbitMQ cannot deliver the message with offset {offset} to anybody; its log \
                     says why"
                ));
            }
        }
        None
    }
}

/// Refuses a beginning behind the end: the reader would wait for events that may never come.
fn check_begin(range: &JournalRange, last: Option<u64>) -> Result<()> {
    let Some(Start::Offset(from)) = range.from else { return Ok(()) };
    match last {
        Some(last) if from > last + 1 => Err(usage(format!(
            "--from {from} is behind the journal's end: its last event has offset {last}"
        ))),
        None if from > 0 => Err(usage(format!("--from {from}: the journal has no event yet"))),
        _ => Ok(()),
    }
}

enum FeedItem {
    JournalItem(JournalItem),
    CopyItem(CopyItem),
}

async fn read(source: &mut EventSource) -> Result<FeedItem, JournalError> {
    Ok(match source {
        EventSource::Journal(reader) => FeedItem::JournalItem(reader.next().await?),
        EventSource::Copy(copy) => FeedItem::CopyItem(copy.next().await?),
    })
}

/// Returns the message of a queue, or reports the notice.
fn record_or_note(copied: CopyItem) -> Option<Record> {
    match copied {
        CopyItem::Record(record) => return Some(record),
        CopyItem::Dropped(count) => say_dropped(count),
        CopyItem::MayBeDropped => ui::say(
            "the broker may have dropped some copies here, because this command read too slowly; it \
             does not tell how many. The queue itself has them",
        ),
        CopyItem::Lost(error) => ui::say(&format!("{error}; trying again")),
        CopyItem::Back => {
            ui::say("connected again; what went into the queue meanwhile is not shown");
        }
    }
    None
}

fn say_dropped(count: u64) {
    ui::say(&format!(
        "not shown here: {}, because the reader of this output is slow; the queue itself has them",
        ui::counted(count, "message")
    ));
}

/// Completes with Ctrl-C, or when the program is told to end. It listens from the call on, not from the first poll: a
/// caller that reads or writes first would miss the signal.
pub(crate) fn interruption() -> impl Future<Output = ()> + Send {
    let signals = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    async move {
        if let [Ok(mut interrupt), Ok(mut terminate)] = signals {
            tokio::select! {
                Some(()) = interrupt.recv() => return,
                Some(()) = terminate.recv() => return,
                else => {}
            }
        }
        // Without a handler the signals end the program.
        std::future::pending::<()>().await;
    }
}
