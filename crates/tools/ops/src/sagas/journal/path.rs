//! A saga's path and its position on it.

use ballet_core::StepKind;
use ballet_core::graph::Node;
use ballet_store::ledger::entry::Entry;
use ballet_store::ledger::recorded_rows::RecordedRow;
use jiff::Timestamp;

use crate::audit::ledger::aborts;
use crate::sagas::explain::version_of;
use crate::sagas::journal::journal_saga::JournalSaga;

/// The standing of a step in a saga.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStanding {
    /// It is done.
    Done,
    /// It refused.
    Refused,
    /// It was done, and has to be undone.
    Undoing,
    /// It is undone.
    Undone,
    /// Its events have come.
    Expected,
    /// Something comes before it.
    Later,
    /// The saga has ended without it, or ends without it.
    NotTaken,
}

/// A step of the path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathStep {
    /// The service.
    pub service: &'static str,
    /// The step.
    pub step: &'static str,
    /// Its kind.
    pub kind: StepKind,
    /// Its standing.
    pub standing: StepStanding,
    /// The time of its outcome, or since when it is expected.
    pub at: Option<Timestamp>,
    /// The event of the outcome.
    pub event: Option<String>,
    /// The number of its outcomes.
    pub times: usize,
}

/// Returns the steps of one of the sagas with this id, each after those it waits for.
#[must_use]
pub fn path(seen: &JournalSaga<'_>, saga: &str) -> Vec<PathStep> {
    let graph = seen.graph;
    // The steps of its version, and all steps that have run.
    let version = version_of(graph.system(), saga, &graph.versions(saga), &seen.rows)
        .unwrap_or_else(|| graph.begun_version(saga));
    let in_order = graph.in_order(saga);
    let has_run = |node: &Node<'_>| of_step(seen, node).next().is_some();
    let is_origin = |node: &Node<'_>| node.step.kind == StepKind::Origin;
    let has_begun = in_order.iter().any(|node| is_origin(node) && has_run(node));
    // Once one origin has begun the saga, the others do not run.
    let is_spare = |node: &Node<'_>| is_origin(node) && has_begun;
    let may_run = |node: &Node<'_>| node.step.versions.has(version) && !is_spare(node);
    let shown = in_order.iter().filter(|node| has_run(node) || may_run(node));
    shown.map(|node| step(seen, node)).collect()
}

fn of_step<'s>(
    seen: &'s JournalSaga<'_>,
    node: &Node<'_>,
) -> impl Iterator<Item = &'s RecordedRow> {
    let own = seen.rows.get(node.service).map_or(&[][..], Vec::as_slice);
    let name = node.step.name;
    own.iter().filter(move |row| row.step == name && row.entry != Entry::Arrived)
}

fn step(seen: &JournalSaga<'_>, node: &Node<'_>) -> PathStep {
    let last = |entry: Entry| of_step(seen, node).filter(move |row| row.entry == entry).last();
    let own = || seen.rows.get(node.service).into_iter().flatten();
    let mut parts = seen.graph.system().parts.iter();
    let part = parts.find(|part| part.service == node.service);
    let is_aborted = || part.is_some_and(|part| own().any(|row| aborts(part, row, node.saga)));
    let times =
        of_step(seen, node).filter(|row| matches!(row.entry, Entry::Done | Entry::Refused)).count();
    let (done, undone) = (last(Entry::Done), last(Entry::Compensated));
    let undone = undone.filter(|row| done.is_none_or(|done| done.ordinal < row.ordinal));
    let refused =
        last(Entry::Refused).filter(|row| done.is_none_or(|done| done.ordinal < row.ordinal));
    let wait = seen
        .waits
        .iter()
        .find(|one| one.service == node.service && one.step == Some(node.step.name));
    let (standing, row) = match () {
        () if undone.is_some() => (StepStanding::Undone, undone),
        () if refused.is_some() => (StepStanding::Refused, refused),
        () if done.is_some() && is_aborted() && node.step.kind.can_be_compensated() => {
            (StepStanding::Undoing, done)
        }
        () if done.is_some() => (StepStanding::Done, done),
        () if wait.is_some() => (StepStanding::Expected, None),
        () if seen.ended.is_some() || is_aborted() => (StepStanding::NotTaken, None),
        () => (StepStanding::Later, None),
    };
    PathStep {
        service: node.service,
        step: node.step.name,
        kind: node.step.kind,
        standing,
        at: row.map(|row| row.recorded_at).or_else(|| wait.map(|one| one.since)),
        event: row.and_then(|row| row.event_type.clone()),
        times,
    }
}

#[cfg(test)]
mod tests {
    use ballet_core::{EventType, Graph, Part, SagaPart, StepPart, System, Versions};
    use uuid::Uuid;

    use super::*;
    use crate::sagas::journal::{JournalEntry, MessageFate};

    const PLACED: EventType = EventType::in_saga("orders.placed.v1");
    const TAKEN: EventType = EventType::in_saga("orders.taken.v1");
    const CONFIRMED: EventType = EventType::in_saga("orders.confirmed.v1");
    const APPROVED: EventType = EventType::in_saga("orders.approved.v1");

    #[test]
    fn a_saga_of_an_older_version_has_the_steps_of_its_own_version() {
        let step = |name, kind, on: &[EventType], done, versions| StepPart {
            versions,
            ..StepPart::new(name, kind, on.to_vec(), done)
        };
        let (old, new) = (Versions::ALL.until(1), Versions::ALL.since(2));
        let steps = vec![
            step("place", StepKind::Origin, &[], PLACED, old),
            step("confirm", StepKind::Decision, &[PLACED], CONFIRMED, old),
            step("take", StepKind::Origin, &[], TAKEN, new),
            step("approve", StepKind::Decision, &[TAKEN], APPROVED, new),
        ];
        let saga = SagaPart { begins: 2, ..SagaPart::new("order", "orders", steps) };
        let part = Part { service: "orders", sagas: vec![saga], ..Part::default() };
        let graph = Graph::new(System { name: "shop", parts: vec![part] });

        for (event, expected) in [(PLACED, ["place", "confirm"]), (TAKEN, ["take", "approve"])] {
            let entries = [JournalEntry {
                at: "2026-11-28T00:00:00Z".parse().expect("a time"),
                service: "orders".to_owned(),
                event_type: event.name().to_owned(),
                message_id: "1".to_owned(),
                what: MessageFate::Published,
            }];
            let seen = JournalSaga::judge(&graph, Uuid::from_u128(1), &entries);
            let steps: Vec<&str> = path(&seen, "order").iter().map(|step| step.step).collect();
            assert_eq!(steps, expected, "{event:?}");
        }
    }
}
