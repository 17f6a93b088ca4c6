//! What there is of a saga at rest.

use std::collections::{BTreeMap, BTreeSet};

use ballet::Event;

#[derive(Debug, Default, Clone)]
pub(crate) struct SagaFacts {
    pub(crate) ledger: Vec<LedgerFact>,
    /// Step, whether for its undo, whether closed.
    pub(crate) calls: Vec<(String, bool, bool)>,
    /// Ids of published messages: of events by type; of dead letters and retries by exchange and service.
    pub(crate) told: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Debug, Clone)]
pub(crate) struct LedgerFact {
    pub(crate) step: String,
    pub(crate) entry: String,
    pub(crate) ordinal: i32,
}

impl SagaFacts {
    pub(crate) fn told<E: Event>(&self) -> usize {
        self.told.get(E::TYPE.name()).map_or(0, BTreeSet::len)
    }

    pub(crate) fn entry(&self, step: &str, entry: &str) -> Option<i32> {
        let row = self.ledger.iter().find(|row| row.step == step && row.entry == entry);
        row.map(|row| row.ordinal)
    }
}
