//! The path that a saga should take, and how far it is.

use ballet_core::StepKind;
use ballet_core::graph::Node;
use ballet_store::ledger::entry::Entry;
use ballet_store::ledger::recorded_rows::RecordedRow;
use jiff::Timestamp;

use crate::audit::ledger::aborts;
use crate::sagas::journal::seen::SeenSaga;

/// How a step of a saga stands.
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
    /// All that it waits for is there.
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
    /// How it stands.
    pub standing: StepStanding,
    /// When that came to be, or since when it is expected.
    pub at: Option<Timestamp>,
    /// The event that says it.
    pub event: Option<String>,
    /// How often it has had an outcome.
    pub times: usize,
}

/// The steps of one of the sagas with this id, each after those that it waits for.
#[must_use]
pub fn path(seen: &SeenSaga<'_>, saga: &str) -> Vec<PathStep> {
    let graph = seen.graph;
    // The version under which it runs: steps that have run are never left out.
    let version = graph.begun_version(saga);
    let in_order = graph.in_order(saga);
    let has_run = |node: &Node<'_>| of_step(seen, node).next().is_some();
    let is_origin = |node: &Node<'_>| node.step.kind == StepKind::Origin;
    let has_begun = in_order.iter().any(|node| is_origin(node) && has_run(node));
    // Of those that may begin it, one has.
    let is_spare = |node: &Node<'_>| is_origin(node) && has_begun;
    let may_run = |node: &Node<'_>| node.step.versions.has(version) && !is_spare(node);
    let shown = in_order.iter().filter(|node| has_run(node) || may_run(node));
    shown.map(|node| step(seen, node)).collect()
}

fn of_step<'s>(seen: &'s SeenSaga<'_>, node: &Node<'_>) -> impl Iterator<Item = &'s RecordedRow> {
    let own = seen.rows.get(node.service).map_or(&[][..], Vec::as_slice);
    let name = node.step.name;
    own.iter().filter(move |row| row.step == name && row.entry != Entry::Arrived)
}

fn step(seen: &SeenSaga<'_>, node: &Node<'_>) -> PathStep {
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
