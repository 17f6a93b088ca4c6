//! Sends the events that a service has missed to the service's queue.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Publish, Session};
use ballet_core::MessageId;
use ballet_stream::JOURNAL_CONNECTION as CONNECTION;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::missed::journal::{ServiceJournal, WantedMessages, wanted};
use crate::missed::ledgers;
use crate::missed::missed_events::MissedEvents;
use crate::redrive::action::PassAction;
use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::error::RedriveError;
use crate::redrive::options::RedriveOptions;
use crate::redrive::passes;
use crate::redrive::reader::LetterReading;
use crate::redrive::source::MessageSource;
use crate::redrive::summary::Summary;
use crate::redrive::tool_run::ToolRun;

/// The number of messages that are read ahead.
const READ_AHEAD: usize = 100;

/// Sends the missed events, each once. It may be stopped: the next search finds the rest.
///
/// # Errors
///
/// If the broker does not answer, or denies access. Events that were sent before stay sent.
pub async fn send(
    journal: &ServiceJournal,
    missed: &MissedEvents,
    options: &RedriveOptions<'_>,
) -> Result<Summary, RedriveError> {
    let wanted = missed.events.keys().map(|id| (*id, missed.edited.get(id).copied()));
    let events = MissedSource {
        journal: journal.clone(),
        run: missed.run.clone(),
        wanted: Arc::new(wanted.collect()),
        unreadable: missed.unreadable.clone(),
    };
    let mut send = SendMissed {
        left: events.wanted.keys().copied().collect(),
        run: ToolRun::new(options, missed.run.floor),
        journal,
        summary: Summary::default(),
    };
    let stopped = passes::run(&events, &mut send, options.pace(), options).await?;
    Ok(Summary { stopped, ..send.summary })
}

/// The events of the journal that were missed.
struct MissedSource {
    journal: ServiceJournal,
    run: ToolRun,
    wanted: Arc<WantedMessages>,
    unreadable: BTreeSet<u64>,
}

impl MessageSource for MissedSource {
    fn service(&self) -> &str {
        self.journal.service()
    }

    async fn connect(&self) -> Result<Arc<dyn Session>, RedriveError> {
        Ok(self.journal.broker.connect(CONNECTION).await?)
    }

    async fn check(&self, _session: &dyn Session) -> Result<(), RedriveError> {
        Ok(())
    }

    fn longest_pass(&self) -> Option<Duration> {
        // The journal holds nothing back. A new pass begins at the start again, so a limit could end
        // each pass before the first missed event.
        None
    }

    fn read(&self) -> LetterReading {
        let (sender, events) = mpsc::channel(READ_AHEAD);
        let (journal, run) = (self.journal.clone(), self.run.clone());
        let wanted = Arc::clone(&self.wanted);
        let unreadable = self.unreadable.clone();
        let task = tokio::spawn(async move {
            if let Err(error) = forward(&journal, unreadable, &run, &wanted, &sender).await {
                // This fails only if nobody reads any more.
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

type LetterSender = mpsc::Sender<Result<DeadLetter, RedriveError>>;

/// Sends what is wanted of the journal, and then what only the databases have.
async fn forward(
    journal: &ServiceJournal,
    unreadable: BTreeSet<u64>,
    run: &ToolRun,
    ids: &WantedMessages,
    sender: &LetterSender,
) -> Result<(), RedriveError> {
    let (service, mut entries) = (journal.service(), journal.open(unreadable));
    let mut seen = HashSet::new();
    loop {
        let entry = tokio::select! {
            entry = entries.next(run) => entry?,
            () = sender.closed() => None,
        };
        let Some(entry) = entry else { break };
        if let Some(event) = wanted(service, ids, &mut seen, entry)
            && sender.send(Ok(event)).await.is_err()
        {
            break;
        }
    }
    entries.close().await;
    let left: Vec<Uuid> = ids.keys().filter(|id| !seen.contains(id)).map(|id| id.0).collect();
    if left.is_empty() {
        return Ok(());
    }
    ledgers::forward(journal, &left, sender).await
}

/// Sends each event, and remembers the events that the broker has confirmed.
struct SendMissed<'a> {
    left: HashSet<MessageId>,
    run: ToolRun,
    journal: &'a ServiceJournal,
    summary: Summary,
}

impl PassAction for SendMissed<'_> {
    fn replacements(&mut self, event: &DeadLetter) -> Option<Vec<Publish>> {
        let is_left = self.left.contains(&event.id);
        is_left.then(|| self.run.redriven(event, Some(&self.journal.part)))
    }

    fn summary(&mut self) -> &mut Summary {
        &mut self.summary
    }

    fn on_removal(&mut self, event: &DeadLetter) {
        self.left.remove(&event.id);
    }
}
