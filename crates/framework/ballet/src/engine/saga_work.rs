//! A transaction at work in one saga.

use ballet_core::{MessageId, SagaId};
use ballet_store::calls::key::{CallKey, CallPurpose};
use ballet_store::calls::stored::NewCall;
use ballet_store::ledger::entry::{Entry, StepKey};
use ballet_store::ledger::event::EncodedEvent;
use ballet_store::ledger::rows::{LedgerRow, NewRow};

use crate::declare::handler::failure::Failure;
use crate::declare::handler::item::Item;
use crate::declare::handler::tx::Tx;
use crate::declare::participant::saga_entry::SagaEntry;
use crate::engine::transaction::Transaction;

pub(crate) struct SagaWork<'t, 'db> {
    pub(crate) transaction: &'t mut Transaction<'db>,
    pub(crate) saga: &'t SagaEntry,
    pub(crate) saga_id: SagaId,
}

impl<'t, 'db> SagaWork<'t, 'db> {
    pub(crate) const fn new(
        transaction: &'t mut Transaction<'db>,
        saga: &'t SagaEntry,
        saga_id: SagaId,
    ) -> Self {
        Self { transaction, saga, saga_id }
    }

    pub(crate) fn tx(&mut self) -> Tx<'_> {
        self.transaction.tx()
    }

    pub(crate) fn item<T>(&self, event: T) -> Item<T> {
        let lineage = self.transaction.scope.lineage();
        Item { saga_id: self.saga_id, event, lineage }
    }

    /// The rows under the saga's id. Another saga may have the same.
    pub(crate) fn all_rows(&self) -> &[LedgerRow] {
        self.transaction.ledger.rows(self.saga_id)
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &LedgerRow> {
        self.all_rows().iter().filter(move |row| self.is_of_saga(row))
    }

    fn is_of_saga(&self, row: &LedgerRow) -> bool {
        self.transaction.engine.registry.is_of(self.saga, row)
    }

    pub(crate) fn state(&self, at: StepKey<'_>) -> Option<Entry> {
        self.transaction.ledger.state(self.saga_id, at.step, at.key)
    }

    /// The tombstone has no step and covers all of them.
    pub(crate) fn is_aborted(&self) -> bool {
        let mut aborted = self.all_rows().iter().filter(|row| row.entry == Entry::Aborted);
        aborted.any(|row| row.step.is_empty() && self.is_of_saga(row))
    }

    /// Whether one repetition of a step, or the whole saga, is to be undone.
    pub(crate) fn is_taken_back(&self, at: StepKey<'_>) -> bool {
        let of_key = |row: &LedgerRow| row.step == at.step && row.key == at.key;
        self.all_rows().iter().any(|row| row.entry == Entry::Aborted && of_key(row))
            || self.is_aborted()
    }

    pub(crate) fn add(&mut self, at: StepKey<'_>, entry: Entry, event: Option<EncodedEvent>) {
        self.add_row(at, entry, "", event, None);
    }

    pub(crate) fn add_row(
        &mut self,
        StepKey { step, key }: StepKey<'_>,
        entry: Entry,
        arrived: &str,
        event: Option<EncodedEvent>,
        emitted: Option<MessageId>,
    ) {
        let cause = self.transaction.scope.cause;
        let row = NewRow { step, key, entry, arrived, event, emitted, cause };
        self.transaction.ledger.add(self.saga_id, row);
    }

    pub(crate) fn tell(&mut self, at: StepKey<'_>, entry: Entry, event: EncodedEvent) -> MessageId {
        let id = self.transaction.scope.draw();
        self.add_row(at, entry, "", Some(event.clone()), Some(id));
        self.transaction.scope.emit_as(id, event);
        id
    }

    /// Requests a call, whose row in the ledger has been added.
    pub(crate) fn call(&mut self, at: StepKey<'_>, undo: bool, request: String) {
        let Self { transaction, saga, saga_id } = self;
        let (saga_id, scope) = (*saga_id, &transaction.scope);
        let entry = if undo { Entry::Compensating } else { Entry::Calling };
        let purpose = CallPurpose {
            service: transaction.engine.registry.service,
            saga: saga.saga,
            saga_id,
            step: at.step,
            step_key: at.key,
            undo,
            ordinal: transaction.ledger.count(saga_id, at, entry).saturating_sub(1),
        };
        transaction.calls.push(NewCall {
            key: CallKey::of(purpose),
            saga_id,
            step: at.step.to_owned(),
            step_key: at.key.to_owned(),
            undo,
            request,
            cause: scope.cause,
            trace: scope.trace.clone(),
            asked_since: scope.now,
            attempts: 0,
            is_repeated: false,
            is_stored: false,
            given: None,
        });
    }

    pub(crate) async fn stored_body(&mut self, row: &LedgerRow) -> Result<String, Failure> {
        let saga_id = self.saga_id;
        let (db, ledger) = self.transaction.db_and_ledger();
        ledger.body(db, saga_id, row).await?.ok_or_else(|| {
            let (entry, step) = (row.entry.as_str(), &row.step);
            Failure::permanent(format!(
                "the ledger has no event for {entry} {step} of saga {saga_id}"
            ))
        })
    }
}
