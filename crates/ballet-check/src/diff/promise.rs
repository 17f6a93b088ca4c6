//! What one version of a system's contracts says about events, looked up by service.

use std::collections::BTreeSet;

use ballet_core::{EventType, Key, Part, ServiceContract};
use serde_json::Value;

use crate::bodies::{of, schemas};
use crate::contracts::Contracts;

/// One version of a system's contracts.
pub(super) struct Promises {
    services: Vec<Promise>,
}

/// The contract of one service.
pub(super) struct Promise {
    pub(super) part: Part,
    schemas: Vec<(EventType, Value)>,
    keys: Vec<(EventType, Key)>,
}

impl Promises {
    pub(super) fn of(contracts: &Contracts) -> Self {
        let parts = contracts.system().parts.iter();
        let promise = |(part, contract): (&Part, &ServiceContract)| Promise {
            part: part.clone(),
            schemas: schemas(contract),
            keys: contract.keys().unwrap_or_default(),
        };
        Self { services: parts.zip(contracts.contracts()).map(promise).collect() }
    }

    pub(super) fn service(&self, name: &str) -> Option<&Promise> {
        self.services.iter().find(|promise| promise.part.service == name)
    }

    pub(super) fn services(&self) -> impl Iterator<Item = &Promise> {
        self.services.iter()
    }

    pub(super) fn names(&self) -> BTreeSet<&'static str> {
        self.services.iter().map(|promise| promise.part.service).collect()
    }

    /// Whether a service publishes the event.
    pub(super) fn is_published(&self, event: EventType) -> bool {
        self.services().any(|promise| promise.part.emits().contains(&event))
    }

    /// The event as the service declares it that the event is named after, or any other that names it.
    pub(super) fn declared(&self, event: EventType) -> Option<EventType> {
        let mut named: Vec<&Promise> = self.services().collect();
        named.sort_by_key(|promise| promise.part.service != event.service());
        named.into_iter().find_map(|promise| promise.event(event))
    }

    /// The body of the event, likewise.
    pub(super) fn body(&self, event: EventType) -> Option<&Value> {
        let mut named: Vec<&Promise> = self.services().collect();
        named.sort_by_key(|promise| promise.part.service != event.service());
        named.into_iter().find_map(|promise| promise.schema(event))
    }

    /// All events that are named.
    pub(super) fn events(&self) -> BTreeSet<EventType> {
        let all = self.services().flat_map(|promise| &promise.schemas);
        all.map(|(event, _)| *event).collect()
    }
}

impl Promise {
    pub(super) fn schema(&self, event: EventType) -> Option<&Value> {
        of(&self.schemas, event)
    }

    /// The event as this service declares it.
    pub(super) fn event(&self, event: EventType) -> Option<EventType> {
        self.schemas.iter().map(|(known, _)| *known).find(|known| *known == event)
    }

    /// The business keys that it declares of the event.
    pub(super) fn keys(&self, event: EventType) -> Vec<Key> {
        self.keys.iter().filter(|(of, _)| *of == event).map(|(_, key)| *key).collect()
    }

    /// The events that it names.
    pub(super) fn events(&self) -> impl Iterator<Item = EventType> {
        self.schemas.iter().map(|(event, _)| *event)
    }

    /// What it writes of the event.
    pub(super) fn writes(&self, event: EventType) -> Option<&Value> {
        self.schema(event).filter(|_| self.part.emits().contains(&event))
    }

    /// What it reads of the event. The compensation of a step reads the step's outcome from the
    /// ledger.
    pub(super) fn reads(&self, event: EventType) -> Option<&Value> {
        let of_ledger = || {
            let mut steps = self.part.sagas.iter().flat_map(|saga| &saga.steps);
            steps.any(|step| step.done == event && step.compensated.is_some())
        };
        self.schema(event).filter(|_| self.part.consumes().contains(&event) || of_ledger())
    }
}
