//! Whether a body fits a JSON schema. What does not fit is said as a dead letter's detail says it, because
//! whoever reads one has read the other: with its place, and in the words of JSON.

use ballet_core::MessageId;
use ballet_core::json::{in_words, wanted_in_words};
use jiff::Timestamp;
use regex::Regex;
use serde_json::{Number, Value};

use crate::takes::{of_format, types, values};

/// No body is nested so deep. A schema that refers to itself ends here.
const DEEPEST: usize = 128;

/// A part of a schema, with the whole that its references point into.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    whole: &'a Value,
    part: &'a Value,
    depth: usize,
}

/// What does not fit, each with its place.
pub(crate) fn faults(schema: &Value, body: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let top = Wanted { whole: schema, part: schema, depth: 0 };
    top.fit(body, "", &mut faults);
    faults
}

impl<'a> Wanted<'a> {
    fn at(self, part: &'a Value) -> Self {
        Self { part, depth: self.depth + 1, ..self }
    }

    fn list(self, keyword: &str) -> impl Iterator<Item = Self> {
        self.part[keyword].as_array().into_iter().flatten().map(move |part| self.at(part))
    }

    fn types(self) -> Vec<&'a str> {
        self.part.as_object().map(types).unwrap_or_default()
    }

    /// What the value has to be, in words; the type is one of those that are wanted.
    fn in_words(self, name: &str) -> String {
        match name {
            "integer" => {
                let (least, most) = self.bounds();
                format!("a whole number from {least} to {most}")
            }
            "number" => wanted_in_words("f64"),
            "boolean" => wanted_in_words("bool"),
            "array" => wanted_in_words("a sequence"),
            "object" => wanted_in_words("a map"),
            "null" => "null".to_owned(),
            _ if self.part["format"] == "uuid" => "a formatted UUID string".to_owned(),
            _ => wanted_in_words("string"),
        }
    }

    fn bounds(self) -> (i128, i128) {
        let widest = self.part["format"].as_str().and_then(of_format);
        let (least, most) = widest.unwrap_or((i64::MIN.into(), i64::MAX.into()));
        let bound = |keyword: &str| whole(&self.part[keyword]);
        (bound("minimum").unwrap_or(least), bound("maximum").unwrap_or(most))
    }

    fn size(self, keyword: &str) -> Option<u64> {
        self.part[keyword].as_u64()
    }

    fn fit(self, value: &Value, place: &str, faults: &mut Vec<String>) {
        if self.depth > DEEPEST || *self.part == Value::Bool(true) {
            return;
        }
        let referred = self.part["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
        if let Some(part) = referred.and_then(|pointer| self.whole.pointer(pointer)) {
            self.at(part).fit(value, place, faults);
        }
        let types = self.types();
        if !types.is_empty() && !types.iter().any(|name| is(value, name)) {
            let first = types.iter().find(|name| **name != "null").unwrap_or(&"null");
            return faults.push(unwanted(place, &self.in_words(first), value));
        }
        if let Some(known) = self.values().filter(|known| !known.contains(&value)) {
            return faults.push(none_of(place, value, &known));
        }
        for part in self.list("allOf") {
            part.fit(value, place, faults);
        }
        for choices in ["anyOf", "oneOf"] {
            Self::fit_one(self.list(choices).collect(), value, place, faults);
        }
        match value {
            Value::String(text) => faults.extend(self.fault_of_text(text, place)),
            Value::Number(_) if types.contains(&"integer") => {
                let (least, most) = self.bounds();
                if whole(value).is_none_or(|number| !(least..=most).contains(&number)) {
                    faults.push(unwanted(place, &self.in_words("integer"), value));
                }
            }
            Value::Number(number) => faults.extend(self.fault_of_number(number, place)),
            Value::Array(items) => self.fit_items(items, place, faults),
            Value::Object(fields) => {
                for name in self.part["required"].as_array().into_iter().flatten() {
                    if let Some(name) = name.as_str().filter(|name| !fields.contains_key(*name)) {
                        faults.push(format!("{}: it is missing", field(place, name)));
                    }
                }
                for (name, value) in fields {
                    let declared = self.part["properties"].get(name);
                    let rest = || self.part.get("additionalProperties");
                    if let Some(part) = declared.or_else(rest) {
                        self.at(part).fit(value, &field(place, name), faults);
                    }
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// The listed values, if there are such.
    fn values(self) -> Option<Vec<&'a Value>> {
        values(self.part.as_object()?)
    }

    /// Of several choices the value has to fit one. If it fits none, what is said is about the choice
    /// that comes closest.
    fn fit_one(choices: Vec<Self>, value: &Value, place: &str, faults: &mut Vec<String>) {
        if choices.is_empty() {
            return;
        }
        let listed: Vec<&Value> = choices.iter().filter_map(|one| one.values()).flatten().collect();
        let judged = choices.into_iter().map(|choice| {
            let mut faults = Vec::new();
            choice.fit(value, place, &mut faults);
            // That it may be null as well is no help.
            (choice.part["type"] == "null", faults)
        });
        let mut judged: Vec<_> = judged.collect();
        if judged.iter().any(|(_, faults)| faults.is_empty()) {
            return;
        }
        judged.sort_by_key(|(is_null, faults)| (*is_null, faults.len()));
        match value {
            Value::String(_) if listed.len() > 1 => faults.push(none_of(place, value, &listed)),
            _ => faults.extend(judged.into_iter().next().into_iter().flat_map(|(_, said)| said)),
        }
    }

    fn fit_items(self, items: &[Value], place: &str, faults: &mut Vec<String>) {
        let (least, most) = (self.size("minItems").unwrap_or(0), self.size("maxItems"));
        let size = items.len() as u64;
        if size < least || most.is_some_and(|most| size > most) {
            let wanted = between(least, most, "element");
            faults.push(said(place, &format!("an array of {wanted} is wanted, but it has {size}")));
        }
        if let Some(part) = self.part.get("items") {
            for (index, item) in items.iter().enumerate() {
                self.at(part).fit(item, &format!("{place}[{index}]"), faults);
            }
        }
    }

    fn fault_of_number(self, number: &Number, place: &str) -> Option<String> {
        let (least, most) = (self.part["minimum"].as_f64(), self.part["maximum"].as_f64());
        let number = number.as_f64()?;
        let bound = match (least, most) {
            (Some(least), _) if number < least => format!("not below {least}"),
            (_, Some(most)) if number > most => format!("not above {most}"),
            _ => return None,
        };
        Some(said(place, &format!("a number {bound} is wanted, but there is {number}")))
    }

    fn fault_of_text(self, text: &str, place: &str) -> Option<String> {
        let (least, most) = (self.size("minLength").unwrap_or(0), self.size("maxLength"));
        let size = text.chars().count() as u64;
        if size < least || most.is_some_and(|most| size > most) {
            let wanted = between(least, most, "character");
            return Some(said(
                place,
                &format!("a string of {wanted} is wanted, but it has {size}"),
            ));
        }
        let value = Value::from(text);
        match self.part["format"].as_str() {
            Some("uuid") if text.parse::<MessageId>().is_err() => {
                return Some(said(place, &in_words("UUID parsing failed")));
            }
            Some("date-time") if text.parse::<Timestamp>().is_err() => {
                let time = "a time as in RFC 3339, such as \"2026-01-31T12:00:00Z\",";
                return Some(unwanted(place, time, &value));
            }
            _ => {}
        }
        let pattern = self.part["pattern"].as_str()?;
        let fits = Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text));
        (!fits).then(|| unwanted(place, &format!("a string that matches `{pattern}`"), &value))
    }
}

fn is(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => whole(value).is_some(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    }
}

fn whole(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}

fn field(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

fn said(place: &str, what: &str) -> String {
    if place.is_empty() { what.to_owned() } else { format!("{place}: {what}") }
}

fn unwanted(place: &str, wanted: &str, value: &Value) -> String {
    let there = match value {
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        other => other.to_string(),
    };
    said(place, &format!("{wanted} is wanted, but there is {there}"))
}

fn none_of(place: &str, value: &Value, known: &[&Value]) -> String {
    let known: Vec<String> = known.iter().map(|one| format!("`{}`", plain(one))).collect();
    let between = if known.len() == 2 { " or " } else { ", " };
    said(place, &format!("`{}` is none of {}", plain(value), known.join(between)))
}

/// A text without its quotation marks, and other JSON as it is.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A number of things, in words.
fn between(least: u64, most: Option<u64>, thing: &str) -> String {
    let counted = |number: u64| match number {
        1 => format!("1 {thing}"),
        number => format!("{number} {thing}s"),
    };
    match most {
        Some(most) if most == least => counted(least),
        Some(most) => format!("{least} to {}", counted(most)),
        None => format!("{} or more", counted(least)),
    }
}

#[cfg(test)]
mod tests {
    use ballet_core::json;
    use schemars::{JsonSchema, schema_for};
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(rename_all = "snake_case")]
    enum Size {
        /// For one.
        Small,
        /// For two.
        Large,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only decoded")]
    struct Line {
        sku: String,
        quantity: u32,
        size: Option<Size>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only decoded")]
    struct Order {
        customer: uuid::Uuid,
        lines: Vec<Line>,
        gift: Option<bool>,
        total: i64,
        rate: f64,
    }

    /// The first fault is what a service says that decodes the same body.
    #[test]
    fn what_does_not_fit_is_said_as_a_service_says_it() {
        let schema = schema_for!(Order).to_value();
        let line = json!({ "sku": "mug", "quantity": 1, "size": "small" });
        let order = json!({ "customer": "0193f7a0-0000-7000-8000-00000000c001",
            "lines": [line, line], "gift": null, "total": -7, "rate": 1 });
        assert_eq!(faults(&schema, &order), [""; 0]);
        let decoded: Result<Order, _> = json::from_slice(order.to_string().as_bytes());
        decoded.expect("it fits");
        let wrong = [
            ("/lines/1/quantity", Some(json!("two"))),
            ("/lines/1/quantity", Some(json!(-1))),
            ("/lines/1/quantity", Some(json!(1.5))),
            ("/lines/1/quantity", Some(json!(4_294_967_296_u64))),
            ("/lines/0/size", Some(json!("tiny"))),
            ("/lines/0/sku", Some(json!(null))),
            ("/lines/0/sku", None),
            ("/lines/0", Some(json!([1, 2]))),
            ("/lines", Some(json!({}))),
            ("/customer", Some(json!("me"))),
            ("/customer", Some(json!(7))),
            ("/gift", Some(json!("yes"))),
            ("/total", Some(json!({}))),
            ("/rate", Some(json!("1"))),
            ("", Some(json!([]))),
            ("", Some(json!(7))),
        ];
        for (at, value) in wrong {
            let mut order = order.clone();
            match value {
                Some(value) => *order.pointer_mut(at).expect("a place") = value,
                None => {
                    let (parent, name) = at.rsplit_once('/').expect("a field");
                    let parent = order.pointer_mut(parent).expect("a place");
                    parent.as_object_mut().expect("an object").remove(name);
                }
            }
            let decoded: Result<Order, _> = json::from_slice(order.to_string().as_bytes());
            let told = decoded.expect_err(at).to_string();
            assert_eq!(faults(&schema, &order), [told], "{at}");
        }
    }

    #[test]
    fn what_only_a_schema_says_is_checked_too_and_all_of_it_is_said() {
        let schema = json!({
            "type": "object", "required": ["lines", "at"],
            "properties": {
                "lines": { "type": "array", "minItems": 1, "maxItems": 2,
                    "items": { "$ref": "#/$defs/Quantity" } },
                "at": { "type": "string", "format": "date-time" },
                "country": { "type": "string", "pattern": "^[A-Z]{2}$" },
                "name": { "type": "string", "minLength": 1, "maxLength": 3 },
                "tree": { "$ref": "#/$defs/Tree" },
            },
            "$defs": {
                "Quantity": { "type": "integer", "minimum": 1, "maximum": 10 },
                "Tree": { "anyOf": [{ "$ref": "#/$defs/Tree" }, { "type": "null" }] },
            },
        });
        let body =
            json!({ "lines": [0, 3, 11], "at": "now", "country": "de", "name": "", "tree": null });
        // Fields are in the order of the body only if serde_json is built so.
        let mut told = faults(&schema, &body);
        told.sort_unstable();
        assert_eq!(
            told,
            [
                "at: a time as in RFC 3339, such as \"2026-01-31T12:00:00Z\", is wanted, but there \
                 is \"now\"",
                "country: a string that matches `^[A-Z]{2}$` is wanted, but there is \"de\"",
                "lines: an array of 1 to 2 elements is wanted, but it has 3",
                "lines[0]: a whole number from 1 to 10 is wanted, but there is 0",
                "lines[2]: a whole number from 1 to 10 is wanted, but there is 11",
                "name: a string of 1 to 3 characters is wanted, but it has 0",
            ]
        );
        assert_eq!(faults(&schema, &json!({})), ["lines: it is missing", "at: it is missing"]);
    }
}
