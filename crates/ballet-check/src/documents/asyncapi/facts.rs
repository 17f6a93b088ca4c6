//! The uses of an event in a service for which AsyncAPI has no field.

use ballet_core::{EventType, Part, Runs};
use serde_json::{Value, json};

/// Returns the purposes for which the service publishes the event.
pub(super) fn of_sent(part: &Part, event: EventType) -> Vec<Value> {
    let mut facts = Vec::new();
    for saga in &part.sagas {
        for step in &saga.steps {
            let says = [
                (Some(step.done), "done"),
                (step.refused, "refused"),
                (step.compensated, "compensated"),
            ];
            let says = says.into_iter().filter(|(said, _)| *said == Some(event));
            facts.extend(says.map(|(_, outcome)| {
                json!({ "saga": saga.saga, "step": step.name, "kind": step.kind, "outcome": outcome })
            }));
        }
        if saga.owner == part.service && saga.abort == Some(event) {
            facts.push(json!({ "saga": saga.saga, "aborts": true }));
        }
        if let Some(deadline) = saga.deadline.filter(|deadline| deadline.passed == event) {
            let after = deadline.after.to_string();
            facts.push(json!({ "saga": saga.saga, "deadline": after }));
        }
    }
    let shares = part.shares.iter().filter(|share| share.republished == event);
    facts.extend(shares.map(|share| json!({ "republishes": share.entity })));
    let asks = part.copies.iter().filter(|copy| copy.request == Some(event));
    facts.extend(asks.map(|copy| json!({ "asks_for": copy.entity, "of": copy.owner })));
    facts
}

/// Returns the purposes for which the service consumes the event.
pub(super) fn of_received(part: &Part, event: EventType) -> Vec<Value> {
    let mut facts = Vec::new();
    for saga in &part.sagas {
        for step in saga.steps.iter().filter(|step| step.on.contains(&event)) {
            let mut fact = json!({ "saga": saga.saga, "step": step.name, "kind": step.kind, "triggers": true });
            let others = step.on.iter().filter(|other| **other != event);
            let others: Vec<&str> = others.map(EventType::name).collect();
            if !others.is_empty() {
                fact["joined_with"] = json!(others);
            }
            match step.runs {
                Runs::Here => {}
                Runs::CallsOutside => fact["calls_outside"] = json!(true),
                Runs::StaysOpen => fact["stays_open"] = json!(true),
            }
            facts.push(fact);
        }
        for step in saga.steps.iter().filter(|step| step.compensated_by.contains(&event)) {
            facts.push(json!({ "saga": saga.saga, "step": step.name, "compensates": true }));
        }
        if saga.owner != part.service && saga.abort == Some(event) {
            let steps = saga.steps.iter().rev().filter(|step| step.compensated.is_some());
            let steps: Vec<&str> = steps.map(|step| step.name).collect();
            facts.push(json!({ "saga": saga.saga, "compensates_steps": steps }));
        }
        if saga.aborts_on.contains(&event)
            || saga.deadline.is_some_and(|deadline| deadline.passed == event)
        {
            facts.push(json!({ "saga": saga.saga, "aborts": true }));
        }
    }
    let projections = part.subscriptions.iter().filter(|one| one.on == event);
    facts.extend(projections.map(|one| json!({ "projection": one.name })));
    for copy in &part.copies {
        if copy.republished == event || copy.fed_by.contains(&event) {
            facts.push(json!({ "copy": copy.entity, "of": copy.owner }));
        }
    }
    let asked = part.shares.iter().filter(|share| share.requests.contains(&event));
    facts.extend(asked.map(|share| json!({ "shares": share.entity })));
    facts
}
