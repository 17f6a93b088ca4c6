//! The wanted events of the journal, up to where the command stops.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use ballet_amqp::Broker;
use ballet_stream::{Filter, JournalError, Notice, Read, Reader, Record, Start, end};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, Sleep, sleep};

use crate::exit::of_journal;
use crate::stream::selection::Range;
use crate::ui;

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

/// Reads the journal and says on standard error what happens to the reading.
pub(crate) struct Feed {
    reader: Reader,
    filter: Filter,
    left: u64,
    /// The last offset that is wanted.
    end: Option<u64>,
    at_end: bool,
    idle: Duration,
    silence: Pin<Box<Sleep>>,
    interrupt: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Feed {
    pub(crate) async fn open(
        broker: Arc<dyn Broker>,
        start: Start,
        filter: Filter,
        range: &Range,
    ) -> Result<Self> {
        let mut last = None;
        if range.until_now() {
            last = end(&broker).await.map_err(of_journal)?;
        }
        let at_end = match (start, last) {
            (Start::Next, _) => range.until_now(),
            (Start::Offset(offset), Some(last)) => offset > last,
            (_, last) => range.until_now() && last.is_none(),
        };
        let reader = Reader::open(broker, start).await.map_err(of_journal)?;
        let idle = range.idle_timeout.unwrap_or(NEVER);
        Ok(Self {
            reader,
            filter,
            left: range.limit.unwrap_or(u64::MAX),
            end: last,
            at_end,
            idle,
            silence: Box::pin(sleep(idle)),
            interrupt: Box::pin(interrupted()),
        })
    }

    /// Where in the journal it begins.
    pub(crate) fn begins(&self) -> Start {
        self.reader.begins()
    }

    /// The next wanted event. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Result<Record, Stopped>> {
        loop {
            if self.at_end || self.left == 0 {
                return Ok(Err(Stopped::AsAsked));
            }
            let read = tokio::select! {
                biased;
                read = self.reader.next() => read,
                () = &mut self.silence => return Ok(Err(Stopped::AsAsked)),
                () = &mut self.interrupt => return Ok(Err(Stopped::Interrupted)),
            };
            let Some(record) = self.take(read)? else { continue };
            if self.end.is_some_and(|end| record.offset.is_some_and(|offset| offset >= end)) {
                self.at_end = true;
                if record.offset > self.end {
                    continue;
                }
            }
            if self.filter.matches(&record) {
                self.left -= 1;
                if self.idle != NEVER {
                    self.silence.as_mut().reset(Instant::now() + self.idle);
                }
                return Ok(Ok(record));
            }
        }
    }

    pub(crate) async fn close(self) {
        self.reader.close().await;
    }

    /// The record, unless it is something to say.
    fn take(&mut self, read: Result<Read, JournalError>) -> Result<Option<Record>> {
        match read.map_err(of_journal)? {
            Read::Record(record) => return Ok(Some(record)),
            Read::Notice(Notice::Cut { oldest, time }) => {
                let from = time.map_or(String::new(), |time| format!(", from {time:.3}"));
                ui::say(&format!(
                    "the journal no longer has what was asked for: its oldest event has offset \
                     {oldest}{from}"
                ));
            }
            Read::Notice(Notice::Lost(error)) => ui::say(&format!("{error}; trying again")),
            Read::Notice(Notice::Back) => ui::say("connected again"),
            Read::Notice(Notice::Unreadable(offset)) => {
                self.at_end |= self.end.is_some_and(|end| offset >= end);
                ui::say(&format!(
                    "RabbitMQ cannot deliver the message with offset {offset} to anybody; its log \
                     says why"
                ));
            }
        }
        Ok(None)
    }
}

/// Ends with Ctrl-C, or when the program is told to end.
pub(crate) async fn interrupted() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        Ok(()) = tokio::signal::ctrl_c() => {}
        Some(()) = terminate.recv() => {}
        // Without a handler the signals end the program.
        else => std::future::pending().await,
    }
}
