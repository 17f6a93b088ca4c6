//! What a service does for a saga when something arrives: the table of the step ledger.
//!
//! | arrives | the ledger says | what happens |
//! |---|---|---|
//! | trigger | nothing | run; `done` or `refused` with the outcome, or `calling` |
//! | trigger | anything, or a tombstone | nothing |
//! | abort | nothing, refused | the tombstone is enough |
//! | abort | done | undo, unless a later step is calling or undoing |
//! | abort | calling | the tombstone; its outcome takes the undo up |
//! | a call's outcome | calling | store and emit it |
//! | a call's outcome | calling, tombstone | store it without emitting; then the undos |
//! | an undo's outcome | undoing | `undone`, emit, go on with the earlier steps |

use std::sync::Arc;

use ballet_core::{AnyEvent, MessageId, SagaId, StepKind};

use crate::calls::{Answer, NewCall};
use crate::erased::{AnyOutcome, AnyStep, AnyUndone};
use crate::ledger::{Entry, NewRow, Row};
use crate::participant::SagaEntry;
use crate::tx::Encoded;
use crate::unit_of_work::UnitOfWork;
use crate::{Abort, CallKey, Failure};

/// Steps without a declared key have this one.
const NO_KEY: &str = "";

/// What became of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Something was done.
    Handled,
    /// It said no.
    Refused,
    /// It was done before, or the saga is aborted.
    Nothing,
}

impl UnitOfWork {
    /// A trigger of a step arrived.
    pub(crate) async fn trigger(
        &mut self,
        saga: &SagaEntry,
        step: &Arc<dyn AnyStep>,
        place: usize,
        saga_id: SagaId,
        event: AnyEvent,
        body: &[u8],
    ) -> Result<Effect, Failure> {
        let name = step.part().name;
        if self.ledger.is_aborted(saga_id) || self.ledger.state(saga_id, name, NO_KEY).is_some() {
            return Ok(Effect::Nothing);
        }
        if step.part().kind == StepKind::Origin && !self.ledger.rows(saga_id).is_empty() {
            return Err(begun_before(saga_id));
        }
        let events = match &step.part().on[..] {
            [_] => vec![event],
            _ => match self.join(step, place, saga_id, event, body).await? {
                Some(events) => events,
                None => return Ok(Effect::Handled),
            },
        };
        let outcome = step.run(self.tx(), events).await?;
        self.outcome(saga, step, saga_id, outcome).await
    }

    /// Notes a join's event down; gives all of them once the last is there.
    async fn join(
        &mut self,
        step: &Arc<dyn AnyStep>,
        place: usize,
        saga_id: SagaId,
        event: AnyEvent,
        body: &[u8],
    ) -> Result<Option<Vec<AnyEvent>>, Failure> {
        let part = step.part();
        let arrived: Vec<Row> = self
            .ledger
            .rows(saga_id)
            .iter()
            .filter(|row| row.step == part.name && row.entry == Entry::Arrived)
            .cloned()
            .collect();
        let find = |name: &str| arrived.iter().find(|row| row.arrived == name);
        let this = part.on[place];
        if find(this.name()).is_some() {
            return Ok(None);
        }
        let event_here = Encoded { event_type: this, body: bytes::Bytes::copy_from_slice(body) };
        self.add(saga_id, part.name, Entry::Arrived, this.name(), Some(event_here));
        let mut events = Vec::with_capacity(part.on.len());
        let mut event = Some(event);
        for (at, expected) in part.on.iter().enumerate() {
            if at == place {
                events.extend(event.take());
                continue;
            }
            let Some(row) = find(expected.name()) else {
                return Ok(None);
            };
            let body = self.stored_body(saga_id, row).await?;
            events.push(step.decode(at, body.as_bytes())?);
        }
        Ok(Some(events))
    }

    /// Stores and emits what a step came to.
    async fn outcome(
        &mut self,
        saga: &SagaEntry,
        step: &Arc<dyn AnyStep>,
        saga_id: SagaId,
        outcome: AnyOutcome,
    ) -> Result<Effect, Failure> {
        let name = step.part().name;
        match outcome {
            AnyOutcome::Done(event) => {
                self.add(saga_id, name, Entry::Done, "", Some(event.clone()));
                self.scope.emit(event);
                Ok(Effect::Handled)
            }
            // The owner's own refusal is the abort.
            AnyOutcome::Refused(event)
                if saga.owner.is_some() && saga.abort == Some(event.event_type) =>
            {
                self.add(saga_id, name, Entry::Refused, "", Some(event.clone()));
                self.abort_as_owner(saga, saga_id, event).await?;
                Ok(Effect::Refused)
            }
            AnyOutcome::Refused(event) => {
                self.add(saga_id, name, Entry::Refused, "", Some(event.clone()));
                self.scope.emit(event);
                Ok(Effect::Refused)
            }
            AnyOutcome::Call(request) => {
                self.add(saga_id, name, Entry::Calling, "", None);
                self.call(saga_id, name, false, request);
                Ok(Effect::Handled)
            }
        }
    }

    /// The abort arrived at a participant. The tombstone comes first, whatever the rows say: it
    /// covers the steps that have not been seen yet.
    pub(crate) async fn abort_here(
        &mut self,
        saga: &SagaEntry,
        saga_id: SagaId,
        fact: Encoded,
    ) -> Result<Effect, Failure> {
        let known = self.ledger.is_aborted(saga_id);
        if !known {
            self.add(saga_id, "", Entry::Aborted, "", Some(fact));
        }
        // Also when the tombstone is there: an undo may have failed the last time.
        self.undo_next(saga, saga_id).await?;
        Ok(if known { Effect::Nothing } else { Effect::Handled })
    }

    /// Leaves the tombstone alone, for an abort whose undo fails: until it is done, later steps
    /// must not take effect.
    pub(crate) fn entomb(&mut self, saga_id: SagaId, fact: Encoded) {
        if !self.ledger.is_aborted(saga_id) {
            self.add(saga_id, "", Entry::Aborted, "", Some(fact));
        }
    }

    /// The owner aborts, unless something else was committed first.
    pub(crate) async fn abort_as_owner(
        &mut self,
        saga: &SagaEntry,
        saga_id: SagaId,
        fact: Encoded,
    ) -> Result<Abort, Failure> {
        let Some(owner) = &saga.owner else {
            return Err(Failure::permanent(format!(
                "only {} may abort {}",
                saga.owner_service, saga.saga
            )));
        };
        if self.ledger.is_aborted(saga_id) {
            return Ok(Abort::AlreadyAborted);
        }
        let decided = saga.steps.iter().map(|step| step.part()).any(|part| {
            part.kind == StepKind::Decision
                && self.ledger.state(saga_id, part.name, NO_KEY).is_some()
        });
        if decided {
            return Ok(Abort::TooLate);
        }
        self.add(saga_id, "", Entry::Aborted, "", Some(fact.clone()));
        let owner = Arc::clone(owner);
        owner.abort(self.tx(), &fact.body).await?;
        self.undo_next(saga, saga_id).await?;
        self.scope.emit(fact);
        Ok(Abort::Aborted)
    }

    /// The answer to a call arrived; its call was open and is closed by this transaction.
    pub(crate) async fn answer(&mut self, answer: &Answer) -> Result<Effect, Failure> {
        let call = &answer.call;
        let engine = Arc::clone(&self.engine);
        let Some((saga, step)) = engine.registry.step(&call.step) else {
            return Err(unknown_step(&call.step));
        };
        let saga_id = call.saga_id;
        let state = self.ledger.state(saga_id, &call.step, &call.step_key);
        if call.undo {
            if state != Some(Entry::Undoing) {
                return Ok(Effect::Nothing);
            }
            let undone = step.undo_answered(self.tx(), &call.request, &answer.answer).await?;
            self.undone(saga_id, step, undone);
            self.undo_next(saga, saga_id).await?;
            return Ok(Effect::Handled);
        }
        if state != Some(Entry::Calling) {
            return Ok(Effect::Nothing);
        }
        let outcome = step.answered(self.tx(), &call.request, &answer.answer).await?;
        if !self.ledger.is_aborted(saga_id) {
            return self.outcome(saga, step, saga_id, outcome).await;
        }
        // Aborted meanwhile: nobody is told, and what took effect is undone.
        let effect = match outcome {
            AnyOutcome::Done(event) => {
                self.add(saga_id, &call.step, Entry::Done, "", Some(event));
                Effect::Handled
            }
            AnyOutcome::Refused(event) => {
                self.add(saga_id, &call.step, Entry::Refused, "", Some(event));
                Effect::Refused
            }
            AnyOutcome::Call(request) => {
                self.call(saga_id, step.part().name, false, request);
                return Ok(Effect::Handled);
            }
        };
        self.undo_next(saga, saga_id).await?;
        Ok(effect)
    }

    /// Undoes this service's steps of an aborted saga, the latest first, one after the other, until
    /// none is left or a call is out. While one is out, its outcome takes the rest up.
    async fn undo_next(&mut self, saga: &SagaEntry, saga_id: SagaId) -> Result<(), Failure> {
        while let Some(row) = self.next_to_undo(saga, saga_id) {
            let Some(step) = saga.steps.iter().find(|step| step.part().name == row.step) else {
                return Err(unknown_step(&row.step));
            };
            let done = self.stored_body(saga_id, &row).await?;
            match step.undo(self.tx(), &done).await? {
                AnyUndone::Call(request) => {
                    self.add(saga_id, step.part().name, Entry::Undoing, "", None);
                    self.call(saga_id, step.part().name, true, request);
                    return Ok(());
                }
                undone @ (AnyUndone::With(_) | AnyUndone::Silently) => {
                    self.undone(saga_id, step, undone);
                }
            }
        }
        Ok(())
    }

    /// The latest step that took effect and is not undone; `None` while a call is out.
    fn next_to_undo(&self, saga: &SagaEntry, saga_id: SagaId) -> Option<Row> {
        let rows = self.ledger.rows(saga_id);
        let state = |row: &Row| self.ledger.state(saga_id, &row.step, &row.key);
        if rows.iter().any(|row| matches!(state(row), Some(Entry::Calling | Entry::Undoing))) {
            return None;
        }
        rows.iter()
            .filter(|row| row.entry == Entry::Done && state(row) == Some(Entry::Done))
            .filter(|row| self.can_be_undone(saga, &row.step))
            .max_by_key(|row| row.ordinal)
            .cloned()
    }

    /// Origins, decisions and retriable steps have no compensation. A step that the code does not
    /// know any more is reported when it is to be undone.
    fn can_be_undone(&self, saga: &SagaEntry, name: &str) -> bool {
        if let Some(step) = saga.steps.iter().map(|step| step.part()).find(|part| part.name == name)
        {
            return matches!(step.kind, StepKind::Compensatable | StepKind::Pivot);
        }
        !self.engine.registry.has_step(name)
    }

    fn undone(&mut self, saga_id: SagaId, step: &Arc<dyn AnyStep>, undone: AnyUndone) {
        let event = match undone {
            AnyUndone::With(event) => Some(event),
            AnyUndone::Silently | AnyUndone::Call(_) => None,
        };
        self.add(saga_id, step.part().name, Entry::Undone, "", event.clone());
        if let Some(event) = event {
            self.scope.emit(event);
        }
    }

    pub(crate) fn add(
        &mut self,
        saga_id: SagaId,
        step: &str,
        entry: Entry,
        arrived: &str,
        event: Option<Encoded>,
    ) {
        let cause = self.scope.cause;
        self.ledger.add(saga_id, NewRow { step, key: NO_KEY, entry, arrived, event, cause });
    }

    fn call(&mut self, saga_id: SagaId, step: &str, undo: bool, request: String) {
        self.calls.push(NewCall {
            key: CallKey(self.scope.context.new_id(self.scope.now)),
            saga_id,
            step: step.to_owned(),
            step_key: NO_KEY.to_owned(),
            undo,
            request,
            cause: self.scope.cause,
            traceparent: self.scope.traceparent.clone(),
            attempts: 0,
        });
    }

    async fn stored_body(&mut self, saga_id: SagaId, row: &Row) -> Result<String, Failure> {
        let (db, ledger) = self.db_and_ledger();
        ledger.body(db, saga_id, row).await?.ok_or_else(|| {
            Failure::permanent(format!(
                "the ledger has no event for {} {} of saga {saga_id}",
                row.entry.as_str(),
                row.step
            ))
        })
    }

    /// What the following is related to.
    pub(crate) fn enter(
        &mut self,
        saga_id: Option<SagaId>,
        cause: Option<MessageId>,
        traceparent: Option<String>,
    ) {
        self.scope.enter(saga_id, cause, traceparent);
    }
}

/// A saga begins once: a second beginning under its id could end, or change, another's saga.
pub(crate) fn begun_before(saga_id: SagaId) -> Failure {
    Failure::permanent(format!("saga {saga_id} has begun before: begin another under another id"))
}

fn unknown_step(step: &str) -> Failure {
    Failure::permanent(format!(
        "the ledger has a step {step:?} that this version of the service does not know: run the \
         version that knows it, or keep the step declared until its sagas have ended"
    ))
}
