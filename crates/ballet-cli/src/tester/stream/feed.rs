//! The wanted events of the journal, or of a copy of a queue, up to where the command stops.

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
use crate::tester::stream::selection::Range;

/// Longer than any command runs.
const NEVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Why there are no more events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// At the end, the limit, or after the silence that was asked for.
    AsAsked,
    /// The user has stopped it.
    Interrupted,
}

/// Where the events come from.
enum Source {
    Journal(Box<JournalReader>),
    Copy(QueueCopy),
}

/// Reads events and says on standard error what happens to the reading.
pub(crate) struct Feed {
    source: Source,
    filter: RecordFilter,
    left: u64,
    seen: u64,
    /// The last offset that is wanted.
    end: Option<u64>,
    at_end: bool,
    /// The last offset that was there when it began: up to it no event that is read is silence.
    behind: Option<u64>,
    idle: Duration,
    silence: Pin<Box<Sleep>>,
    interrupt: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Feed {
    pub(crate) async fn open(
        broker: Arc<dyn Broker>,
        start: Start,
        filter: RecordFilter,
        range: &Range,
    ) -> Result<Self> {
        let mut last = None;
        if range.until_now() || range.from.is_some_and(|from| matches!(from, Start::Offset(_))) {
            last = end(&broker).await.map_err(of_journal)?;
            check_begin(range, last)?;
        } else if range.idle_timeout.is_some() && start != Start::Next {
            // Without it only what is wanted ends a silence.
            last = end(&broker).await.unwrap_or_default();
        }
        let at_end = match (start, last) {
            (Start::Next, _) => range.until_now(),
            (Start::Offset(offset), Some(last)) => range.until_now() && offset > last,
            (_, last) => range.until_now() && last.is_none(),
        };
        let reader = JournalReader::open(broker, start).await.map_err(of_journal)?;
        let feed = Self::of(Source::Journal(Box::new(reader)), filter, range);
        Ok(Self { end: last.filter(|_| range.until_now()), at_end, behind: last, ..feed })
    }

    /// What goes into a queue from now on.
    pub(crate) fn of_queue(copy: QueueCopy, filter: RecordFilter, range: &Range) -> Self {
        Self::of(Source::Copy(copy), filter, range)
    }

    fn of(source: Source, filter: RecordFilter, range: &Range) -> Self {
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
            interrupt: Box::pin(interrupted()),
        }
    }

    /// Where in the journal it begins.
    pub(crate) fn begins(&self) -> Start {
        match &self.source {
            Source::Journal(reader) => reader.begins(),
            Source::Copy(_) => Start::Next,
        }
    }

    /// The next wanted event. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Result<Record, Stopped>> {
        loop {
            if self.at_end || self.left == 0 {
                return Ok(Err(Stopped::AsAsked));
            }
            let read = tokio::select! {
                biased;
                read = read(&mut self.source) => read,
                () = &mut self.silence => return Ok(Err(Stopped::AsAsked)),
                () = &mut self.interrupt => return Ok(Err(Stopped::Interrupted)),
            };
            let record = match read.map_err(of_journal)? {
                Next::Read(read) => self.take(read),
                Next::Copied(copied) => taken(copied),
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
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    pub(crate) async fn close(self) {
        match self.source {
            Source::Journal(reader) => reader.close().await,
            Source::Copy(copy) => {
                let dropped = copy.close();
                if dropped > 0 {
                    say_dropped(dropped);
                }
            }
        }
    }

    /// The record, unless it is something to say.
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
            // What was there when it began is all before that time.
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

/// A reader that begins behind the end would wait for events that may never come.
fn check_begin(range: &Range, last: Option<u64>) -> Result<()> {
    let Some(Start::Offset(from)) = range.from else { return Ok(()) };
    match last {
        Some(last) if from > last + 1 => Err(usage(format!(
            "--from {from} is behind the journal's end: its last event has offset {last}"
        ))),
        None if from > 0 => Err(usage(format!("--from {from}: the journal has no event yet"))),
        _ => Ok(()),
    }
}

enum Next {
    Read(JournalItem),
    Copied(CopyItem),
}

async fn read(source: &mut Source) -> Result<Next, JournalError> {
    Ok(match source {
        Source::Journal(reader) => Next::Read(reader.next().await?),
        Source::Copy(copy) => Next::Copied(copy.next().await?),
    })
}

/// The message of a queue, unless it is something to say.
fn taken(copied: CopyItem) -> Option<Record> {
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

/// Ends with Ctrl-C, or when the program is told to end. It hears that from the call on, also before it
/// is waited for: whoever reads or writes first would miss it.
pub(crate) fn interrupted() -> impl Future<Output = ()> + Send {
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
