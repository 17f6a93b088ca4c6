//! The orders that were placed, and whether each ended as it should.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

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
    /// When the customer placed it.
    pub(crate) placed_at: Instant,
}

impl Order {
    /// An order that is placed now.
    pub(crate) fn new(case: Case) -> Self {
        Self { case, cancel_status: None, placed_at: Instant::now() }
    }

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
    /// Those that had not ended at the last count.
    open: HashSet<Uuid>,
    /// Those that had the shop to themselves.
    alone: Vec<Uuid>,
}

impl Orders {
    pub(crate) fn add(&self, id: Uuid, order: Order) {
        let mut placed = self.lock();
        placed.all.insert(id, order);
        placed.open.insert(id);
    }

    /// Adds an order that has the shop to itself.
    pub(crate) fn add_alone(&self, id: Uuid, case: Case) {
        self.lock().alone.push(id);
        self.add(id, Order::new(case));
    }

    pub(crate) fn all(&self) -> HashMap<Uuid, Order> {
        self.lock().all.clone()
    }

    /// The number of orders that have not ended, and of all orders. It asks only about those that were
    /// open at the last count.
    pub(crate) fn open(&self, has_ended: impl Fn(Uuid) -> bool) -> (usize, usize) {
        let mut placed = self.lock();
        placed.open.retain(|id| !has_ended(*id));
        (placed.open.len(), placed.all.len())
    }

    pub(crate) fn alone(&self) -> Vec<Uuid> {
        self.lock().alone.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Placed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
