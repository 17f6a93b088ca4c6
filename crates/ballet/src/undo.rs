//! Undoing: the latest first, one after the other, each once.

use std::sync::Arc;

use ballet_core::{SagaId, StepKind};

use crate::batch::limited;
use crate::erased::AnyUndone;
use crate::ledger::{Entry, Row};
use crate::participant::SagaEntry;
use crate::run::RunFailure;
use crate::saga::{At, Effect, WHOLE_SAGA, unknown_step};
use crate::tx::Encoded;
use crate::unit_of_work::UnitOfWork;
use crate::{BulkTx, Failure, Item};

impl UnitOfWork<'_> {
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
            self.add(saga_id, WHOLE_SAGA, Entry::Aborted, Some(fact));
        }
        // Also when the tombstone is there: an undo may have failed the last time.
        self.undo_next(saga, saga_id).await?;
        Ok(if known { Effect::Nothing } else { Effect::Handled })
    }

    /// Leaves the tombstone alone, for an abort whose undo fails: until it is done, later steps
    /// must not take effect.
    pub(crate) fn entomb(&mut self, saga_id: SagaId, fact: Encoded) {
        if !self.ledger.is_aborted(saga_id) {
            self.add(saga_id, WHOLE_SAGA, Entry::Aborted, Some(fact));
        }
    }

    /// An event undoes one repetition of a step, while the saga goes on. Other keys are not
    /// touched.
    pub(crate) async fn undo_key(
        &mut self,
        saga: &SagaEntry,
        step: &str,
        key: &str,
        saga_id: SagaId,
        event: Encoded,
    ) -> Result<Effect, Failure> {
        let at = At { step, key };
        let known = self.ledger.is_undone(saga_id, step, key);
        if !known {
            self.add(saga_id, at, Entry::Aborted, Some(event));
        }
        if self.ledger.state(saga_id, step, key) == Some(Entry::Done) {
            self.undo_one(saga, at, saga_id).await?;
        }
        Ok(if known { Effect::Nothing } else { Effect::Handled })
    }

    /// The abort of several sagas arrived: their tombstones, and their undos in rounds. In each
    /// round every saga's latest step is undone; those of one bulk step at once.
    pub(crate) async fn abort_all(
        &mut self,
        saga: &SagaEntry,
        aborts: Vec<Item<Encoded>>,
    ) -> Result<Vec<Effect>, RunFailure> {
        let mut effects = Vec::with_capacity(aborts.len());
        for abort in &aborts {
            let known = self.ledger.is_aborted(abort.saga_id);
            effects.push(if known { Effect::Nothing } else { Effect::Handled });
            self.tx().enter(abort);
            self.entomb(abort.saga_id, abort.event.clone());
        }
        loop {
            let mut round: Vec<(String, Vec<(usize, Row)>)> = Vec::new();
            for (at, abort) in aborts.iter().enumerate() {
                let Some(row) = self.next_to_undo(saga, abort.saga_id) else { continue };
                match round.iter_mut().find(|(step, _)| *step == row.step) {
                    Some((_, rows)) => rows.push((at, row)),
                    None => round.push((row.step.clone(), vec![(at, row)])),
                }
            }
            if round.is_empty() {
                return Ok(effects);
            }
            for (step, rows) in round {
                self.undo_all(saga, &step, &aborts, rows).await?;
            }
        }
    }

    /// Undoes one step in several sagas.
    async fn undo_all(
        &mut self,
        saga: &SagaEntry,
        name: &str,
        aborts: &[Item<Encoded>],
        rows: Vec<(usize, Row)>,
    ) -> Result<(), RunFailure> {
        let engine = Arc::clone(&self.engine);
        let step = saga.steps.iter().find(|step| step.part().name == name);
        let Some(bulk) = step.and_then(|step| step.bulk()) else {
            for (at, row) in rows {
                let saga_id = aborts[at].saga_id;
                self.tx().enter(&aborts[at]);
                let undo = self.undo_one(saga, At { step: name, key: &row.key }, saga_id);
                limited(&engine, undo).await.map_err(|failure| RunFailure::of(at, failure))?;
            }
            return Ok(());
        };
        let mut done = Vec::with_capacity(rows.len());
        for (at, row) in &rows {
            let body = self.stored_body(aborts[*at].saga_id, row).await;
            done.push(aborts[*at].with(body.map_err(|failure| RunFailure::of(*at, failure))?));
        }
        let tx = BulkTx::new(self.tx());
        let undone = limited(&engine, bulk.undo_all(tx, done)).await?;
        for ((at, row), undone) in rows.iter().zip(undone) {
            self.tx().enter(&aborts[*at]);
            self.undone(aborts[*at].saga_id, At { step: name, key: &row.key }, undone);
        }
        Ok(())
    }

    /// Undoes this service's steps of an aborted saga, the latest first, one after the other, until
    /// none is left or a call is out. While one is out, its outcome takes the rest up.
    pub(crate) async fn undo_next(
        &mut self,
        saga: &SagaEntry,
        saga_id: SagaId,
    ) -> Result<(), Failure> {
        while let Some(row) = self.next_to_undo(saga, saga_id) {
            let at = At { step: &row.step, key: &row.key };
            if !self.undo_one(saga, at, saga_id).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Undoes a step that took effect; false if a call is out for it.
    pub(crate) async fn undo_one(
        &mut self,
        saga: &SagaEntry,
        at: At<'_>,
        saga_id: SagaId,
    ) -> Result<bool, Failure> {
        let Some(step) = saga.steps.iter().find(|step| step.part().name == at.step) else {
            return Err(unknown_step(at.step));
        };
        let done = self
            .ledger
            .rows(saga_id)
            .iter()
            .find(|row| row.step == at.step && row.key == at.key && row.entry == Entry::Done);
        let Some(done) = done.cloned() else { return Ok(true) };
        let done = self.stored_body(saga_id, &done).await?;
        match step.undo(self.tx(), &done).await? {
            AnyUndone::Call(request) => {
                self.add(saga_id, at, Entry::Undoing, None);
                self.call(saga_id, at, true, request);
                Ok(false)
            }
            undone @ (AnyUndone::With(_) | AnyUndone::Silently) => {
                self.undone(saga_id, at, undone);
                Ok(true)
            }
        }
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
    pub(crate) fn can_be_undone(&self, saga: &SagaEntry, name: &str) -> bool {
        if let Some(step) = saga.steps.iter().map(|step| step.part()).find(|part| part.name == name)
        {
            return matches!(step.kind, StepKind::Compensatable | StepKind::Pivot);
        }
        !self.engine.registry.has_step(name)
    }

    pub(crate) fn undone(&mut self, saga_id: SagaId, at: At<'_>, undone: AnyUndone) {
        let event = match undone {
            AnyUndone::With(event) => Some(event),
            AnyUndone::Silently | AnyUndone::Call(_) => None,
        };
        self.add(saga_id, at, Entry::Undone, event.clone());
        if let Some(event) = event {
            self.scope.emit(event);
        }
    }
}
