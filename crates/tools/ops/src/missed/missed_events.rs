//! The events that a service has missed, and how much of them is known.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ballet_core::{MessageId, Part};
use ballet_store::operators::interventions::Intervention;
use jiff::Timestamp;
use sqlx::PgConnection;

use crate::missed::known_messages::known;
use crate::redrive::dead_letter::LetterIdentity;
use crate::redrive::error::RedriveError;
use crate::redrive::tool_run::ToolRun;

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

/// The gaps in what is known of the events that were published.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JournalGaps {
    /// The beginning of the journal, if that is after the given time. Only the databases may have older events.
    pub begins: Option<Timestamp>,
    /// The offsets of messages that the broker can deliver to no reader. Services may have missed them.
    pub unreadable: BTreeSet<u64>,
    /// The number of published events in the databases that the journal lacks: a lower bound if there are very many.
    pub lost: u64,
    /// The services whose databases cannot be read, and why.
    pub away: BTreeMap<String, String>,
}

/// The events that a service has missed.
#[derive(Debug, Clone)]
pub struct MissedEvents {
    /// The declarations of the service.
    pub(super) part: Part,
    pub(super) events: HashMap<MessageId, MissedEvent>,
    /// The dead letters with edited bodies of missed events.
    pub(super) edited: HashMap<MessageId, LetterIdentity>,
    /// The messages that people discarded since the given time, which a restored database may lack.
    pub discarded: Vec<Intervention>,
    /// Whether another reader held dead letters. Then no dead letter counts as missed, and
    /// [`discarded`](Self::discarded) is empty.
    pub is_held: bool,
    /// Whether the database was restored. Its failures may have been handled since.
    pub(super) is_restored: bool,
    /// The run that wrote the note at which the search ended.
    pub(super) run: ToolRun,
    /// The number of events in the journal that the service consumes.
    pub searched: u64,
    /// The number of events that the service would refuse, because its inbox has forgotten their age.
    pub too_old: u64,
    /// The number of messages left in the service's queue at the end; some may be listed as missed. `None` if the user
    /// may not know.
    pub waiting: Option<u64>,
    /// The consumed types that no ledger has. If the journal has gaps, it may lack some of these.
    pub kept_by_nobody: BTreeSet<&'static str>,
    /// The gaps in what is known of the events that were published.
    pub gaps: JournalGaps,
}

impl MissedEvents {
    pub(super) fn new(part: Part, is_restored: bool, run: ToolRun) -> Self {
        Self {
            part,
            events: HashMap::new(),
            edited: HashMap::new(),
            discarded: Vec::new(),
            is_held: false,
            is_restored,
            run,
            searched: 0,
            too_old: 0,
            waiting: Some(0),
            kept_by_nobody: BTreeSet::new(),
            gaps: JournalGaps::default(),
        }
    }

    /// Returns the name of the service.
    #[must_use]
    pub const fn service(&self) -> &'static str {
        self.part.service
    }

    /// Returns the missed events, in the order of their ids.
    #[must_use]
    pub fn events(&self) -> Vec<&MissedEvent> {
        let mut events: Vec<&MissedEvent> = self.events.values().collect();
        events.sort_unstable_by_key(|event| event.id.0);
        events
    }

    /// Whether all missed events are known, as far as the witnesses agree.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.is_held && self.gaps == JournalGaps::default()
    }

    /// Returns the number of missed events of each type.
    #[must_use]
    pub fn by_type(&self) -> BTreeMap<&str, u64> {
        let mut counts = BTreeMap::new();
        for event in self.events.values() {
            *counts.entry(&*event.event_type).or_default() += 1;
        }
        counts
    }

    /// Returns how many events for which `counts` is true the service has neither handled nor, unless its database was
    /// restored, failed to handle.
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
        let known = known(inbox, &ids, self.is_restored).await?;
        Ok((ids.len() - known.len()) as u64)
    }

    /// Keeps the events that are selected.
    pub fn retain(&mut self, mut keep: impl FnMut(&MissedEvent) -> bool) {
        self.events.retain(|_, event| keep(event));
    }
}
