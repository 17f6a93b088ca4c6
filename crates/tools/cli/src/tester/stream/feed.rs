//! The journal's selected events, up to where the command stops.

use std::pin::Pin;
use std::sync::Arc;

use anyhow::Result;
use ballet_amqp::Broker;
use ballet_ops::stream::{JournalItem, JournalReader, Notice, Record, RecordFilter, Start, end};
use tokio::signal::unix::{SignalKind, signal};

use crate::base::exit::{of_journal, usage};
use crate::base::ui;
use crate::tester::stream::selection::JournalRange;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// The end, or the limit.
    AsAsked,
    /// The user has stopped the command.
    Interrupted,
}

/// Reports trouble on standard error.
pub(crate) struct EventFeed {
    journal: JournalReader,
    filter: RecordFilter,
    left: u64,
    seen: u64,
    /// The last wanted offset.
    end: Option<u64>,
    at_end: bool,
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
        }
        let at_end = match (start, last) {
            (Start::Next, _) => range.until_now(),
            (Start::Offset(offset), Some(last)) => range.until_now() && offset > last,
            (_, last) => range.until_now() && last.is_none(),
        };
        let journal = JournalReader::open(broker, start).await.map_err(of_journal)?;
        Ok(Self {
            journal,
            filter,
            left: range.limit.unwrap_or(u64::MAX),
            seen: 0,
            end: last.filter(|_| range.until_now()),
            at_end,
            interrupt: Box::pin(interruption()),
        })
    }

    pub(crate) fn begins(&self) -> Start {
        self.journal.begins()
    }

    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Result<Record, StopReason>> {
        loop {
            match self.item().await? {
                Ok(JournalItem::Record(record)) => return Ok(Ok(record)),
                Ok(JournalItem::Notice(_)) => {}
                Err(reason) => return Ok(Err(reason)),
            }
        }
    }

    /// Like [`next`](Self::next), with the notices.
    pub(crate) async fn item(&mut self) -> Result<Result<JournalItem, StopReason>> {
        loop {
            if self.at_end || self.left == 0 {
                return Ok(Err(StopReason::AsAsked));
            }
            let read = tokio::select! {
                biased;
                read = self.journal.next_until(self.end) => read,
                () = &mut self.interrupt => return Ok(Err(StopReason::Interrupted)),
            };
            let Some(read) = read.map_err(of_journal)? else {
                return Ok(Err(StopReason::AsAsked));
            };
            let record = match read {
                JournalItem::Record(record) => record,
                JournalItem::Notice(notice) => {
                    say(&notice);
                    return Ok(Ok(JournalItem::Notice(notice)));
                }
            };
            self.seen += 1;
            if self.filter.matches(&record) {
                self.left -= 1;
                return Ok(Ok(JournalItem::Record(record)));
            }
        }
    }

    pub(crate) fn events_read(&self) -> u64 {
        self.seen
    }

    pub(crate) async fn close(self) {
        self.journal.close().await;
    }
}

fn say(notice: &Notice) {
    match notice {
        Notice::Cut { oldest, time } => {
            let from = time.map_or(String::new(), |time| format!(", from {time:.3}"));
            ui::say(&format!(
                "the journal no longer has what was asked for: its oldest event has offset \
                 {oldest}{from}"
            ));
        }
        Notice::Lost(error) => ui::say(&format!("{error}; trying again")),
        Notice::Back => ui::say("connected again"),
        Notice::NothingSince => {}
        Notice::Unreadable(offset) => ui::say(&format!(
            "RabbitMQ cannot deliver the message with offset {offset} to anybody; its log says why"
        )),
    }
}

/// The reader would wait for events that may never come.
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

/// Completes with Ctrl-C or SIGTERM. It listens from the call on, not from the first poll: a caller that reads or
/// writes first would miss the signal.
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
