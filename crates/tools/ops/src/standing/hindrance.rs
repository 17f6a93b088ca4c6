//! Where a known cause outside of a saga blocks it. Such sagas are blocked, not stuck.

use ballet_core::System;

use crate::standing::finding::{Finding, Hinders};

/// A cause that blocks the sagas waiting for a service or one of its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hindrance {
    /// The service.
    pub service: String,
    /// The step. `None` for the whole service.
    pub step: Option<String>,
    /// The cause, as a sentence.
    pub why: String,
}

impl Hindrance {
    fn of_service(service: &str, why: &str) -> Self {
        Self { service: service.to_owned(), step: None, why: why.to_owned() }
    }

    fn of_step(service: &str, step: &str, why: &str) -> Self {
        Self { step: Some(step.to_owned()), ..Self::of_service(service, why) }
    }

    /// Whether it blocks a saga that waits for this step of this service.
    #[must_use]
    pub fn hinders(&self, service: &str, step: Option<&str>) -> bool {
        self.service == service && (self.step.is_none() || self.step.as_deref() == step)
    }
}

/// Returns what these findings block.
#[must_use]
pub fn hindrances(system: &System, found: &[Finding]) -> Vec<Hindrance> {
    let mut all = Vec::new();
    for Finding { cause, found, hinders, .. } in found {
        let why = format!("{cause}: {found}");
        match hinders {
            Hinders::Nothing => {}
            Hinders::All => {
                let services = system.parts.iter().map(|part| part.service);
                all.extend(services.map(|service| Hindrance::of_service(service, &why)));
            }
            Hinders::Service(service) => all.push(Hindrance::of_service(service, &why)),
            Hinders::Step(service, step) => all.push(Hindrance::of_step(service, step, &why)),
            Hinders::Event(queue, event) => {
                let parts = system.parts.iter().filter(|part| part.service == queue);
                let steps = parts.flat_map(|part| &part.sagas).flat_map(|saga| &saga.steps);
                let waiting = steps.filter(|step| step.on.iter().any(|on| on.name() == event));
                all.extend(waiting.map(|step| Hindrance::of_step(queue, step.name, &why)));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use ballet_core::{Cause, EventType, Part, SagaPart, StepKind, StepPart};

    use super::*;

    #[test]
    fn an_alarm_hinders_all_and_a_missing_binding_the_steps_that_wait_for_its_event() {
        let placed = EventType::in_saga("orders.placed.v1");
        let done = EventType::in_saga("stock.reserved.v1");
        let step = StepPart::new("reserve", StepKind::Compensatable, vec![placed], done);
        let saga = SagaPart::new("order", "orders", vec![step]);
        let stock = Part { service: "stock", sagas: vec![saga], ..Part::default() };
        let orders = Part { service: "orders", ..Part::default() };
        let system = System { name: "shop", parts: vec![orders, stock] };
        let found = |cause, hinders| {
            hindrances(&system, &[Finding::bad(cause, "it", "", "").hinders(hinders)])
                .into_iter()
                .map(|one| (one.service, one.step))
                .collect::<Vec<_>>()
        };
        let (queue, event) = ("stock".to_owned(), placed.name().to_owned());
        let reserve = ("stock".to_owned(), Some("reserve".to_owned()));
        assert_eq!(found(Cause::Binding, Hinders::Event(queue, event)), [reserve]);
        let all = ["orders", "stock"].map(|service| (service.to_owned(), None));
        assert_eq!(found(Cause::Disk, Hinders::All), all);
        assert!(found(Cause::Disk, Hinders::Nothing).is_empty());
    }
}
