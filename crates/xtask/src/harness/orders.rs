//! The orders that were placed, and whether each ended as it should.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reqwest::StatusCode;
use shop_events::orders::CancelReason;
use uuid::Uuid;

use crate::harness::cases::{Case, End};
use crate::harness::journal::Ended;

/// An order that was placed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    pub(crate) case: Case,
    /// The answer to the customer who cancelled it.
    pub(crate) cancel_status: Option<StatusCode>,
}

impl Order {
    /// Whether the order ended as it should. A cancellation that was confirmed must hold.
    pub(crate) fn ended_as_expected(&self, ended: Option<&Ended>) -> bool {
        let reason = match (self.case.end, self.cancel_status) {
            (End::Completed, _) | (End::CustomerCancels(_), Some(StatusCode::CONFLICT)) => None,
            (End::Cancelled(reason), _) => Some(reason),
            (End::CustomerCancels(_), _) => Some(CancelReason::CustomerCancelled),
        };
        match ended {
            Some(Ended::Completed) => reason.is_none(),
            Some(Ended::Cancelled { reason: found }) => {
                reason.is_some_and(|reason| in_event(reason) == *found)
            }
            None => false,
        }
    }
}

/// A reason as it is written in the event.
pub(crate) fn in_event(reason: CancelReason) -> serde_json::Value {
    serde_json::to_value(reason).unwrap_or_default()
}

/// All orders that were placed, by id. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Orders(Arc<Mutex<Placed>>);

#[derive(Debug, Default)]
struct Placed {
    all: HashMap<Uuid, Order>,
    /// Those that had the shop to themselves.
    alone: Vec<Uuid>,
}

impl Orders {
    pub(crate) fn add(&self, id: Uuid, case: Case, cancel_status: Option<StatusCode>) {
        self.lock().all.insert(id, Order { case, cancel_status });
    }

    /// Adds an order that has the shop to itself.
    pub(crate) fn add_alone(&self, id: Uuid, case: Case) {
        self.lock().alone.push(id);
        self.add(id, case, None);
    }

    pub(crate) fn all(&self) -> HashMap<Uuid, Order> {
        self.lock().all.clone()
    }

    /// The number of orders that match, and of all orders.
    pub(crate) fn count(&self, matches: impl Fn(Uuid) -> bool) -> (usize, usize) {
        let placed = self.lock();
        (placed.all.keys().filter(|id| matches(**id)).count(), placed.all.len())
    }

    pub(crate) fn alone(&self) -> Vec<Uuid> {
        self.lock().alone.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Placed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
