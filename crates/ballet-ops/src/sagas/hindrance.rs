//! The known causes outside of a saga that block it: a service that is paused or has no process, a provider that does
//! not answer, a missing binding, a broker that takes nothing. Sagas that wait there are blocked, not stuck.

use ballet_core::System;
use ballet_store::calls::open;
use ballet_store::operators::service_pause;
use ballet_store::process::Liveness;
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;

use crate::finding::Finding;

/// A cause that keeps the sagas that wait for a service, or for one of its steps, from going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

    /// Whether a saga that waits for this step of this service is kept from going on.
    #[must_use]
    pub fn hinders(&self, service: &str, step: Option<&str>) -> bool {
        self.service == service && (self.step.is_none() || self.step.as_deref() == step)
    }
}

/// Reads the hindrances in a service from its database.
///
/// # Errors
///
/// If the database does not answer.
pub async fn of_service(
    service: &str,
    alive: Liveness,
    db: &mut PgConnection,
) -> Result<Vec<Hindrance>, sqlx::Error> {
    if let Some(paused) = service_pause::now(db).await? {
        return Ok(vec![Hindrance::of_service(service, &format!("it is {paused}"))]);
    }
    match alive {
        Liveness::Yes => {}
        Liveness::Frozen(_) => {
            return Ok(vec![Hindrance::of_service(service, "its process gives no sign of life")]);
        }
        Liveness::No(_) => return Ok(vec![Hindrance::of_service(service, "it has no process")]),
    }
    // The provider of each of these steps is away.
    let away = |(step, error): (String, String)| {
        Hindrance::of_step(service, &step, &format!("all calls that it makes fail: {error}"))
    };
    Ok(open::failing(db).await?.into_iter().map(away).collect())
}

/// Returns the hindrances in the broker. `found` are the findings of a check of the broker.
#[must_use]
pub fn of_broker(system: &System, found: &[Finding]) -> Vec<Hindrance> {
    let mut all = Vec::new();
    let bad = || found.iter().filter(|finding| finding.state.needs_somebody());
    for alarm in bad().filter(|finding| ["memory", "disk"].contains(&finding.check)) {
        let services = system.parts.iter().map(|part| part.service);
        all.extend(services.map(|service| Hindrance::of_service(service, &alarm.found)));
    }
    for (queue, event) in bad().filter_map(|finding| finding.binding.as_ref()) {
        let parts = system.parts.iter().filter(|part| part.service == queue);
        let steps = parts.flat_map(|part| &part.sagas).flat_map(|saga| &saga.steps);
        let waiting = steps.filter(|step| step.on.iter().any(|on| on.name() == event));
        let why = format!("the binding that leads {event} to it is missing");
        all.extend(waiting.map(|step| Hindrance::of_step(queue, step.name, &why)));
    }
    all
}

#[cfg(test)]
mod tests {
    use ballet_core::{EventType, Part, SagaPart, StepKind, StepPart};

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
        let mut binding = Finding::bad("topology", "the broker", "a binding is missing", "");
        binding.binding = Some(("stock".to_owned(), placed.name().to_owned()));
        let places = |found: &[Finding]| {
            let found = of_broker(&system, found).into_iter();
            found.map(|one| (one.service, one.step)).collect::<Vec<_>>()
        };
        let reserve = ("stock".to_owned(), Some("reserve".to_owned()));
        assert_eq!(places(&[binding]), [reserve]);
        let disk = Finding::bad("disk", "rabbit@a", "the disk alarm is on", "make room");
        let all = ["orders", "stock"].map(|service| (service.to_owned(), None));
        assert_eq!(places(&[disk]), all);
        assert!(places(&[Finding::well("disk", "rabbit@a", "")]).is_empty());
    }
}
