//! One version of a system's contracts, looked up by service.

use std::collections::BTreeSet;

use ballet_core::{EventType, Part, ServiceContract, TelemetryType};
use serde_json::Value;

use crate::contracts::Contracts;
use crate::contracts::bodies::{self, BodyType, schema_of, schemas};

pub(super) struct Promises {
    services: Vec<Promise>,
}

pub(super) struct Promise {
    pub(super) part: Part,
    schemas: Vec<(BodyType<'static>, Value)>,
    telemetry: Vec<TelemetryType>,
}

impl Promises {
    pub(super) fn of(contracts: &Contracts) -> Self {
        let parts = contracts.system().parts.iter();
        let promise = |(part, contract): (&Part, &ServiceContract)| Promise {
            part: part.clone(),
            schemas: schemas(contract),
            telemetry: bodies::telemetry(contract).map(|(one, _)| one).collect(),
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

    pub(super) fn is_published(&self, what: BodyType<'_>) -> bool {
        self.services().any(|promise| what.is_written_by(&promise.part))
    }

    /// Returns the event as declared by the service that it is named after, or else by any other.
    pub(super) fn declared(&self, event: EventType) -> Option<EventType> {
        let mut named: Vec<&Promise> = self.services().collect();
        named.sort_by_key(|promise| promise.part.service != event.service());
        named.into_iter().find_map(|promise| promise.event(event))
    }

    /// Declared by the same service.
    pub(super) fn body(&self, event: EventType) -> Option<&Value> {
        let mut named: Vec<&Promise> = self.services().collect();
        named.sort_by_key(|promise| promise.part.service != event.service());
        named.into_iter().find_map(|promise| promise.schema(BodyType::Event(event)))
    }

    pub(super) fn telemetry(&self) -> BTreeSet<&'static str> {
        self.services().flat_map(Promise::telemetry).map(|one| one.name()).collect()
    }

    pub(super) fn read_by(&self, what: BodyType<'_>) -> BTreeSet<&'static str> {
        let reads = self.services().filter(|one| what.is_read_by(&one.part));
        reads.map(|one| one.part.service).collect()
    }

    pub(super) fn events(&self) -> BTreeSet<EventType> {
        self.services().flat_map(Promise::events).collect()
    }

    pub(super) fn bodies(&self) -> impl Iterator<Item = BodyType<'static>> {
        self.services().flat_map(|promise| &promise.schemas).map(|(what, _)| *what)
    }
}

impl Promise {
    pub(super) fn schema(&self, what: BodyType<'_>) -> Option<&Value> {
        schema_of(&self.schemas, what)
    }

    pub(super) fn event(&self, event: EventType) -> Option<EventType> {
        self.events().find(|known| *known == event)
    }

    pub(super) fn events(&self) -> impl Iterator<Item = EventType> {
        self.schemas.iter().filter_map(|(what, _)| match what {
            BodyType::Event(event) => Some(*event),
            BodyType::Telemetry(_) => None,
        })
    }

    pub(super) fn telemetry(&self) -> impl Iterator<Item = TelemetryType> {
        self.telemetry.iter().copied()
    }

    pub(super) fn writes(&self, what: BodyType<'_>) -> Option<&Value> {
        self.schema(what).filter(|_| what.is_written_by(&self.part))
    }

    /// Returns the schema of a body that it reads. A step's compensation reads the step's outcome from the ledger.
    pub(super) fn reads(&self, what: BodyType<'_>) -> Option<&Value> {
        let of_ledger = || {
            let mut steps = self.part.sagas.iter().flat_map(|saga| &saga.steps);
            steps.any(|step| BodyType::Event(step.done) == what && step.kind.can_be_compensated())
        };
        self.schema(what).filter(|_| what.is_read_by(&self.part) || of_ledger())
    }

    /// The states in other events have the type of these pages.
    pub(super) fn keeps(&self, what: BodyType<'_>) -> Option<&Value> {
        let is_page = || {
            let mut copies = self.part.copies.iter();
            copies.any(|copy| BodyType::Event(copy.republished) == what)
        };
        self.schema(what).filter(|_| is_page())
    }
}
