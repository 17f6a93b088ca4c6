//! Sends the events that a service has missed to the service's queue.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::stream::JOURNAL_CONNECTION as CONNECTION;
use ballet_amqp::Session;
use ballet_core::MessageId;
use ballet_core::envelope::{Envelope, KnownEvents};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::missed::journal::{JournalEntries, JournalEntry};
use crate::missed::ledgers;
use crate::missed::missed_events::MissedEvents;
use crate::missed::witnesses::Witnesses;
use crate::redrive::action::PassAction;
use crate::redrive::dead_letter::{DeadLetter, LetterIdentity};
use crate::redrive::error::RedriveError;
use crate::redrive::options::RedriveOptions;
use crate::redrive::passes;
use crate::redrive::reader::LetterReading;
use crate::redrive::source::MessageSource;
use crate::redrive::summary::Summary;
use crate::redrive::tool_run::ToolRun;

const READ_AHEAD: usize = 100;

/// Sends each missed event once. After a stop the next search finds the rest.
///
/// # Errors
///
/// If the broker does not answer, or denies access. Events sent before stay sent.
pub async fn send(
    witnesses: &Witnesses,
    missed: &MissedEvents,
    options: &RedriveOptions<'_>,
) -> Result<Summary, RedriveError> {
    let wanted = missed.events.keys().map(|id| (*id, missed.edited.get(id).copied()));
    let events = MissedSource {
        witnesses: witnesses.clone(),
        service: missed.service(),
        wanted: Arc::new(WantedMessages {
            ids: wanted.collect(),
            consumed: missed.part.consumes().into_iter().collect(),
        }),
        run: missed.run.clone(),
    };
    let run = ToolRun::new(options, missed.run.floor);
    let send = |event: &DeadLetter| Some(run.redriven(event, Some(&missed.part)));
    passes::run_to_end(&events, PassAction::new(send), options).await
}

struct WantedMessages {
    /// The event's id or, if a person has edited it, the dead letter with its body.
    ids: HashMap<MessageId, Option<LetterIdentity>>,
    consumed: KnownEvents,
}

impl WantedMessages {
    fn message(&self, service: &str, entry: JournalEntry) -> Option<DeadLetter> {
        match entry {
            JournalEntry::Event(id, record)
                if self.ids.get(&id) == Some(&None)
                    && Envelope::type_of(&record.incoming(), &self.consumed).is_some() =>
            {
                Some(DeadLetter::missed(service, id, record.into_delivery()))
            }
            JournalEntry::Dead(letter)
                if letter.service == service
                    && self.ids.get(&letter.id) == Some(&Some(letter.identity())) =>
            {
                Some(*letter)
            }
            JournalEntry::Event(..)
            | JournalEntry::Dead(_)
            | JournalEntry::Redriven(..)
            | JournalEntry::Discarded(_) => None,
        }
    }
}

#[derive(Clone)]
struct MissedSource {
    witnesses: Witnesses,
    service: &'static str,
    wanted: Arc<WantedMessages>,
    run: ToolRun,
}

impl MessageSource for MissedSource {
    fn service(&self) -> &str {
        self.service
    }

    async fn connect(&self) -> Result<Arc<dyn Session>, RedriveError> {
        Ok(self.witnesses.broker.connect(CONNECTION).await?)
    }

    async fn check(&self, _session: &dyn Session) -> Result<(), RedriveError> {
        Ok(())
    }

    fn longest_pass(&self) -> Option<Duration> {
        // A new pass begins at the start again, so a limit could end each pass before the first missed event.
        None
    }

    fn read(&self) -> LetterReading {
        let (sender, events) = mpsc::channel(READ_AHEAD);
        let source = self.clone();
        let task = tokio::spawn(async move {
            if let Err(error) = source.forward(&sender).await {
                // Fails only if nobody reads any more.
                sender.send(Err(error)).await.ok();
            }
        });
        LetterReading::of(events, task)
    }

    async fn wait_until_returned(&self, _left: u64) -> Result<(), RedriveError> {
        // The journal keeps its messages.
        Ok(())
    }

    async fn holds_more_than(&self, _left: u64) -> Result<bool, RedriveError> {
        Ok(false)
    }
}

impl MissedSource {
    async fn forward(
        self,
        sender: &mpsc::Sender<Result<DeadLetter, RedriveError>>,
    ) -> Result<(), RedriveError> {
        let Self { witnesses, service, wanted, run } = self;
        let mut entries = JournalEntries::open(&witnesses, &run).await?;
        let mut left: HashSet<MessageId> = wanted.ids.keys().copied().collect();
        loop {
            let entry = tokio::select! {
                entry = entries.next() => entry?,
                () = sender.closed() => None,
            };
            let Some(entry) = entry else { break };
            if let Some(message) = wanted.message(service, entry)
                && left.remove(&message.id)
                && sender.send(Ok(message)).await.is_err()
            {
                break;
            }
        }
        entries.close().await;
        if left.is_empty() {
            return Ok(());
        }
        let left: Vec<Uuid> = left.into_iter().map(|id| id.0).collect();
        ledgers::forward(&witnesses, service, &left, sender).await
    }
}
