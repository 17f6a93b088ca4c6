//! Why a saga was aborted, by its entries: a refusing step, or something else.

use ballet_core::{EventType, SagaPart, StepPart, System};

use crate::store::entry_row::{EntryKind, EntryRow};

/// A person may have made it pass.
pub(crate) const DEADLINE: &str = "let the deadline pass";

#[derive(Debug)]
pub(crate) struct AbortReason<'a> {
    pub(crate) row: &'a EntryRow,
    pub(crate) step: Option<&'static str>,
    /// The act of the entry's service, in words.
    pub(crate) what: String,
}

impl<'a> AbortReason<'a> {
    /// Returns the reason of an aborted saga, by its entries in the order of the journal.
    pub(crate) fn of(system: &System, rows: &'a [EntryRow]) -> Option<Self> {
        let published = || rows.iter().filter(|row| row.kind == EntryKind::Event);
        let sagas: Vec<&SagaPart> = system.parts.iter().flat_map(|part| &part.sagas).collect();
        let is = |event: Option<&EventType>, row: &EntryRow| {
            event.is_some_and(|event| event.name() == row.event_type)
        };
        let is_abort = |row: &&EntryRow| sagas.iter().any(|saga| is(saga.abort.as_ref(), row));
        let known = |row: &'a EntryRow| {
            let mut steps = sagas.iter().flat_map(|saga| &saga.steps);
            let step = steps.find(|step: &&StepPart| is(step.refused.as_ref(), row));
            let mut deadlines = sagas.iter().filter_map(|saga| saga.deadline.as_ref());
            let is_deadline = deadlines.any(|deadline| is(Some(&deadline.passed), row));
            let what = if is_deadline { DEADLINE } else { "refused" }.to_owned();
            let step = step.map(|step| step.name);
            (is_deadline || step.is_some()).then_some(Self { row, step, what })
        };
        let Some(abort) = published().find(is_abort) else {
            let row = rows.iter().rev().find(|row| row.kind == EntryKind::Discarded)?;
            let what = format!("goes without {}", row.event_type);
            return Some(Self { row, step: None, what });
        };
        // Participants need not name an event's cause.
        let cause = published().find(|row| abort.cause.as_ref() == Some(&row.message_id));
        let before = published().filter(|row| row.place < abort.place);
        cause.into_iter().chain(before).chain([abort]).find_map(known)
    }
}
