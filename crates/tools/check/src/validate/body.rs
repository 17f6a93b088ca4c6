//! Checks a body against a JSON schema. Faults name the place in JSON's terms.

use ballet_core::MessageId;
use jiff::Timestamp;
use regex::Regex;
use serde_json::{Number, Value};

use crate::takes::{is_a, of_format, type_of, types, values};

/// Ends a schema that refers to itself.
const DEEPEST: usize = 128;

#[derive(Clone, Copy)]
struct BodySchema<'a> {
    whole: &'a Value,
    part: &'a Value,
    depth: usize,
}

pub(crate) fn faults(schema: &Value, body: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let top = BodySchema { whole: schema, part: schema, depth: 0 };
    top.fit(body, "", &mut faults);
    faults
}

impl<'a> BodySchema<'a> {
    fn at(self, part: &'a Value) -> Self {
        Self { part, depth: self.depth + 1, ..self }
    }

    fn list(self, keyword: &str) -> impl Iterator<Item = Self> {
        self.part[keyword].as_array().into_iter().flatten().map(move |part| self.at(part))
    }

    fn types(self) -> Vec<&'a str> {
        self.part.as_object().map(types).unwrap_or_default()
    }

    /// `name` is one of the schema's types.
    fn in_words(self, name: &str) -> String {
        match name {
            "integer" => {
                let (least, most) = self.bounds();
                format!("a whole number from {least} to {most}")
            }
            "number" => "a number".to_owned(),
            "boolean" => "true or false".to_owned(),
            "array" => "an array".to_owned(),
            "object" => "an object".to_owned(),
            "null" => "null".to_owned(),
            _ if self.part["format"] == "uuid" => "a formatted UUID string".to_owned(),
            _ => "a string".to_owned(),
        }
    }

    fn bounds(self) -> (i128, i128) {
        let widest = self.part["format"].as_str().and_then(of_format);
        let (least, most) = widest.unwrap_or((i64::MIN.into(), i64::MAX.into()));
        let bound = |keyword: &str| as_whole_number(&self.part[keyword]);
        let above = bound("exclusiveMinimum").map(|bound| bound + 1);
        let below = bound("exclusiveMaximum").map(|bound| bound - 1);
        (
            bound("minimum").into_iter().chain(above).max().unwrap_or(least),
            bound("maximum").into_iter().chain(below).min().unwrap_or(most),
        )
    }

    fn size(self, keyword: &str) -> Option<u64> {
        self.part[keyword].as_u64()
    }

    fn fit(self, value: &Value, place: &str, faults: &mut Vec<String>) {
        if self.depth > DEEPEST || *self.part == Value::Bool(true) {
            return;
        }
        if *self.part == Value::Bool(false) {
            return faults.push(fault(
                place,
                &format!("no value is wanted here, but there is {}", there(value)),
            ));
        }
        let referred = self.part["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
        if let Some(part) = referred.and_then(|pointer| self.whole.pointer(pointer)) {
            self.at(part).fit(value, place, faults);
        }
        let types = self.types();
        if !types.is_empty() && !types.iter().any(|name| is_a(type_of(value), name)) {
            let first = types.iter().find(|name| **name != "null").unwrap_or(&"null");
            return faults.push(unwanted(place, &self.in_words(first), value));
        }
        if let Some(known) = self.values().filter(|known| !known.contains(&value)) {
            return faults.push(none_of(place, &known));
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
                if as_whole_number(value).is_none_or(|number| !(least..=most).contains(&number)) {
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
                    self.fit_field(name, value, &field(place, name), faults);
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn values(self) -> Option<Vec<&'a Value>> {
        values(self.part.as_object()?)
    }

    /// If the value fits none, the faults are the closest choice's.
    fn fit_one(choices: Vec<Self>, value: &Value, place: &str, faults: &mut Vec<String>) {
        if choices.is_empty() {
            return;
        }
        let listed: Vec<&Value> = choices.iter().filter_map(|one| one.values()).flatten().collect();
        let judged = choices.into_iter().map(|choice| {
            let mut faults = Vec::new();
            choice.fit(value, place, &mut faults);
            // The choice of null does not help.
            (choice.part["type"] == "null", faults)
        });
        let mut judged: Vec<_> = judged.collect();
        if judged.iter().any(|(_, faults)| faults.is_empty()) {
            return;
        }
        judged.sort_by_key(|(is_null, faults)| (*is_null, faults.len()));
        match value {
            Value::String(_) if listed.len() > 1 => faults.push(none_of(place, &listed)),
            _ => faults.extend(judged.into_iter().next().into_iter().flat_map(|(_, said)| said)),
        }
    }

    fn fit_field(self, name: &str, value: &Value, place: &str, faults: &mut Vec<String>) {
        let has_name =
            |pattern: &str| Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(name));
        let patterns = self.part["patternProperties"].as_object().into_iter().flatten();
        let by_pattern = patterns.filter(|(pattern, _)| has_name(pattern)).map(|(_, part)| part);
        let mut parts: Vec<&Value> =
            self.part["properties"].get(name).into_iter().chain(by_pattern).collect();
        if parts.is_empty() {
            let rest = self.part.get("additionalProperties");
            if rest == Some(&Value::Bool(false)) {
                return faults.push(fault(place, &self.unknown()));
            }
            parts.extend(rest);
        }
        for part in parts {
            self.at(part).fit(value, place, faults);
        }
    }

    fn unknown(self) -> String {
        let known = self.part["properties"].as_object().into_iter().flatten();
        let known: Vec<String> = known.map(|(name, _)| format!("`{name}`")).collect();
        if known.is_empty() {
            return "it is not known".to_owned();
        }
        let between = if known.len() == 2 { " or " } else { ", " };
        format!("it is not known, only {}", known.join(between))
    }

    fn fit_items(self, items: &[Value], place: &str, faults: &mut Vec<String>) {
        for (index, item) in items.iter().enumerate() {
            let own = self.part["prefixItems"].get(index);
            if let Some(part) = own.or_else(|| self.part.get("items")) {
                self.at(part).fit(item, &format!("{place}[{index}]"), faults);
            }
        }
        let (least, most) = (self.size("minItems").unwrap_or(0), self.size("maxItems"));
        let size = items.len() as u64;
        if size < least || most.is_some_and(|most| size > most) {
            let wanted = between(least, most, "element");
            let what = format!("an array of {wanted} is wanted, but its length is {size}");
            faults.push(fault(place, &what));
        }
    }

    fn fault_of_number(self, number: &Number, place: &str) -> Option<String> {
        let number = number.as_f64()?;
        let broken = |keyword: &str, breaks: fn(&f64, &f64) -> bool| {
            self.part[keyword].as_f64().filter(|bound| breaks(&number, bound))
        };
        let bound = if let Some(least) = broken("minimum", f64::lt) {
            format!("not below {least}")
        } else if let Some(most) = broken("maximum", f64::gt) {
            format!("not above {most}")
        } else if let Some(least) = broken("exclusiveMinimum", f64::le) {
            format!("above {least}")
        } else {
            format!("below {}", broken("exclusiveMaximum", f64::ge)?)
        };
        Some(fault(place, &format!("a number {bound} is wanted")))
    }

    fn fault_of_text(self, text: &str, place: &str) -> Option<String> {
        let (least, most) = (self.size("minLength").unwrap_or(0), self.size("maxLength"));
        let size = text.chars().count() as u64;
        if size < least || most.is_some_and(|most| size > most) {
            let wanted = between(least, most, "character");
            return Some(fault(
                place,
                &format!("a string of {wanted} is wanted, but it has {size}"),
            ));
        }
        let value = Value::from(text);
        match self.part["format"].as_str() {
            Some("uuid") if serde_json::from_value::<MessageId>(text.into()).is_err() => {
                let wanted = "a UUID is wanted, such as 0193f7a0-0000-7000-8000-00000000c001";
                return Some(fault(place, wanted));
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

fn as_whole_number(value: &Value) -> Option<i128> {
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}

fn field(place: &str, name: &str) -> String {
    if place.is_empty() { name.to_owned() } else { format!("{place}.{name}") }
}

fn fault(place: &str, what: &str) -> String {
    if place.is_empty() { what.to_owned() } else { format!("{place}: {what}") }
}

fn unwanted(place: &str, wanted: &str, value: &Value) -> String {
    let found = there(value);
    let other = if wanted.starts_with(found) { "another one" } else { found };
    fault(place, &format!("{wanted} is wanted, but there is {other}"))
}

/// The value itself may be about a person.
fn there(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a number",
        Value::Number(_) => "a whole number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn none_of(place: &str, known: &[&Value]) -> String {
    let known: Vec<String> = known.iter().map(|one| format!("`{}`", plain(one))).collect();
    let between = if known.len() == 2 { " or " } else { ", " };
    fault(place, &format!("it is none of {}", known.join(between)))
}

/// Text without quotation marks, other JSON as it is.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

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
#[path = "body_tests.rs"]
mod tests;
