//! Finds the events that a service has missed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::headers::{DISCARDED, EDITED};
use ballet_amqp::{Backoff, Delivery, Object, incoming};
use ballet_core::{MessageId, id};
use ballet_store::operators::interventions::{self, Act, Intervention, TouchedMessage};
use ballet_stream::JOURNAL_CONNECTION as CONNECTION;
use jiff::Timestamp;
use sqlx::PgConnection;
use tokio::time::{Instant, sleep};

use crate::missed::journal::{FailureRecord, ServiceEntry, ServiceJournal};
use crate::missed::known_messages::{LOOK_UP, known, unsent};
use crate::missed::ledgers::{kept_by_nobody, told};
use crate::missed::missed_events::{MissedEvent, MissedEvents};
use crate::redrive::dead_letter::{DeadLetter, saga_of};
use crate::redrive::error::RedriveError;
use crate::redrive::note::Note;
use crate::redrive::note_writer::touched;
use crate::redrive::options::{Progress, RedriveOptions};
use crate::redrive::passes::MOST_LOSSES;
use crate::redrive::queue::DeadQueue;
use crate::redrive::tool_run::ToolRun;

/// The time between two checks of the queue and of the inbox.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Searches the journal up to now for events that the service has missed. `inbox` is a connection to the service's
/// database; ids from before `floor` are not in its inbox any more.
///
/// A message in the service's queue is not missed, so the search waits until the service has
/// handled the queue, but not longer than `patience`.
///
/// # Errors
///
/// If the broker or the database does not answer, or denies access.
pub async fn search(
    journal: &ServiceJournal,
    options: &RedriveOptions<'_>,
    inbox: &mut PgConnection,
    floor: Timestamp,
    patience: Duration,
) -> Result<MissedEvents, RedriveError> {
    let run = ToolRun::new(options, floor);
    // Before the note: a copy that has left the table by now is in the journal before the note.
    let unsent = unsent(inbox, journal.service()).await?;
    // Also before: what is published by now is in the journal before the note.
    let (told, away) = told(&journal.databases, (journal.since, Timestamp::MAX), None).await;
    journal.mark(&run).await?;
    let (mut backoff, mut losses) = (Backoff::default(), 0);
    let mut search = loop {
        match read(journal, &run, told.clone(), inbox, options.progress).await {
            Ok(search) => break search,
            Err(RedriveError::Broker(error)) if error.is_loss() && losses < MOST_LOSSES => {
                losses += 1;
                tracing::warn!("lost the broker while reading the journal, retrying: {error}");
                sleep(backoff.wait()).await;
            }
            Err(error) => return Err(error),
        }
    };
    // In a restored database these are old, too: the journal tells their fate.
    if journal.failure_record == FailureRecord::True {
        search.missed.events.retain(|id, _| !unsent.contains(id));
    }
    if !search.missed.events.is_empty() {
        search.missed.waiting = wait_for_the_service(journal, &mut search, inbox, patience).await?;
    }
    let mut missed = search.missed;
    missed.away = away.into_iter().map(|(service, why)| (service.to_owned(), why)).collect();
    let found = missed.events.len();
    missed.events.retain(|id, _| id::time_of(id.0).is_none_or(|made| made >= floor));
    missed.too_old = (found - missed.events.len()) as u64;
    Ok(missed)
}

async fn read(
    journal: &ServiceJournal,
    run: &ToolRun,
    mut told: HashMap<MessageId, MissedEvent>,
    inbox: &mut PgConnection,
    progress: Progress<'_>,
) -> Result<JournalSearch, RedriveError> {
    let mut search = JournalSearch::of(run, journal.failure_record);
    search.missed.journal_begins = journal.begins().await?;
    let mut entries = journal.open(BTreeSet::new());
    while let Some(entry) = entries.next(run).await? {
        match entry {
            ServiceEntry::Dead(dead_letter) => search.died(&dead_letter),
            // The inbox knows whether it was handled then.
            ServiceEntry::Redriven(id) => {
                search.dead.remove(&id);
                search.discarded.remove(&id);
            }
            ServiceEntry::Discarded(letter) => {
                search.discarded.insert(letter.id, discard(&letter));
            }
            ServiceEntry::Other(id) => drop(told.remove(&id)),
            ServiceEntry::Event(id, delivery) => {
                told.remove(&id);
                search.discarded.remove(&id);
                search.add(id, &delivery);
                progress(search.missed.searched);
                if search.asked.len() >= LOOK_UP {
                    search.look_up(inbox).await?;
                }
            }
        }
    }
    search.missed.unreadable = entries.close().await;
    search.add_lost(journal, told);
    search.look_up(inbox).await?;
    search.forget_dead(journal).await?;
    if search.missed.lost_by_journal > 0 {
        // The journal may have lost the notes on what persons have discarded.
        for Intervention { message_id, .. } in interventions::discarded(inbox).await? {
            search.missed.events.remove(&MessageId(message_id));
        }
    }
    Ok(search)
}

/// Waits until the queue is empty and the inbox stops growing. Returns the number of messages that still wait, if the
/// user may know it.
async fn wait_for_the_service(
    journal: &ServiceJournal,
    search: &mut JournalSearch,
    inbox: &mut PgConnection,
    patience: Duration,
) -> Result<Option<u64>, RedriveError> {
    let session = journal.broker.connect(CONNECTION).await?;
    let queue = Object::Queue(journal.service().to_owned());
    let end = Instant::now() + patience;
    let waited = loop {
        let waiting = session.find(&queue).await?.messages();
        let before = search.missed.events.len();
        search.forget_known(inbox, journal.service()).await?;
        // Unacknowledged messages are not counted, but they are handled in moments.
        let settled = waiting.is_none_or(|count| count == 0) && search.settled(before);
        if settled || Instant::now() >= end {
            break waiting;
        }
        sleep(LOOK_EVERY).await;
    };
    session.close().await;
    Ok(waited.map(u64::from))
}

struct JournalSearch {
    /// The events that are missed, as known so far.
    missed: MissedEvents,
    /// The events that were read, and not yet looked up.
    asked: Vec<MissedEvent>,
    dead: HashSet<MessageId>,
    /// The messages whose last entry so far is a discard, with the person's note.
    discarded: HashMap<MessageId, Option<Intervention>>,
    /// The number of checks in a row in which the service had handled nothing more.
    quiet: u32,
}

impl JournalSearch {
    fn of(run: &ToolRun, failure_record: FailureRecord) -> Self {
        let missed = MissedEvents {
            events: HashMap::new(),
            edited: HashMap::new(),
            discarded: Vec::new(),
            is_held: false,
            failure_record,
            run: run.clone(),
            searched: 0,
            too_old: 0,
            journal_begins: None,
            waiting: Some(0),
            unreadable: BTreeSet::new(),
            lost_by_journal: 0,
            kept_by_nobody: BTreeSet::new(),
            away: BTreeMap::new(),
        };
        let (asked, dead, discarded) = (Vec::new(), HashSet::new(), HashMap::new());
        Self { missed, asked, dead, discarded, quiet: 0 }
    }

    fn add(&mut self, id: MessageId, delivery: &Delivery) {
        self.missed.searched += 1;
        let properties = &delivery.properties;
        let text = |text: Option<String>| text.filter(|text| !text.is_empty());
        let event_type = text(properties.kind().as_ref().map(ToString::to_string));
        self.asked.push(MissedEvent {
            id,
            event_type: event_type.unwrap_or_else(|| delivery.routing_key.clone()),
            saga: saga_of(&incoming(delivery)),
        });
    }

    /// Adds what the databases have and the journal has not.
    fn add_lost(&mut self, journal: &ServiceJournal, lost: HashMap<MessageId, MissedEvent>) {
        let ServiceJournal { part, parts, .. } = journal;
        self.missed.lost_by_journal = lost.len() as u64;
        if !lost.is_empty() {
            self.missed.kept_by_nobody = kept_by_nobody(part, parts);
        }
        let consumed: BTreeSet<&str> = part.consumes().iter().map(|event| event.name()).collect();
        let of_service = |event: &MissedEvent| consumed.contains(&*event.event_type);
        self.asked.extend(lost.into_values().filter(of_service));
    }

    fn died(&mut self, dead_letter: &DeadLetter) {
        let id = dead_letter.id;
        self.dead.insert(id);
        self.discarded.remove(&id);
        // The note stays with the message, so a message that dies again has the edited body, too.
        if dead_letter.noted(EDITED).is_some() {
            self.missed.edited.insert(id, dead_letter.identity());
        }
    }

    async fn look_up(&mut self, inbox: &mut PgConnection) -> Result<(), sqlx::Error> {
        let ids: Vec<MessageId> = self.asked.iter().map(|event| event.id).collect();
        let known = known(inbox, &ids, self.missed.failure_record).await?;
        let unknown = self.asked.drain(..).filter(|event| !known.contains(&event.id));
        self.missed.events.extend(unknown.map(|event| (event.id, event)));
        Ok(())
    }

    /// Forgets dead letters, except for those that have left their queue without being discarded: somebody has purged
    /// it, and their sagas wait for them.
    async fn forget_dead(&mut self, journal: &ServiceJournal) -> Result<(), RedriveError> {
        let Self { missed, dead, discarded, .. } = self;
        let is_restored = missed.failure_record == FailureRecord::Restored && !discarded.is_empty();
        if is_restored || missed.events.keys().any(|id| dead.contains(id)) {
            let queue = DeadQueue::of(Arc::clone(&journal.broker), journal.service().to_owned());
            let mut there = HashSet::new();
            queue
                .browse(|letter| {
                    there.insert(letter.id);
                })
                .await?;
            // Dead letters that another reader holds are invisible.
            missed.is_held = queue.status().await?.readers > 0;
            if !missed.is_held {
                dead.retain(|id| there.contains(id));
                // A discarded one is still there if no file could take it.
                let gone = discarded.iter().filter(|(id, _)| is_restored && !there.contains(id));
                missed.discarded = gone.filter_map(|(_, note)| note.clone()).collect();
            }
        }
        missed.events.retain(|id, _| !dead.contains(id) && !discarded.contains_key(id));
        Ok(())
    }

    async fn forget_known(
        &mut self,
        inbox: &mut PgConnection,
        service: &str,
    ) -> Result<(), sqlx::Error> {
        let MissedEvents { events, failure_record, .. } = &mut self.missed;
        if *failure_record == FailureRecord::True {
            for id in unsent(inbox, service).await? {
                events.remove(&id);
            }
        }
        let ids: Vec<MessageId> = events.keys().copied().collect();
        for id in known(inbox, &ids, *failure_record).await? {
            events.remove(&id);
        }
        Ok(())
    }

    /// Whether the service has handled nothing more for three checks.
    fn settled(&mut self, before: usize) -> bool {
        self.quiet = if before == self.missed.events.len() { self.quiet + 1 } else { 0 };
        self.quiet >= 3
    }
}

/// Returns the intervention that discarded the dead letter, if its note is there.
fn discard(letter: &DeadLetter) -> Option<Intervention> {
    let Note { by, why, at } = letter.noted(DISCARDED)?;
    let TouchedMessage { message_id, saga_id, event_type } = touched(letter);
    let act = Act::Discarded.name().to_owned();
    Some(Intervention { at, act, message_id, saga_id, event_type, by, why })
}
