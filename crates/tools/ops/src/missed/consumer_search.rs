//! Searches for what one service has missed.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crate::stream::{JOURNAL_CONNECTION as CONNECTION, Record};
use ballet_amqp::Object;
use ballet_amqp::headers::{DISCARDED, EDITED};
use ballet_core::envelope::{Envelope, KnownEvents};
use ballet_core::{MessageId, Part};
use ballet_store::operators::interventions::{self, Act, Intervention, TouchedMessage};
use sqlx::PgConnection;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::missed::journal::JournalEntry;
use crate::missed::known_messages::{LOOK_UP, known};
use crate::missed::missed_events::{JournalGaps, MissedEvent, MissedEvents};
use crate::missed::witnesses::Witnesses;
use crate::note::Note;
use crate::redrive::dead_letter::{DeadLetter, saga_of};
use crate::redrive::error::RedriveError;
use crate::redrive::note_writer::touched;
use crate::redrive::queue::DeadLetters;
use crate::redrive::tool_run::ToolRun;
use crate::restored::in_ledger;

const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A service that may have missed events.
#[derive(Debug)]
pub struct Consumer<'a> {
    /// The service's declarations.
    pub part: &'a Part,
    /// A connection to its database.
    pub inbox: &'a mut PgConnection,
    /// Whether the database was restored. Messages that waited for a retry may have been handled since the backup, and
    /// are not tried again.
    pub is_restored: bool,
}

pub(super) struct ConsumerSearch<'a> {
    inbox: &'a mut PgConnection,
    consumed: KnownEvents,
    pub(super) missed: MissedEvents,
    /// Read, and not yet looked up in the inbox.
    asked: Vec<MissedEvent>,
    dead: HashSet<MessageId>,
    redriven: HashSet<MessageId>,
    /// The messages discarded last, with the person's note.
    discarded: HashMap<MessageId, Option<Intervention>>,
    /// The number of consecutive checks without progress.
    quiet: u32,
}

impl<'a> ConsumerSearch<'a> {
    pub(super) async fn begin(consumer: Consumer<'a>, run: &ToolRun) -> Result<Self, sqlx::Error> {
        let Consumer { part, inbox, is_restored } = consumer;
        Ok(Self {
            inbox,
            consumed: part.consumes().into_iter().collect(),
            missed: MissedEvents::new(part.clone(), is_restored, run.clone()),
            asked: Vec::new(),
            dead: HashSet::new(),
            redriven: HashSet::new(),
            discarded: HashMap::new(),
            quiet: 0,
        })
    }

    pub(super) const fn service(&self) -> &'static str {
        self.missed.part.service
    }

    /// Takes an entry that is about the service.
    pub(super) async fn take(&mut self, entry: &JournalEntry) -> Result<(), sqlx::Error> {
        let service = self.service();
        match entry {
            JournalEntry::Event(id, record) => self.published(*id, record).await?,
            JournalEntry::Dead(letter) if letter.service == service => {
                self.dead.insert(letter.id);
                self.discarded.remove(&letter.id);
                // The note stays with the message, so a message that dies again has the edited body as well.
                if letter.noted(EDITED).is_some() {
                    self.missed.edited.insert(letter.id, letter.identity());
                }
            }
            // The inbox knows whether it was handled then.
            JournalEntry::Redriven(of, id) if of == service => {
                self.dead.remove(id);
                self.discarded.remove(id);
                self.redriven.insert(*id);
            }
            JournalEntry::Discarded(letter) if letter.service == service => {
                self.discarded.insert(letter.id, discard(letter));
            }
            JournalEntry::Dead(_) | JournalEntry::Redriven(..) | JournalEntry::Discarded(_) => {}
        }
        Ok(())
    }

    async fn published(&mut self, id: MessageId, record: &Record) -> Result<(), sqlx::Error> {
        // The service refused an event whose type is not its routing key. It would accept that event if sent again.
        if Envelope::type_of(&record.incoming(), &self.consumed).is_none() {
            return Ok(());
        }
        self.discarded.remove(&id);
        self.missed.searched += 1;
        let (event_type, saga) = (record.event_type().to_owned(), saga_of(&record.incoming()));
        self.asked.push(MissedEvent { id, event_type, saga });
        self.look_up(LOOK_UP).await
    }

    /// Adds an event from a database.
    pub(super) async fn told(&mut self, event: &MissedEvent) -> Result<(), sqlx::Error> {
        if self.consumed.get(&event.event_type).is_some() {
            self.asked.push(event.clone());
        }
        self.look_up(LOOK_UP).await
    }

    /// Looks up the events once there are this many.
    async fn look_up(&mut self, least: usize) -> Result<(), sqlx::Error> {
        if self.asked.len() >= least {
            let ids: Vec<MessageId> = self.asked.iter().map(|event| event.id).collect();
            let known = known(self.inbox, &ids, self.missed.is_restored).await?;
            let unknown = self.asked.drain(..).filter(|event| !known.contains(&event.id));
            self.missed.events.extend(unknown.map(|event| (event.id, event)));
        }
        Ok(())
    }

    pub(super) async fn end(
        mut self,
        witnesses: &Witnesses,
        gaps: &JournalGaps,
        patience: Duration,
    ) -> Result<MissedEvents, RedriveError> {
        self.look_up(0).await?;
        if gaps.lost > 0 {
            self.missed.kept_by_nobody = kept_by_nobody(&self.missed.part, &witnesses.parts);
        }
        self.missed.gaps = gaps.clone();
        self.forget_dead(witnesses).await?;
        self.forget_discarded().await?;
        if !self.missed.events.is_empty() {
            self.missed.waiting = self.wait_for_the_service(witnesses, patience).await?;
        }
        Ok(self.missed)
    }

    /// Forgets dead letters that are still in their queue or were discarded. The sagas wait for those that somebody
    /// purged.
    async fn forget_dead(&mut self, witnesses: &Witnesses) -> Result<(), RedriveError> {
        let service = self.service().to_owned();
        let Self { missed, dead, discarded, .. } = self;
        let is_restored = missed.is_restored && !discarded.is_empty();
        // The journal may have lost the deaths of some.
        let is_lost = missed.gaps.lost > 0 && !missed.events.is_empty();
        let mut there = HashSet::new();
        if is_restored || is_lost || missed.events.keys().any(|id| dead.contains(id)) {
            let queue = DeadLetters::on(Arc::clone(&witnesses.broker), service);
            queue
                .browse(|letter| {
                    there.insert(letter.id);
                })
                .await?;
            // Dead letters held by another reader are invisible.
            missed.is_held = queue.status().await?.readers > 0;
            if !missed.is_held {
                dead.retain(|id| there.contains(id));
                // A discarded one is still there if no file took it.
                let gone = discarded.iter().filter(|(id, _)| is_restored && !there.contains(id));
                missed.discarded = gone.filter_map(|(_, note)| note.clone()).collect();
            }
        }
        dead.extend(there);
        missed.events.retain(|id, _| !dead.contains(id) && !discarded.contains_key(id));
        Ok(())
    }

    /// Forgets what the database says was discarded, since the journal may have lost the notes. The database does not
    /// know later redrives.
    async fn forget_discarded(&mut self) -> Result<(), sqlx::Error> {
        let Self { missed, redriven, inbox, .. } = self;
        let ids: Vec<Uuid> = missed.events.keys().map(|id| id.0).collect();
        for ids in ids.chunks(LOOK_UP) {
            for id in interventions::discarded_of(inbox, ids).await? {
                if !redriven.contains(&MessageId(id)) {
                    missed.events.remove(&MessageId(id));
                }
            }
        }
        Ok(())
    }

    /// Waits until the queue is empty and the inbox stops growing. Returns the number of waiting messages, if the user
    /// may know it.
    async fn wait_for_the_service(
        &mut self,
        witnesses: &Witnesses,
        patience: Duration,
    ) -> Result<Option<u64>, RedriveError> {
        let session = witnesses.broker.connect(CONNECTION).await?;
        let queue = Object::Queue(self.service().to_owned());
        let end = Instant::now() + patience;
        let waited = loop {
            let waiting = session.find(&queue).await?.messages();
            let before = self.missed.events.len();
            self.forget_known().await?;
            // Unacknowledged messages are not counted, but handled in moments.
            let settled = waiting.is_none_or(|count| count == 0) && self.settled(before);
            if settled || Instant::now() >= end {
                break waiting;
            }
            sleep(LOOK_EVERY).await;
        };
        session.close().await;
        Ok(waited.map(u64::from))
    }

    async fn forget_known(&mut self) -> Result<(), sqlx::Error> {
        let MissedEvents { events, is_restored, .. } = &mut self.missed;
        let inbox = &mut *self.inbox;
        let ids: Vec<MessageId> = events.keys().copied().collect();
        for id in known(inbox, &ids, *is_restored).await? {
            events.remove(&id);
        }
        Ok(())
    }

    fn settled(&mut self, before: usize) -> bool {
        self.quiet = if before == self.missed.events.len() { self.quiet + 1 } else { 0 };
        self.quiet >= 3
    }
}

fn discard(letter: &DeadLetter) -> Option<Intervention> {
    let Note { by, why, at } = letter.noted(DISCARDED)?;
    let TouchedMessage { message_id, saga_id, event_type } = touched(letter);
    let act = Act::Discarded.name().to_owned();
    Some(Intervention { at, act, message_id, saga_id, event_type, by, why })
}

/// Returns the events without a ledger copy: those published outside of steps, and those of producers.
fn kept_by_nobody(consumer: &Part, parts: &[Part]) -> BTreeSet<&'static str> {
    let kept: BTreeSet<&str> = parts.iter().flat_map(in_ledger).collect();
    let consumed = consumer.consumes().into_iter().map(|event| event.name());
    consumed.filter(|name| !kept.contains(name)).collect()
}
