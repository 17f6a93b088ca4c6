//! Finds what a service has missed.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::headers::{DISCARDED, EDITED};
use ballet_amqp::{Backoff, Delivery, Object, incoming};
use ballet_core::{MessageId, id};
use ballet_store::operators::interventions::{Act, Intervention, TouchedMessage};
use ballet_stream::JOURNAL_CONNECTION as CONNECTION;
use jiff::Timestamp;
use sqlx::PgConnection;
use tokio::time::{Instant, sleep};

use crate::missed::journal::{Entry, Journal, Memory};
use crate::missed::known::{known, unsent};
use crate::redrive::dead_letter::{DeadLetter, Identity, saga_of};
use crate::redrive::error::RedriveError;
use crate::redrive::note::Note;
use crate::redrive::notes::touched;
use crate::redrive::options::{Progress, RedriveOptions};
use crate::redrive::passes::MOST_LOSSES;
use crate::redrive::queue::DeadQueue;
use crate::redrive::run::Run;

/// The events that are looked up in the inbox at a time.
const LOOK_UP: usize = 1_000;
/// The time between two looks at a queue, and at an inbox.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// An event that a service has missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissedEvent {
    /// Its message id.
    pub id: MessageId,
    /// Its type.
    pub event_type: String,
    /// Its saga, if it names one.
    pub saga: Option<String>,
}

/// What a service has missed.
#[derive(Debug, Clone)]
pub struct Missed {
    pub(super) events: HashMap<MessageId, MissedEvent>,
    /// The dead letters with the bodies of those that a person has edited.
    pub(super) edited: HashMap<MessageId, Identity>,
    /// What persons have discarded since then, if the database was restored: it may not know of that.
    pub discarded: Vec<Intervention>,
    /// Whether another reader held dead letters. Then it is not known which are in their queue no more: those are not
    /// missed, and nothing is [discarded](Self::discarded).
    pub is_held: bool,
    memory: Memory,
    /// The run that wrote the note at which the search ended.
    pub(super) run: Run,
    /// The number of events in the journal that the service consumes.
    pub searched: u64,
    /// The number of events that the service would refuse, because their ids are older than its
    /// inbox remembers.
    pub too_old: u64,
    /// When the journal begins, if it does not reach back to the given time. What was missed before
    /// is not in it.
    pub journal_begins: Option<Timestamp>,
    /// The number of messages that still waited in the service's queue at the end. Some of them may
    /// be listed as missed. `None` if the user may not know.
    pub waiting: Option<u64>,
    /// The offsets of the messages in the journal that the broker cannot deliver to any reader. What
    /// they are is unknown, so the service may have missed them.
    pub unreadable: BTreeSet<u64>,
}

impl Missed {
    /// The missed events, in the order of their ids.
    #[must_use]
    pub fn events(&self) -> Vec<&MissedEvent> {
        let mut events: Vec<&MissedEvent> = self.events.values().collect();
        events.sort_unstable_by_key(|event| event.id.0);
        events
    }

    /// The number of missed events of each type.
    #[must_use]
    pub fn by_type(&self) -> BTreeMap<&str, u64> {
        let mut counts = BTreeMap::new();
        for event in self.events.values() {
            *counts.entry(&*event.event_type).or_default() += 1;
        }
        counts
    }

    /// The number of these events that the service has not handled yet, and has not failed to handle; those
    /// that failed count as well if its database was restored.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn left(&self, inbox: &mut PgConnection) -> Result<u64, RedriveError> {
        self.left_of(inbox, |_| true).await
    }

    /// The same for some of these events.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn left_of(
        &self,
        inbox: &mut PgConnection,
        mut counts: impl FnMut(&MissedEvent) -> bool,
    ) -> Result<u64, RedriveError> {
        let counted = self.events.values().filter(|event| counts(event));
        let ids: Vec<MessageId> = counted.map(|event| event.id).collect();
        let mut known_count = 0;
        for ids in ids.chunks(LOOK_UP) {
            known_count += known(inbox, ids, self.memory).await?.len();
        }
        Ok((ids.len() - known_count) as u64)
    }

    /// Keeps the events that are selected.
    pub fn retain(&mut self, mut keep: impl FnMut(&MissedEvent) -> bool) {
        self.events.retain(|_, event| keep(event));
    }
}

/// Searches the journal up to now for what the service has missed. `inbox` is a connection to
/// the service's database; ids from before `floor` are not in its inbox any more.
///
/// A message in the service's queue is not missed, so the search waits until the service has
/// handled the queue, but not longer than `patience`.
///
/// # Errors
///
/// If the broker or the database does not answer, or denies access.
pub async fn search(
    journal: &Journal,
    options: &RedriveOptions<'_>,
    inbox: &mut PgConnection,
    floor: Timestamp,
    patience: Duration,
) -> Result<Missed, RedriveError> {
    let run = Run::new(options, floor);
    // Before the note: a copy that has left the table by now is in the journal before the note.
    let unsent = unsent(inbox, journal.service()).await?;
    journal.mark(&run).await?;
    let (mut backoff, mut losses) = (Backoff::default(), 0);
    let mut search = loop {
        match read(journal, &run, inbox, options.progress).await {
            Ok(search) => break search,
            Err(RedriveError::Broker(error)) if error.is_loss() && losses < MOST_LOSSES => {
                losses += 1;
                tracing::warn!("lost the broker while reading the journal, retrying: {error}");
                sleep(backoff.wait()).await;
            }
            Err(error) => return Err(error),
        }
    };
    // Of a restored database these are old, too: what became of them is in the journal.
    if journal.memory == Memory::True {
        search.missed.events.retain(|id, _| !unsent.contains(id));
    }
    if !search.missed.events.is_empty() {
        search.missed.waiting = wait_for_the_service(journal, &mut search, inbox, patience).await?;
    }
    let mut missed = search.missed;
    let found = missed.events.len();
    missed.events.retain(|id, _| id::time_of(id.0).is_none_or(|made| made >= floor));
    missed.too_old = (found - missed.events.len()) as u64;
    Ok(missed)
}

async fn read(
    journal: &Journal,
    run: &Run,
    inbox: &mut PgConnection,
    progress: Progress<'_>,
) -> Result<Search, RedriveError> {
    let mut search = Search::of(run, journal.memory);
    search.missed.journal_begins = journal.begins().await?;
    let mut entries = journal.open(BTreeSet::new());
    while let Some(entry) = entries.next(run).await? {
        match entry {
            Entry::Dead(dead_letter) => search.died(&dead_letter),
            // Whether it was handled then, the inbox knows.
            Entry::Redriven(id) => {
                search.dead.remove(&id);
                search.discarded.remove(&id);
            }
            Entry::Discarded(letter) => {
                search.discarded.insert(letter.id, discard(&letter));
            }
            Entry::Event(id, delivery) => {
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
    search.look_up(inbox).await?;
    search.forget_dead(journal).await?;
    Ok(search)
}

/// Waits until the queue is empty and the inbox learns of no more. Returns the number of
/// messages that still wait, if the user may know it.
async fn wait_for_the_service(
    journal: &Journal,
    search: &mut Search,
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
        // What was delivered and not yet handled is not counted, but it is handled in moments.
        let settled = waiting.is_none_or(|count| count == 0) && search.settled(before);
        if settled || Instant::now() >= end {
            break waiting;
        }
        sleep(LOOK_EVERY).await;
    };
    session.close().await;
    Ok(waited.map(u64::from))
}

struct Search {
    /// What is missed as far as is known.
    missed: Missed,
    /// Read, and not yet looked up.
    asked: Vec<MissedEvent>,
    dead: HashSet<MessageId>,
    /// The last that is known of these is that a person discards them, with the note of it.
    discarded: HashMap<MessageId, Option<Intervention>>,
    /// How often in a row the service had handled nothing more.
    quiet: u32,
}

impl Search {
    fn of(run: &Run, memory: Memory) -> Self {
        let missed = Missed {
            events: HashMap::new(),
            edited: HashMap::new(),
            discarded: Vec::new(),
            is_held: false,
            memory,
            run: run.clone(),
            searched: 0,
            too_old: 0,
            journal_begins: None,
            waiting: Some(0),
            unreadable: BTreeSet::new(),
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

    fn died(&mut self, dead_letter: &DeadLetter) {
        let id = dead_letter.id;
        self.dead.insert(id);
        self.discarded.remove(&id);
        // Its note stays with the message: what dies again has the edited body, too.
        if dead_letter.noted(EDITED).is_some() {
            self.missed.edited.insert(id, dead_letter.identity());
        }
    }

    async fn look_up(&mut self, inbox: &mut PgConnection) -> Result<(), sqlx::Error> {
        let ids: Vec<MessageId> = self.asked.iter().map(|event| event.id).collect();
        let known = known(inbox, &ids, self.missed.memory).await?;
        let unknown = self.asked.drain(..).filter(|event| !known.contains(&event.id));
        self.missed.events.extend(unknown.map(|event| (event.id, event)));
        Ok(())
    }

    /// Forgets dead letters, but for those that are in their queue no more though nobody discarded them:
    /// somebody has purged it, and their sagas wait for them.
    async fn forget_dead(&mut self, journal: &Journal) -> Result<(), RedriveError> {
        let Self { missed, dead, discarded, .. } = self;
        let is_restored = missed.memory == Memory::Restored && !discarded.is_empty();
        if is_restored || missed.events.keys().any(|id| dead.contains(id)) {
            let queue = DeadQueue::of(Arc::clone(&journal.broker), journal.service().to_owned());
            let mut there = HashSet::new();
            queue
                .browse(|letter| {
                    there.insert(letter.id);
                })
                .await?;
            // Nobody sees what another reader holds.
            missed.is_held = queue.status().await?.readers > 0;
            if !missed.is_held {
                dead.retain(|id| there.contains(id));
                // One that no file could take is still there.
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
        let Missed { events, memory, .. } = &mut self.missed;
        if *memory == Memory::True {
            for id in unsent(inbox, service).await? {
                events.remove(&id);
            }
        }
        let ids: Vec<MessageId> = events.keys().copied().collect();
        for ids in ids.chunks(LOOK_UP) {
            for id in known(inbox, ids, *memory).await? {
                events.remove(&id);
            }
        }
        Ok(())
    }

    /// Whether the service has handled nothing more for three looks.
    fn settled(&mut self, before: usize) -> bool {
        self.quiet = if before == self.missed.events.len() { self.quiet + 1 } else { 0 };
        self.quiet >= 3
    }
}

/// The note of who has discarded it, if it says so.
fn discard(letter: &DeadLetter) -> Option<Intervention> {
    let Note { by, why, at } = letter.noted(DISCARDED)?;
    let TouchedMessage { message_id, saga_id, event_type } = touched(letter);
    let act = Act::Discarded.name().to_owned();
    Some(Intervention { at, act, message_id, saga_id, event_type, by, why })
}
