//! The orders of the demo.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::cases::OrderCase;
use ballet_trials::{BegunSaga, CustomerSaga, CustomerSagas};
use reqwest::StatusCode;
use uuid::Uuid;

/// All orders that were placed. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct DemoOrders {
    sagas: CustomerSagas,
    /// The orders that ran alone in the shop.
    alone: Arc<Mutex<Vec<Uuid>>>,
}

impl DemoOrders {
    pub(crate) fn add(&self, id: Uuid, case: &OrderCase) {
        self.add_answered(id, case, None);
    }

    /// Adds an order with the answer to the customer who cancelled it.
    pub(crate) fn add_answered(&self, id: Uuid, case: &OrderCase, answer: Option<StatusCode>) {
        let begun = BegunSaga { saga: id, end: case.end.expected(answer) };
        self.sagas.add(case.name, begun, Instant::now());
    }

    /// Adds an order that runs alone in the shop.
    pub(crate) fn add_alone(&self, id: Uuid, case: &OrderCase) {
        self.alone.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        self.add(id, case);
    }

    pub(crate) fn all(&self) -> HashMap<Uuid, CustomerSaga> {
        self.sagas.all()
    }

    pub(crate) fn alone(&self) -> Vec<Uuid> {
        self.alone.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
