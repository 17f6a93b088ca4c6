//! Judges a saga by the journal: its state and what it waits for. The rules are those of the ledgers.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ballet_core::graph::Node;
use ballet_core::{EventType, Graph, MessageId, Part, SagaId, SagaPart, System, id};
use ballet_store::inbox::stuck::{StuckEntry, StuckKind as StuckWhat};
use ballet_store::process::Liveness;
use jiff::Timestamp;
use uuid::Uuid;

use crate::audit::ledger::{RowsByService, has_acted, is_aborted, undecided};
use crate::audit::read::PendingWork;
use crate::sagas::explain::Explainer;
use crate::sagas::journal::rows::rows;
use crate::sagas::saga_state::{SagaState, SagaWait};
use crate::sagas::service_state::ServiceState;

/// An entry of the journal that is about a saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// The time of the entry.
    pub at: Timestamp,
    /// The service that published the event, or could not handle it.
    pub service: String,
    /// The event's type.
    pub event_type: String,
    /// The message's id.
    pub message_id: String,
    /// The fate of the message.
    pub what: MessageFate,
}

/// The fate of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageFate {
    /// It was published.
    Published,
    /// It became a dead letter.
    Died {
        /// The handler that failed.
        handler: Option<String>,
        /// The reason as a code.
        reason: String,
        /// The reason in a sentence.
        detail: Option<String>,
        /// The number of attempts.
        attempts: u32,
    },
    /// Its dead letter was sent back.
    SentBack,
    /// Its dead letter was discarded, so the service goes without it.
    Discarded,
}

/// A saga as the journal shows it.
#[derive(Debug)]
pub struct JournalSaga<'a> {
    pub(super) graph: &'a Graph,
    pub(super) rows: RowsByService<'a>,
    /// The sagas with this id, which share nothing else.
    pub names: Vec<&'static str>,
    /// The state in which it has ended, if it has.
    pub ended: Option<SagaState>,
    /// The causes of its waiting, the oldest first.
    pub waits: Vec<SagaWait>,
    /// The time at which its owner aborts it if still undecided.
    pub deadline: Option<Timestamp>,
}

impl<'a> JournalSaga<'a> {
    /// Judges a saga by all its entries, in the journal's order.
    #[must_use]
    pub fn judge(graph: &'a Graph, saga: Uuid, entries: &'a [JournalEntry]) -> Self {
        let system = graph.system();
        // An unconfirmed event is published again under the same id, and handled once.
        let mut known = HashSet::new();
        let published: Vec<(&str, Timestamp)> = entries
            .iter()
            .filter(|entry| {
                entry.what == MessageFate::Published && known.insert(&*entry.message_id)
            })
            .map(|entry| (entry.event_type.as_str(), entry.at))
            .collect();
        let published = published.iter().copied();
        let rows = rows(system, &published);
        let began = id::time_of(saga).or_else(|| published.clone().map(|(_, at)| at).min());
        let deadline = began.and_then(|began| deadline(system, &rows, began));
        let states = states(system, saga, entries, &rows, deadline);
        let mut waits = Explainer::new(system, &states).waits(saga, &rows);
        let is_thrown_away = is_thrown_away(graph, entries, &waits);
        if is_thrown_away {
            waits.clear();
        }
        let is_aborted = |part| rows.get(part_name(part)).is_some_and(|own| is_aborted(part, own));
        let ended = match () {
            () if !waits.is_empty() => None,
            () if is_thrown_away || system.parts.iter().any(is_aborted) => Some(SagaState::Aborted),
            () => Some(SagaState::Completed),
        };
        Self {
            names: names(graph, &published.map(|(event, _)| event).collect()),
            waits,
            deadline: deadline.map(|(_, at)| at),
            graph,
            rows,
            ended,
        }
    }
}

/// Whether no service acted on the event that would have begun the saga, and a person discarded it for all that wait
/// for it.
fn is_thrown_away(graph: &Graph, entries: &[JournalEntry], waits: &[SagaWait]) -> bool {
    let known = graph.system().known_types();
    let begins = |name: &str| {
        let event = known.iter().copied().find(|event| event.name() == name);
        event.is_some_and(|event| !graph.begun_by(event).is_empty())
    };
    let mut published = entries.iter().filter(|entry| entry.what == MessageFate::Published);
    let goes_without = |wait: &SagaWait| {
        let of_wait = entries.iter().filter(|entry| {
            entry.service == wait.service && wait.event_type.as_ref() == Some(&entry.event_type)
        });
        let last = last_of_each(of_wait);
        !last.is_empty() && last.values().all(|entry| entry.what == MessageFate::Discarded)
    };
    !waits.is_empty()
        && published.all(|entry| begins(&entry.event_type))
        && waits.iter().all(goes_without)
}

const fn part_name(part: &Part) -> &'static str {
    part.service
}

/// Returns the sagas that these events begin or abort, or in which they are outcomes.
fn names(graph: &Graph, published: &BTreeSet<&str>) -> Vec<&'static str> {
    let has_come = |event: &EventType| published.contains(event.name());
    let of_node = |node: &Node<'_>| {
        let step = node.step;
        has_come(&step.done)
            || step.refused.as_ref().is_some_and(has_come)
            || step.compensated.as_ref().is_some_and(has_come)
            || node.saga.abort.as_ref().is_some_and(has_come)
    };
    let known = graph.system().known_types().into_iter().filter(has_come);
    let begun: BTreeSet<&str> = known.flat_map(|event| graph.begun_by(event)).collect();
    let is_of = |saga: &&str| begun.contains(saga) || graph.nodes(saga).iter().any(of_node);
    graph.sagas().into_iter().filter(is_of).collect()
}

/// Returns the undecided owner and its deadline.
fn deadline<'a>(
    system: &'a System,
    rows: &RowsByService<'_>,
    began: Timestamp,
) -> Option<(&'a str, Timestamp)> {
    let open = system
        .parts
        .iter()
        .filter(|part| rows.get(part.service).is_some_and(|own| !undecided(part, own).is_empty()));
    let due = |saga: &SagaPart| began.checked_add(saga.deadline?.after).ok();
    let of_part = open.flat_map(|part| {
        let owned = part.sagas.iter().filter(|saga| saga.owner == part.service);
        owned.filter_map(due).map(|at| (part.service, at))
    });
    of_part.min_by_key(|(_, at)| *at)
}

fn states<'a>(
    system: &'a System,
    saga: Uuid,
    entries: &[JournalEntry],
    rows: &RowsByService<'_>,
    deadline: Option<(&str, Timestamp)>,
) -> BTreeMap<&'a str, ServiceState> {
    let last = entries.iter().map(|entry| entry.at).max().unwrap_or_default();
    // A service that has acted on an event has handled its dead letter. The journal may have lost the entry.
    let is_open = |entry: &&JournalEntry| {
        let is_it = |event: &EventType| event.name() == entry.event_type;
        let own = rows.get(&*entry.service).map_or(&[][..], Vec::as_slice);
        let parts = || system.parts.iter().filter(|part| part.service == entry.service);
        let mut steps = parts().flat_map(|part| &part.sagas).flat_map(|saga| &saga.steps);
        let acted = |part: &Part| {
            part.sagas.iter().all(|saga| has_acted(part, saga, &entry.event_type, own))
        };
        !parts().all(acted) || !steps.any(|step| step.on.iter().any(is_it))
    };
    let state = |service: &'static str| {
        let of_service = entries.iter().filter(|entry| entry.service == service);
        let deadline = deadline.filter(|(owner, _)| *owner == service);
        ServiceState {
            at: last,
            pending: PendingWork::default(),
            failures: open_dead_letters(saga, of_service.filter(is_open)),
            deadlines: deadline.map(|(_, at)| (saga, at)).into_iter().collect(),
            alive: Liveness::Yes,
        }
    };
    system.parts.iter().map(|part| (part.service, state(part.service))).collect()
}

fn last_of_each<'e>(
    entries: impl Iterator<Item = &'e JournalEntry>,
) -> BTreeMap<&'e str, &'e JournalEntry> {
    let of_failures = entries.filter(|entry| entry.what != MessageFate::Published);
    of_failures.map(|entry| (&*entry.message_id, entry)).collect()
}

fn open_dead_letters<'e>(
    saga: Uuid,
    entries: impl Iterator<Item = &'e JournalEntry>,
) -> Vec<StuckEntry> {
    let stuck = |entry: &JournalEntry| {
        let MessageFate::Died { handler, reason, detail, attempts } = &entry.what else {
            return None;
        };
        let id = Uuid::try_parse(&entry.message_id);
        let id = id.map_or_else(|_| MessageId::derived_from_text(&entry.message_id), MessageId);
        let what = StuckWhat::Message { message_id: id, event_type: entry.event_type.clone() };
        Some(StuckEntry {
            saga_id: Some(SagaId(saga)),
            what,
            handler: handler.clone().unwrap_or_default(),
            reason: reason.clone(),
            detail: detail.clone().unwrap_or_else(|| reason.clone()),
            attempts: *attempts,
            since: entry.at,
            next_at: None,
        })
    };
    last_of_each(entries).into_values().filter_map(stuck).collect()
}
