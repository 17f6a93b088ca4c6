//! The note for money in floating-point numbers.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::contract::ServiceContract;
use crate::rules::catalogue;
use crate::rules::problem::Problem;

/// Schemas may be nested, but not without end.
const DEEPEST: usize = 64;

/// The notes for the events that the service publishes.
pub(super) fn notes(contract: &ServiceContract) -> Vec<Problem> {
    let (service, mut notes) = (contract.service(), Vec::new());
    let schemas = contract.schemas().unwrap_or_default();
    for (event, schema) in schemas.iter().filter(|(event, _)| event.service() == service) {
        let mut fields = BTreeSet::new();
        collect(schema.as_value(), DEEPEST, &mut fields);
        notes.extend(fields.into_iter().map(|field| Problem {
            rule: &catalogue::MONEY,
            service: service.to_owned(),
            of: format!("{event}/{field}"),
            detail: format!(
                "{field} of {event} may have a fraction, in which sums lose cents: carry minor units as a whole number"
            ),
        }));
    }
    notes
}

fn collect<'a>(schema: &'a Value, deep: usize, found: &mut BTreeSet<&'a str>) {
    let below: Vec<&Value> = match schema {
        _ if deep == 0 => return,
        Value::Object(keywords) => {
            let fields = keywords.get("properties").and_then(Value::as_object);
            let fields = fields.into_iter().flatten();
            let money = fields.filter(|(name, field)| is_money(name) && has_fraction(field));
            found.extend(money.map(|(name, _)| name.as_str()));
            keywords.values().collect()
        }
        Value::Array(choices) => choices.iter().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
    };
    below.into_iter().for_each(|below| collect(below, deep - 1, found));
}

/// Words after which a number is no money.
const MEASURES: [&str; 13] = [
    "percent", "pct", "rate", "ratio", "factor", "share", "index", "kg", "gram", "liter", "litre",
    "ml", "kwh",
];

/// `unit_price`, `price_per_kg` and `total` are; `total_distance` and `fee_percent` are not.
fn is_money(field: &str) -> bool {
    let field = field.split_once("_per_").map_or(field, |(what, _)| what);
    let last = field.rsplit('_').next().unwrap_or(field);
    let mut words = field.split('_').map(|word| word.trim_end_matches('s'));
    !MEASURES.iter().any(|measure| last.starts_with(measure))
        && (last == "total"
            || words.any(|word| matches!(word, "amount" | "price" | "cost" | "fee")))
}

fn has_fraction(field: &Value) -> bool {
    let step = field["multipleOf"].as_f64();
    if step.is_some_and(|step| step.fract() == 0.0) {
        return false;
    }
    match &field["type"] {
        Value::String(name) => name == "number",
        Value::Array(names) => names.iter().any(|name| name == "number"),
        _ => false,
    }
}
