//! One event of a bulk run, with its saga.

use std::ops::Deref;

use ballet_core::{AnyEvent, MessageId, SagaId};
use ballet_store::trace::Trace;

use crate::declare::handler::failure::Failure;

/// One event of a run, with its saga. It dereferences to the event.
#[derive(Debug)]
pub struct Item<E> {
    /// The saga of the event.
    pub saga_id: SagaId,
    /// The event.
    pub event: E,
    pub(crate) lineage: Lineage,
}

#[derive(Debug, Clone)]
pub(crate) struct Lineage {
    pub(crate) cause: Option<MessageId>,
    /// The span of the work on the item.
    pub(crate) trace: Option<Trace>,
}

impl<E> Deref for Item<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.event
    }
}

impl<E> Item<E> {
    /// Creates an item that nothing is emitted for.
    pub(crate) fn of_saga(saga_id: SagaId, event: E) -> Self {
        Self { saga_id, event, lineage: Lineage { cause: None, trace: None } }
    }

    pub(crate) fn with<T>(&self, event: T) -> Item<T> {
        Item { saga_id: self.saga_id, event, lineage: self.lineage.clone() }
    }

    pub(crate) fn try_map<T>(
        self,
        turn: impl FnOnce(E) -> Result<T, Failure>,
    ) -> Result<Item<T>, Failure> {
        let Self { saga_id, event, lineage } = self;
        Ok(Item { saga_id, event: turn(event)?, lineage })
    }
}

impl<'a> Item<&'a AnyEvent> {
    pub(crate) fn downcast<E: 'static>(&self) -> Option<Item<&'a E>> {
        Some(self.with(self.event.downcast_ref()?))
    }
}
