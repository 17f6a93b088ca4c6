//! Letters that are meant, and what is done with them.

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::Duration;

use ballet_core::{MessageId, Part};
use bytes::Bytes;
use jiff::Timestamp;
use sqlx::PgConnection;
use uuid::Uuid;

use super::fate::Watcher;
use super::letters::{Progress, Stop};
use super::resend::{Run, needs_the_inbox};
use super::work::{Redriving, Replacement, Replacing};
use super::{DeadLetters, Fate, GroupKey, Groups, Letter, Note, RedriveError};

/// The letters that are meant: those that were there when the plan was made. Letters that come
/// later, and those that come back, are others.
#[derive(Debug, Clone)]
pub struct Plan {
    pub(super) groups: Groups,
    chosen: HashSet<(u128, i128, u64)>,
    /// Their groups' canaries did not do well.
    pub(super) held_back: HashSet<GroupKey>,
    beyond_memory: u64,
    renamed: u64,
    pub(super) part: Option<Part>,
    floor: Timestamp,
}

impl Plan {
    pub(super) fn new(part: Option<Part>, floor: Timestamp) -> Self {
        Self {
            groups: Groups::default(),
            chosen: HashSet::new(),
            held_back: HashSet::new(),
            beyond_memory: 0,
            renamed: 0,
            part,
            floor,
        }
    }

    pub(super) fn add(&mut self, letter: &Letter) {
        self.groups.add(letter);
        self.chosen.insert(letter.fingerprint());
        self.beyond_memory += u64::from(self.is_a_guess(letter));
        self.renamed += u64::from(letter.id_is_before(self.floor));
    }

    /// Whether nobody can tell if the service has handled the message before.
    pub(super) fn is_a_guess(&self, letter: &Letter) -> bool {
        letter.is_beyond_memory(self.floor) && needs_the_inbox(self.part.as_ref(), letter)
    }

    /// The letters in groups.
    #[must_use]
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// How many letters are meant.
    #[must_use]
    pub fn letters(&self) -> u64 {
        self.groups.letters()
    }

    /// How many of them are so old that the inbox has forgotten them, while nothing else keeps
    /// the service from handling them a second time: it follows their events outside of sagas.
    #[must_use]
    pub fn beyond_memory(&self) -> u64 {
        self.beyond_memory
    }

    /// How many of them get a new message id, since the service takes none that is so old.
    #[must_use]
    pub fn renamed(&self) -> u64 {
        self.renamed
    }

    pub(super) fn means(&self, letter: &Letter) -> bool {
        self.chosen.contains(&letter.fingerprint())
    }
}

/// How letters are sent back.
pub struct Sending<'a> {
    /// Who does it, when, and why.
    pub note: Note,
    /// A new id, which tells what this run has sent.
    pub run: Uuid,
    /// At most so many in a second.
    pub rate: Option<u32>,
    /// Whether those that the inbox has forgotten are sent as well, see [`Plan::beyond_memory`].
    pub beyond_memory: bool,
    /// Ends it early.
    pub stop: Stop,
    /// Hears of each letter.
    pub progress: Progress<'a>,
}

impl std::fmt::Debug for Sending<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sending").field("note", &self.note).finish_non_exhaustive()
    }
}

impl Sending<'_> {
    pub(super) fn run(&self, plan: &Plan) -> Run {
        Run { id: self.run, note: self.note.clone(), floor: plan.floor }
    }
}

/// One letter that was sent ahead of its group, and what became of it.
#[derive(Debug, Clone)]
pub struct Canary {
    /// The group.
    pub group: GroupKey,
    /// The message's id.
    pub id: String,
    /// What became of it.
    pub fate: Fate,
}

/// What was done.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// How many letters were taken away.
    pub letters: u64,
    /// How many had to stay, as the broker does not take what was to take their place.
    pub refused: u64,
    /// The first of them, with the reason.
    pub told: Vec<(String, String)>,
    /// The ids under which nothing will come any more: they were discarded, or sent under another.
    /// [`stuck::forget`](crate::stuck::forget) is for them.
    pub gone: Vec<MessageId>,
    /// Whether it was stopped before the end.
    pub stopped: bool,
}

/// Keeps letters that are thrown away.
pub trait Keep: Send {
    /// Takes one over.
    ///
    /// # Errors
    ///
    /// Whatever keeps it from being kept: then the letter stays where it is.
    fn keep(&mut self, letter: &Letter) -> io::Result<()>;

    /// Returns when all that was taken over is safe.
    ///
    /// # Errors
    ///
    /// As with [`keep`](Self::keep).
    fn secure(&mut self) -> io::Result<()>;
}

impl DeadLetters {
    /// Sends one letter of each group back, and waits for what becomes of it. Groups whose canary
    /// is not handled in time are left out of what follows. `inbox` is a connection to the
    /// service's database; without one only what follows from a message shows that it was handled.
    ///
    /// # Errors
    ///
    /// If broker or database do not answer.
    pub async fn canaries(
        &self,
        plan: &mut Plan,
        sending: &Sending<'_>,
        inbox: Option<PgConnection>,
        patience: Duration,
    ) -> Result<(Vec<Canary>, Taken), RedriveError> {
        let mut watcher = Watcher::open(self.broker(), inbox).await?;
        let mut work = Redriving::new(plan, sending, true);
        let stopped = self.go_through(&mut work, Duration::ZERO, &mut sending.stop.clone()).await?;
        let Redriving { sent, mut taken, .. } = work;
        taken.stopped = stopped;
        let ids: Vec<MessageId> = sent.values().map(|(_, id)| *id).collect();
        let mut stop = sending.stop.clone();
        let fates = tokio::select! {
            fates = watcher.fates(sending.run, self.service(), &ids, patience) => fates?,
            _ = stop.wait_for(|stop| *stop) => {
                taken.stopped = true;
                HashMap::new()
            }
        };
        watcher.close().await;
        let mut canaries = Vec::new();
        for (group, (shown, id)) in sent {
            let fate = fates.get(&id).cloned().unwrap_or(Fate::Unknown);
            if fate != Fate::Handled {
                plan.held_back.insert(group.clone());
            }
            canaries.push(Canary { group, id: shown, fate });
        }
        Ok((canaries, taken))
    }

    /// Sends all letters of the plan back, but for those of groups that were left out.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or does not let us. What was sent by then is sent.
    pub async fn redrive(&self, plan: &Plan, sending: &Sending<'_>) -> Result<Taken, RedriveError> {
        let mut work = Redriving::new(plan, sending, false);
        let pace = sending.rate.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate.max(1));
        let stopped = self.go_through(&mut work, pace, &mut sending.stop.clone()).await?;
        Ok(Taken { stopped, ..work.taken })
    }

    /// Gives the letters of the plan another body; they stay dead letters. The journal keeps the
    /// old one.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or does not let us.
    pub async fn edit(
        &self,
        plan: &Plan,
        body: Bytes,
        sending: &Sending<'_>,
    ) -> Result<Taken, RedriveError> {
        let replacement = |run: &Run, letter: &Letter| run.edited(letter, &body);
        self.replace(plan, sending, &replacement, None, false).await
    }

    /// Throws the letters of the plan away. Each is in the keeper's hands before.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or does not let us, or if the keeper fails.
    pub async fn discard(
        &self,
        plan: &Plan,
        keeper: Option<Box<dyn Keep>>,
        sending: &Sending<'_>,
    ) -> Result<Taken, RedriveError> {
        self.replace(plan, sending, &Run::discarded, keeper, true).await
    }

    async fn replace(
        &self,
        plan: &Plan,
        sending: &Sending<'_>,
        replacement: Replacement<'_>,
        keeper: Option<Box<dyn Keep>>,
        gone: bool,
    ) -> Result<Taken, RedriveError> {
        let mut work = Replacing::new(plan, sending, replacement, keeper, gone);
        let stop = &mut sending.stop.clone();
        let stopped = self.go_through(&mut work, Duration::ZERO, stop).await?;
        Ok(Taken { stopped, ..work.taken })
    }
}
