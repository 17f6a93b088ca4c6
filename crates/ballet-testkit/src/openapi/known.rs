//! Values that occurred in answers, by their names.

use std::collections::BTreeMap;

use fastrand::Rng;
use serde_json::Value;

use crate::openapi::document::Parameter;

/// The most that are remembered of each name.
const REMEMBERED: usize = 50;

/// The values that occurred.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<String, Vec<Value>>);

impl Known {
    /// Remembers the plain values in an answer.
    pub(super) fn learn(&mut self, value: &Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            Value::Object(object) => {
                for (name, value) in object {
                    self.learn(value);
                    // The way to the next page.
                    let name = if name == "next" { "after" } else { name };
                    let known = self.0.entry(name.to_owned()).or_default();
                    let is_plain = value.is_string() || value.is_number();
                    if is_plain && known.len() < REMEMBERED && !known.contains(value) {
                        known.push(value.clone());
                    }
                }
            }
            _ => {}
        }
    }

    /// A value of the parameter's name, if the one that is drawn fits.
    pub(super) fn any(&self, parameter: &Parameter<'_>, dice: &mut Rng) -> Option<&Value> {
        let known = self.0.get(parameter.name).map(Vec::as_slice).unwrap_or_default();
        dice.choice(known).filter(|value| parameter.schema.takes(value))
    }
}
