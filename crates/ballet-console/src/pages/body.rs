//! Bodies as text: laid out, and with what is about a person masked.

use ballet_core::personal::PERSONAL;
use ballet_ops::words::grouped;
use maud::{Markup, html};
use serde_json::Value;

use crate::access::role::{Role, Sight};
use crate::known::Known;

/// What is shown in place of a personal value.
pub(crate) const MASK: &str = "•••";

/// The text of a body, as this person may see it. `whole` is false if only its beginning is there.
pub(crate) fn text(
    known: &Known,
    event: &str,
    body: &[u8],
    whole: bool,
    sight: Sight,
) -> Result<String, &'static str> {
    let schema = known.events.get(event).map(|listed| &listed.schema);
    let parsed = whole.then(|| serde_json::from_slice::<Value>(body).ok()).flatten();
    match (schema, parsed) {
        (Some(schema), Some(mut value)) => {
            if !sight.is_unmasked {
                mask(&mut value, &[schema], &schema["$defs"]);
            }
            Ok(serde_json::to_string_pretty(&value).unwrap_or_default())
        }
        // Nothing in it can be about a person, or the person may see what cannot be masked.
        (Some(schema), None) if !has_personal(schema) => Ok(lossy(body)),
        (Some(_), None) | (None, _) if sight.role == Role::Operator => Ok(lossy(body)),
        (Some(_), None) | (None, _) => {
            Err("It cannot be told what in it is about a person: an operator may see it.")
        }
    }
}

/// A body in a page, with its size.
pub(crate) fn shown(
    known: &Known,
    event: &str,
    (body, size): (&[u8], usize),
    sight: Sight,
) -> Markup {
    let is_whole = body.len() >= size;
    html! {
        @match text(known, event, body, is_whole, sight) {
            _ if size == 0 => { p.quiet { "It has no body." } }
            Ok(text) => { pre.body tabindex="0" dir="auto" { (text) } }
            Err(why) => { p.quiet { (why) } }
        }
        @if !is_whole {
            p.quiet { "The first " (grouped(body.len())) " of "
                (grouped(size)) " bytes." }
        }
    }
}

/// Bytes as text. What a page cannot carry is shown as the sign for it.
fn lossy(body: &[u8]) -> String {
    String::from_utf8_lossy(body).replace('\0', "\u{2400}")
}

pub(crate) fn has_personal(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => {
            fields.get(PERSONAL).is_some_and(|is| is == true) || fields.values().any(has_personal)
        }
        Value::Array(all) => all.iter().any(has_personal),
        _ => false,
    }
}

/// A body with masks in place of what is about a person.
pub(crate) fn masked(known: &Known, event: &str, body: &Value) -> Value {
    let mut masked = body.clone();
    if let Some(listed) = known.events.get(event) {
        mask(&mut masked, &[&listed.schema], &listed.schema["$defs"]);
    }
    masked
}

/// A value of the old body, and the same as it was shown, with masks.
type Old<'a> = (&'a Value, &'a Value);

/// Puts the values of the old body where the new one has a mask. Otherwise where a mask has none.
pub(crate) fn unmask(new: &mut Value, old: Option<Old<'_>>, path: &str) -> Result<(), String> {
    if *new == MASK {
        let no_value = || format!("{path} has a mask, and the old body has no value there");
        *new = old.map(|(value, _)| value.clone()).ok_or_else(no_value)?;
        return Ok(());
    }
    match new {
        Value::Object(fields) => fields.iter_mut().try_for_each(|(name, field)| {
            let old = old.and_then(|(value, shown)| value.get(name).zip(shown.get(name)));
            unmask(field, old, &format!("{path}.{name}"))
        }),
        Value::Array(items) => {
            let old = old.and_then(|(value, shown)| value.as_array().zip(shown.as_array()));
            let old = old.map(|(values, shown)| values.iter().zip(shown));
            let old: Vec<Old<'_>> = old.into_iter().flatten().collect();
            let same: Vec<_> = (0..items.len()).map(|at| same_item(items, &old, at)).collect();
            items.iter_mut().zip(same).enumerate().try_for_each(|(at, (item, same))| {
                let path = format!("{path}[{at}]");
                if same.is_none() && has_mask(item) {
                    return Err(format!(
                        "{path} has a mask, and the list has changed: type the value"
                    ));
                }
                unmask(item, same, &path)
            })
        }
        _ => Ok(()),
    }
}

fn has_mask(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.values().any(has_mask),
        Value::Array(items) => items.iter().any(has_mask),
        _ => *value == MASK,
    }
}

/// The old item that an item of a list is, if that is certain: masks look alike, and whose value one has is not seen.
fn same_item<'a>(items: &[Value], old: &[Old<'a>], at: usize) -> Option<Old<'a>> {
    let is_kept = |at: usize| items.len() == old.len() && items[at] == *old[at].1;
    if (0..items.len()).all(is_kept) {
        return Some(old[at]);
    }
    let alike: Vec<&Old<'a>> = old.iter().filter(|(_, shown)| items[at] == **shown).collect();
    match alike.first() {
        // It was kept or moved. Of several that look the same, another one may have moved to its place.
        Some(first) => {
            let is_one = alike.iter().all(|(value, _)| *value == first.0);
            let count = items.iter().filter(|item| **item == items[at]).count();
            (is_one && count <= alike.len()).then_some(**first)
        }
        // It was edited where it is, and nothing else was.
        None => {
            let others = (0..items.len()).filter(|other| *other != at);
            (items.len() == old.len() && others.into_iter().all(is_kept)).then(|| old[at])
        }
    }
}

/// Masks what one of these schemas declares personal.
fn mask(value: &mut Value, schemas: &[&Value], definitions: &Value) {
    let all = applied(schemas, definitions);
    if value.is_null() || all.is_empty() {
        return;
    }
    if all.iter().any(|schema| schema[PERSONAL] == true) {
        *value = MASK.into();
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let below: Vec<_> = all.iter().flat_map(|schema| of_field(schema, name)).collect();
                mask(field, &below, definitions);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                let below: Vec<_> = all
                    .iter()
                    .map(|schema| schema["prefixItems"].get(at).unwrap_or(&schema["items"]))
                    .collect();
                mask(item, &below, definitions);
            }
        }
        _ => {}
    }
}

/// These, and all that they refer to or choose from, each once: schemas may contain themselves.
fn applied<'a>(schemas: &[&'a Value], definitions: &'a Value) -> Vec<&'a Value> {
    let mut all: Vec<&Value> = Vec::new();
    let mut open = schemas.to_vec();
    while let Some(schema) = open.pop() {
        if !schema.is_object() || all.iter().any(|known| std::ptr::eq(*known, schema)) {
            continue;
        }
        all.push(schema);
        let named = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"));
        open.extend(named.map(|name| &definitions[name]));
        let choices = ["anyOf", "oneOf", "allOf"].map(|choice| schema[choice].as_array());
        open.extend(choices.into_iter().flatten().flatten());
    }
    all
}

/// The schemas of a field. What a pattern says may be of any name.
fn of_field<'a>(schema: &'a Value, name: &str) -> Vec<&'a Value> {
    match schema["properties"].get(name) {
        Some(declared) => vec![declared],
        None => {
            let patterns = schema["patternProperties"].as_object().into_iter();
            let patterns = patterns.flat_map(|patterns| patterns.values());
            patterns.chain([&schema["additionalProperties"]]).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_about_a_person_is_masked_wherever_it_is() {
        let schema = json!({
            "properties": {
                "name": { "type": "string", "x-personal": true },
                "address": { "anyOf": [{ "$ref": "#/$defs/Address" }, { "type": "null" }] },
                "guests": { "items": { "properties": { "mail": { "x-personal": true } } } },
                "total": { "type": "integer" },
            },
            "$defs": { "Address": { "properties": { "street": { "x-personal": true }, "country": {} } } },
        });
        let mut value = json!({
            "name": "Ada", "address": { "street": "S", "country": "NL" }, "guests": [{ "mail": "m" }],
            "total": 7, "undeclared": 8,
        });
        mask(&mut value, &[&schema], &schema["$defs"]);
        assert_eq!(
            value,
            json!({
                "name": MASK, "address": { "street": MASK, "country": "NL" }, "guests": [{ "mail": MASK }],
                "total": 7, "undeclared": 8,
            })
        );
        let old = json!({ "name": "Ada", "guests": [{ "mail": "m" }] });
        let shown = json!({ "name": MASK, "guests": [{ "mail": MASK }] });
        let mut new = json!({ "name": MASK, "guests": [{ "mail": MASK }], "total": 8 });
        assert_eq!(unmask(&mut new, Some((&old, &shown)), "body"), Ok(()));
        assert_eq!(new, json!({ "name": "Ada", "guests": [{ "mail": "m" }], "total": 8 }));
        let mut more = json!({ "guests": [{}, { "mail": MASK }], "more": MASK });
        assert_eq!(
            unmask(&mut more, Some((&old, &shown)), "body"),
            Err("body.more has a mask, and the old body has no value there".to_owned())
        );
        assert!(has_personal(&schema));
        assert!(!has_personal(&json!({ "properties": { "total": { "x-personal": false } } })));
        assert_eq!(lossy(b"a\0b\xff"), "a\u{2400}b\u{fffd}");
    }

    #[test]
    fn a_mask_in_a_list_gets_its_own_value_or_none() {
        let with = |mail: &str, seats| json!({ "mail": mail, "seats": seats });
        let of = |seats| with(MASK, seats);
        let edited = |old: &[Value], shown: &[Value], new: Value| {
            let (old, shown, mut new) = (json!(old), json!(shown), new);
            unmask(&mut new, Some((&old, &shown)), "body").map(|()| new)
        };
        let unclear =
            |at| Err(format!("body[{at}] has a mask, and the list has changed: type the value"));
        let (ada, eve) = (with("ada", 1), with("eve", 2));
        let old = [ada.clone(), eve.clone(), with("joe", 3), with("pat", 3)];
        let shown = [of(1), of(2), of(3), of(3)];
        let of_four = |new: Value| edited(&old, &shown, new);
        let of_two = |new: Value| edited(&old[..2], &shown[..2], new);
        assert_eq!(of_four(json!(shown)), Ok(json!(old)));
        // One is edited, or gets another value.
        assert_eq!(of_two(json!([of(1), of(5)])), Ok(json!([ada, with("eve", 5)])));
        assert_eq!(of_two(json!([of(1), with("kim", 4)])), Ok(json!([ada, with("kim", 4)])));
        assert_eq!(of_two(json!([of(5), with("kim", 4)])), unclear(0));
        // Moved, and removed.
        assert_eq!(of_four(json!([of(2), of(1)])), Ok(json!([eve, ada])));
        assert_eq!(of_two(json!([of(2), with("kim", 2)])), Ok(json!([eve, with("kim", 2)])));
        // Two look the same: the first may be removed, and the second at its place.
        assert_eq!(of_four(json!([of(1), of(2), of(3), with("kim", 3)])), unclear(2));
        assert_eq!(of_four(json!([of(1), of(5), of(3), of(3)])), unclear(2));
        assert_eq!(of_four(json!([of(1), of(3)])), unclear(1));
        // One looks like another, and several were edited.
        assert_eq!(of_four(json!([of(2), of(2), of(3), of(3)])), unclear(0));
        assert_eq!(of_four(json!([of(4), of(5), of(3), of(3)])), unclear(0));
        assert_eq!(of_two(json!([of(2), of(7)])), unclear(1));
        // Two are the same.
        let (twice, masks) = ([ada.clone(), ada.clone(), eve], [of(1), of(1), of(2)]);
        assert_eq!(edited(&twice, &masks, json!([of(1), of(1)])), Ok(json!([ada, ada])));
        assert_eq!(edited(&twice, &masks, json!([of(1), of(1), of(1)])), unclear(0));
        // Of plain values nothing is seen at all.
        let (names, masks) = ([json!("Ada"), json!("Eve")], [json!(MASK), json!(MASK)]);
        assert_eq!(edited(&names, &masks, json!([MASK])), unclear(0));
        assert_eq!(edited(&names, &masks, json!([MASK, "Kim"])), unclear(0));
        assert_eq!(edited(&names, &masks, json!(masks)), Ok(json!(names)));
    }

    #[test]
    fn what_is_personal_is_masked_in_tuples_in_maps_and_at_any_depth() {
        let schema = json!({
            "properties": {
                "pair": { "prefixItems": [{}, { "x-personal": true }], "items": { "x-personal": true } },
                "by_number": {
                    "additionalProperties": false,
                    "patternProperties": { "^\\d+$": { "properties": { "mail": { "x-personal": true } } } },
                },
                "comment": { "$ref": "#/$defs/Comment" },
            },
            "$defs": { "Comment": { "properties": {
                "author": { "x-personal": true },
                // Each way of them would double the work.
                "answer": { "anyOf": [{ "$ref": "#/$defs/Comment" }, { "allOf": [{ "$ref": "#/$defs/Comment" }] }] },
            } } },
        });
        let masked = |mut value: Value| {
            mask(&mut value, &[&schema], &schema["$defs"]);
            value.to_string()
        };
        let shown = masked(
            json!({ "pair": ["open", "Ada", "Eve"], "by_number": { "7": { "mail": "Bob" } } }),
        );
        assert!(shown.contains("open"), "{shown}");
        for personal in ["Ada", "Eve", "Bob"] {
            assert!(!shown.contains(personal), "{shown}");
        }
        let mut comment = json!({ "author": "Ada" });
        for _ in 0..60 {
            comment = json!({ "author": "Ada", "answer": comment });
        }
        let shown = masked(json!({ "comment": comment }));
        assert!(!shown.contains("Ada"), "{shown}");
    }
}
