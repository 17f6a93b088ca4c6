//! What a service does for a saga when something arrives: the table of the step ledger.
//!
//! | arrives | the ledger says | what happens |
//! |---|---|---|
//! | trigger | nothing | run; `done` or `refused` with the outcome, or `calling` |
//! | trigger | anything, or a tombstone | nothing |
//! | trigger, refusal | nothing, at the owner, which begins its sagas | a dead letter |
//! | deadline | nothing decided, at the owner | the abort |
//! | abort | nothing, refused | the tombstone is enough |
//! | abort | done | undo, unless a later step is calling or undoing |
//! | abort | calling | the tombstone; its outcome takes the undo up |
//! | a call's outcome | calling | store and emit it |
//! | a call's outcome | calling, tombstone | store it without emitting; then the undos |
//! | an undo of one key | done | undo that repetition of the step, and no other |
//! | an undo's outcome | undoing | `undone`, emit, go on with the earlier steps |

use std::sync::Arc;

use ballet_core::{AnyEvent, MessageId, SagaId, StepKind};

use crate::calls::{Answer, NewCall};
use crate::erased::{AnyOutcome, AnyStep};
use crate::ledger::{Entry, NewRow, Row};
use crate::participant::SagaEntry;
use crate::tx::Encoded;
use crate::unit_of_work::UnitOfWork;
use crate::{Abort, CallKey, Failure};

/// Steps that run once in a saga have this key, and a saga's tombstone.
const NO_KEY: &str = "";

/// One repetition of a step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<'a> {
    pub(crate) step: &'a str,
    pub(crate) key: &'a str,
}

/// Where a saga's tombstone stands.
pub(crate) const WHOLE_SAGA: At<'static> = At { step: "", key: NO_KEY };

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

impl UnitOfWork<'_> {
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
        let key = step.key(&event);
        if !self.admits(saga, step, saga_id, &key)? {
            return Ok(Effect::Nothing);
        }
        let events = match &step.part().on[..] {
            [_] => vec![event],
            _ => match self.join(step, place, saga_id, event, body).await? {
                Some(events) => events,
                None => return Ok(Effect::Handled),
            },
        };
        let outcome = step.run(self.tx(), events).await?;
        let at = At { step: step.part().name, key: &key };
        self.outcome(saga, at, saga_id, outcome).await
    }

    /// Whether the ledger lets a step run.
    pub(crate) fn admits(
        &self,
        saga: &SagaEntry,
        step: &Arc<dyn AnyStep>,
        saga_id: SagaId,
        key: &str,
    ) -> Result<bool, Failure> {
        let name = step.part().name;
        if self.ledger.is_undone(saga_id, name, key)
            || self.ledger.state(saga_id, name, key).is_some()
        {
            return Ok(false);
        }
        if step.part().kind != StepKind::Origin {
            self.check_begun(saga, saga_id)?;
        } else if self.ledger.rows(saga_id).iter().any(|row| row.step != name) {
            return Err(begun_before(saga_id));
        }
        Ok(true)
    }

    /// The owner knows every saga that has begun, since it begins them. What comes for another one
    /// must not create half of it.
    fn check_begun(&self, saga: &SagaEntry, saga_id: SagaId) -> Result<(), Failure> {
        let begins = !saga.origins.is_empty()
            || saga.steps.iter().any(|step| step.part().kind == StepKind::Origin);
        if saga.owner.is_some() && begins && self.ledger.rows(saga_id).is_empty() {
            return Err(Failure::permanent(format!(
                "{} {saga_id} has not begun in {}, which owns it",
                saga.saga, saga.owner_service
            )));
        }
        Ok(())
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
        let at = At { step: part.name, key: NO_KEY };
        self.add_row(saga_id, at, Entry::Arrived, this.name(), Some(event_here));
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
    pub(crate) async fn outcome(
        &mut self,
        saga: &SagaEntry,
        at: At<'_>,
        saga_id: SagaId,
        outcome: AnyOutcome,
    ) -> Result<Effect, Failure> {
        match outcome {
            AnyOutcome::Done(event) => {
                self.add(saga_id, at, Entry::Done, Some(event.clone()));
                let told = self.scope.emit(event);
                self.keep_deadline(saga, at.step, saga_id, told);
                Ok(Effect::Handled)
            }
            // The owner's own refusal is the abort.
            AnyOutcome::Refused(event)
                if saga.owner.is_some() && saga.abort == Some(event.event_type) =>
            {
                self.add(saga_id, at, Entry::Refused, Some(event.clone()));
                self.abort_as_owner(saga, saga_id, event).await?;
                Ok(Effect::Refused)
            }
            AnyOutcome::Refused(event) => {
                self.add(saga_id, at, Entry::Refused, Some(event.clone()));
                self.scope.emit(event);
                Ok(Effect::Refused)
            }
            AnyOutcome::Call(request) => {
                self.add(saga_id, at, Entry::Calling, None);
                self.call(saga_id, at, false, request);
                Ok(Effect::Handled)
            }
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
        self.check_begun(saga, saga_id)?;
        self.add(saga_id, WHOLE_SAGA, Entry::Aborted, Some(fact.clone()));
        let owner = Arc::clone(owner);
        owner.abort(self.tx(), &fact.body).await?;
        self.undo_next(saga, saga_id).await?;
        self.deadlines.end(saga, saga_id);
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
        let at = At { step: &call.step, key: &call.step_key };
        let state = self.ledger.state(saga_id, at.step, at.key);
        if call.undo {
            if state != Some(Entry::Undoing) {
                return Ok(Effect::Nothing);
            }
            let undone = step.undo_answered(self.tx(), &call.request, &answer.answer).await?;
            self.undone(saga_id, at, undone);
            if self.ledger.is_aborted(saga_id) {
                self.undo_next(saga, saga_id).await?;
            }
            return Ok(Effect::Handled);
        }
        if state != Some(Entry::Calling) {
            return Ok(Effect::Nothing);
        }
        let outcome = step.answered(self.tx(), &call.request, &answer.answer).await?;
        if !self.ledger.is_undone(saga_id, at.step, at.key) {
            return self.outcome(saga, at, saga_id, outcome).await;
        }
        // Aborted meanwhile: nobody is told, and what took effect is undone.
        let effect = match outcome {
            AnyOutcome::Done(event) => {
                self.add(saga_id, at, Entry::Done, Some(event));
                Effect::Handled
            }
            AnyOutcome::Refused(event) => {
                self.add(saga_id, at, Entry::Refused, Some(event));
                Effect::Refused
            }
            AnyOutcome::Call(request) => {
                self.call(saga_id, at, false, request);
                return Ok(Effect::Handled);
            }
        };
        if self.ledger.is_aborted(saga_id) {
            self.undo_next(saga, saga_id).await?;
        } else if effect == Effect::Handled {
            self.undo_one(saga, at, saga_id).await?;
        }
        Ok(effect)
    }

    /// Notes down what an HTTP handler originates.
    pub(crate) fn originated(
        &mut self,
        saga: &SagaEntry,
        saga_id: SagaId,
        step: &str,
        event: Encoded,
    ) {
        self.add(saga_id, At { step, key: NO_KEY }, Entry::Done, Some(event.clone()));
        let told = self.scope.emit(event);
        self.deadlines.begin(saga, saga_id, told, self.scope.traceparent.clone());
    }

    /// Sets the deadline with the saga's beginning, and ends it with the decision.
    fn keep_deadline(&mut self, saga: &SagaEntry, step: &str, saga_id: SagaId, told: MessageId) {
        let step = saga.steps.iter().map(|step| step.part()).find(|part| part.name == step);
        match step.map(|part| part.kind) {
            Some(StepKind::Origin) => {
                self.deadlines.begin(saga, saga_id, told, self.scope.traceparent.clone());
            }
            Some(StepKind::Decision) => self.deadlines.end(saga, saga_id),
            Some(StepKind::Compensatable | StepKind::Pivot | StepKind::Retriable) | None => {}
        }
    }

    pub(crate) fn add(
        &mut self,
        saga_id: SagaId,
        at: At<'_>,
        entry: Entry,
        event: Option<Encoded>,
    ) {
        self.add_row(saga_id, at, entry, "", event);
    }

    fn add_row(
        &mut self,
        saga_id: SagaId,
        at: At<'_>,
        entry: Entry,
        arrived: &str,
        event: Option<Encoded>,
    ) {
        let (At { step, key }, cause) = (at, self.scope.cause);
        self.ledger.add(saga_id, NewRow { step, key, entry, arrived, event, cause });
    }

    pub(crate) fn call(&mut self, saga_id: SagaId, at: At<'_>, undo: bool, request: String) {
        self.calls.push(NewCall {
            key: CallKey(self.scope.context.new_id(self.scope.now)),
            saga_id,
            step: at.step.to_owned(),
            step_key: at.key.to_owned(),
            undo,
            request,
            cause: self.scope.cause,
            traceparent: self.scope.traceparent.clone(),
            attempts: 0,
        });
    }

    pub(crate) async fn stored_body(
        &mut self,
        saga_id: SagaId,
        row: &Row,
    ) -> Result<String, Failure> {
        let (db, ledger) = self.db_and_ledger();
        ledger.body(db, saga_id, row).await?.ok_or_else(|| {
            let (entry, step) = (row.entry.as_str(), &row.step);
            Failure::permanent(format!(
                "the ledger has no event for {entry} {step} of saga {saga_id}"
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

pub(crate) fn unknown_step(step: &str) -> Failure {
    Failure::permanent(format!(
        "the ledger has a step {step:?} that this version of the service does not know: run the \
         version that knows it, or keep the step declared until its sagas have ended"
    ))
}
