//! The rule for personal fields: an event that is kept for years has none without a reason.

use serde_json::Value;

use crate::contract::ServiceContract;
use crate::events::personal::{PERSONAL, PERSONAL_REASON};
use crate::rules::catalogue;
use crate::rules::problem::Problem;

/// Schemas may be nested, but not without end.
const DEEPEST: usize = 64;

/// The rule for the events and the telemetry of one contract. One that cannot be read has none.
pub(super) fn problems(contract: &ServiceContract) -> Vec<Problem> {
    let (service, mut problems) = (contract.service(), Vec::new());
    let events = contract.schemas().unwrap_or_default().into_iter();
    let events = events.map(|(event, schema)| (event.name(), event.service(), schema));
    let telemetry = contract.telemetry_schemas().unwrap_or_default().into_iter();
    let telemetry = telemetry.map(|(one, schema)| (one.name(), one.service(), schema));
    for (event, publisher, schema) in events.chain(telemetry) {
        // The publisher answers for the events that a consumer reads.
        if publisher != service {
            continue;
        }
        let mut fields = Vec::new();
        unexplained(schema.as_value(), &mut Vec::new(), DEEPEST, &mut fields);
        problems.extend(fields.into_iter().map(|field| Problem {
            rule: &catalogue::PERSONAL_REASON_GIVEN,
            service: service.to_owned(),
            of: event.to_owned(),
            detail: format!(
                "{field} of {event} is personal, and {event} is kept where nobody can erase it: leave the field \
                 out, or say with {PERSONAL_REASON} in its schema why it has to be there"
            ),
        }));
    }
    problems
}

/// The personal fields below a schema that have no reason. Those of a shared definition have its name.
fn unexplained<'a>(
    schema: &'a Value,
    path: &mut Vec<&'a str>,
    deep: usize,
    found: &mut Vec<String>,
) {
    if deep == 0 {
        return;
    }
    match schema {
        Value::Object(fields) => {
            let reason = fields.get(PERSONAL_REASON).and_then(Value::as_str);
            let is_explained = reason.is_some_and(|reason| !reason.trim().is_empty());
            if fields.get(PERSONAL) == Some(&Value::Bool(true)) && !is_explained {
                found.push(if path.is_empty() { "the body".to_owned() } else { path.join(".") });
            }
            for (name, below) in fields {
                let is_a_name = !matches!(
                    name.as_str(),
                    "properties" | "$defs" | "items" | "anyOf" | "oneOf" | "allOf"
                );
                if is_a_name {
                    path.push(name);
                }
                unexplained(below, path, deep - 1, found);
                if is_a_name {
                    path.pop();
                }
            }
        }
        Value::Array(choices) => {
            choices.iter().for_each(|choice| unexplained(choice, path, deep - 1, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use schemars::JsonSchema;
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::events::event::{Event, EventSchema, EventType};
    use crate::events::personal::Personal;
    use crate::parts::part::Part;

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Guest {
        name: Personal<String>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct GuestCame {
        guest: Option<Guest>,
        #[schemars(extend("x-personal-reason" = "the porter calls it out"))]
        title: Personal<String>,
    }

    impl Event for GuestCame {
        const TYPE: EventType = EventType::plain("door.guest_came.v1");
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Read {
        name: Personal<String>,
    }

    impl Event for Read {
        const TYPE: EventType = EventType::plain("desk.guest_announced.v1");
    }

    #[test]
    fn a_personal_field_of_an_own_event_needs_a_reason() {
        let part = Part { service: "door", publishes: vec![GuestCame::TYPE], ..Part::default() };
        let schemas = [EventSchema::of::<GuestCame>(), EventSchema::of::<Read>()];
        let problems = problems(&ServiceContract::new(&part, schemas));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].detail.starts_with("Guest.name of door.guest_came.v1 is personal"),
            "{}",
            problems[0]
        );
    }
}
