//! One event of a run, with its saga.

use std::ops::Deref;

use ballet_core::{AnyEvent, MessageId, SagaId};

use crate::declare::failure::Failure;
use crate::declare::trace_context::TraceContext;

/// One of a run: an event, and whose it is. It can be used like the event.
#[derive(Debug)]
pub struct Item<E> {
    /// The saga that is worked on.
    pub saga_id: SagaId,
    /// The event.
    pub event: E,
    pub(crate) lineage: Lineage,
}

/// What is emitted for an item is caused by this.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lineage {
    pub(crate) cause: Option<MessageId>,
    /// The span under which it is worked on.
    pub(crate) trace: Option<TraceContext>,
}

impl<E> Deref for Item<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.event
    }
}

impl<E> Item<E> {
    /// Something of a saga that nothing is emitted for.
    pub(crate) fn of_saga(saga_id: SagaId, event: E) -> Self {
        Self { saga_id, event, lineage: Lineage { cause: None, trace: None } }
    }

    /// Something else of the same saga and message.
    pub(crate) fn with<T>(&self, event: T) -> Item<T> {
        Item { saga_id: self.saga_id, event, lineage: self.lineage }
    }

    /// The same item with what its event is turned into.
    pub(crate) fn try_map<T>(
        self,
        turn: impl FnOnce(E) -> Result<T, Failure>,
    ) -> Result<Item<T>, Failure> {
        let Self { saga_id, event, lineage } = self;
        Ok(Item { saga_id, event: turn(event)?, lineage })
    }
}

impl<'a> Item<&'a AnyEvent> {
    /// The same item with its event as what it is.
    pub(crate) fn downcast<E: 'static>(&self) -> Option<Item<&'a E>> {
        Some(self.with(self.event.downcast_ref()?))
    }
}
