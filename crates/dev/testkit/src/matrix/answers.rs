//! Answers to a call from their type alone: a text is changed until it is one, as the errors say.

use serde_json::{Value, json};

/// The maximum number of variants that are tried, and of changes for one.
const MOST: usize = 16;
const CHANGES: usize = 200;
/// It is nobody's variant, so that the error names them.
const NOBODY: &str = "?";
/// A text may have to be an id, a time, a number or a currency.
const TEXTS: [&str; 5] =
    ["text", "01890a5d-ac96-774b-bcce-b302099a8057", "2026-01-01T00:00:00Z", "1", "EUR"];

/// Returns an answer for each variant of its enums. `misfit` says where and why a text is none.
pub(super) fn answers(misfit: impl Fn(&str) -> Option<(String, String)>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for variant in 0..MOST {
        let answer = answer(&misfit, variant);
        found.extend(answer.filter(|answer| !found.contains(answer)));
    }
    found
}

fn answer(misfit: impl Fn(&str) -> Option<(String, String)>, variant: usize) -> Option<String> {
    let (mut answer, mut changed_last) = (Value::Null, String::new());
    for _ in 0..CHANGES {
        let text = answer.to_string();
        let Some((pointer, why)) = misfit(&text) else { return Some(text) };
        let place = deepest(&answer, &pointer);
        if let Some((field, _)) =
            why.strip_prefix("missing field `").and_then(|why| why.split_once('`'))
        {
            add(&mut answer, &place, &changed_last, field)?;
            continue;
        }
        let (found, is_too_short) = (answer.pointer(&place)?, why.starts_with("invalid length"));
        // What is tagged is read as a whole first: then the place is that of the whole.
        let place = if why.starts_with("invalid type: null")
            || why.starts_with("invalid type: unit value")
        {
            place + &missing(found)?
        } else if found.is_object() || (found.is_array() && !is_too_short) {
            changed_last
        } else {
            place
        };
        let place = if is_too_short && !answer.pointer(&place)?.is_array() {
            parent(&place).to_owned()
        } else {
            place
        };
        let old = answer.pointer_mut(&place)?;
        *old = changed(old, &why, variant)?;
        changed_last = place;
    }
    None
}

/// Adds a field to the object at a place, or to the one that was changed last.
fn add(answer: &mut Value, place: &str, changed_last: &str, field: &str) -> Option<()> {
    let is_new = |value: &Value| value.as_object().is_some_and(serde_json::Map::is_empty);
    let mut place =
        if answer.pointer(changed_last).is_some_and(is_new) { changed_last } else { place };
    let object = answer.pointer_mut(place)?.as_object_mut()?;
    if object.contains_key(field) {
        object.remove(field);
        place = parent(changed_last);
    }
    answer.pointer_mut(place)?.as_object_mut()?.insert(field.to_owned(), Value::Null);
    Some(())
}

/// Returns the place of the first `null`.
fn missing(value: &Value) -> Option<String> {
    let below = |name: String, one: &Value| Some(format!("/{name}{}", missing(one)?));
    match value {
        Value::Null => Some(String::new()),
        Value::Array(all) => {
            all.iter().enumerate().find_map(|(at, one)| below(at.to_string(), one))
        }
        Value::Object(all) => all.iter().find_map(|(name, one)| below(name.clone(), one)),
        _ => None,
    }
}

/// Returns the part of a pointer that is there.
fn deepest(value: &Value, pointer: &str) -> String {
    let mut found = pointer;
    while value.pointer(found).is_none() {
        found = parent(found);
    }
    found.to_owned()
}

fn parent(pointer: &str) -> &str {
    pointer.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn changed(old: &Value, why: &str, variant: usize) -> Option<Value> {
    if why.starts_with("unknown variant") {
        let names: Vec<&str> = why.split('`').skip(3).step_by(2).collect();
        return names.iter().cycle().nth(variant).map(|name| json!(name));
    }
    if why.starts_with("expected value") {
        return Some(json!(NOBODY));
    }
    if why.starts_with("invalid length")
        && let Value::Array(all) = old
    {
        return Some(json!([&all[..], &[Value::Null]].concat()));
    }
    let expected = why.strip_prefix("invalid type").and_then(|why| why.split_once(", expected "));
    let Some((_, expected)) = expected else {
        let at = TEXTS.iter().position(|text| old == text)?;
        return TEXTS.get(at + 1).map(|text| json!(text));
    };
    let is = |words: &[&str]| words.iter().any(|word| expected.starts_with(word));
    Some(match old {
        Value::String(name) if expected.contains("variant") && name != NOBODY => {
            json!({ name: null })
        }
        _ if expected.contains("string") || is(&["a character"]) => json!(TEXTS[0]),
        _ if is(&["a boolean"]) => json!(variant.is_multiple_of(2)),
        _ if is(&["tuple", "a tuple", "a sequence", "an array"]) => json!([]),
        _ if is(&["enum", "variant identifier"]) => json!(NOBODY),
        _ if is(&["struct", "a map", "internally tagged", "adjacently tagged"]) => json!({}),
        _ if is(&["unit"]) => Value::Null,
        _ => json!(1),
    })
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde::{Deserialize, Serialize};

    use super::*;

    fn all<T: DeserializeOwned>() -> Vec<String> {
        answers(|text| {
            let mut from = serde_json::Deserializer::from_str(text);
            let error = serde_path_to_error::deserialize::<_, T>(&mut from).err()?;
            let place = error.path().to_string().replace('.', "/");
            let place = if place == "/" { String::new() } else { format!("/{place}") };
            Some((place, error.into_inner().to_string()))
        })
    }

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Answer {
        Approved { name: String, id: uuid::Uuid, at: jiff::Timestamp, cents: i64 },
        Declined(Reason),
        Later,
    }

    #[derive(Serialize, Deserialize)]
    #[serde(tag = "result", rename_all = "snake_case")]
    enum Reason {
        Limit { cents: (i64, u8), until: jiff::Timestamp, of: Card },
        Stolen,
    }

    #[derive(Serialize, Deserialize)]
    struct Card {
        digits: u16,
        holder: String,
    }

    #[test]
    fn there_is_an_answer_of_each_variant_with_what_its_fields_have_to_be() {
        assert_eq!(all::<()>(), ["null"]);
        assert_eq!(all::<bool>(), ["true", "false"]);
        assert_eq!(all::<Vec<String>>(), ["[]"]);
        let [_, id, at, ..] = TEXTS;
        let limit = format!(
            r#"{{"cents":[1,1],"of":{{"digits":1,"holder":"text"}},"result":"limit","until":"{at}"}}"#
        );
        assert_eq!(all::<Reason>(), [&*limit, r#"{"result":"stolen"}"#]);
        let approved =
            format!(r#"{{"approved":{{"at":"{at}","cents":1,"id":"{id}","name":"text"}}}}"#);
        let declined = r#"{"declined":{"result":"stolen"}}"#;
        let found = all::<Answer>();
        assert_eq!(found[..3], [&*approved, declined, r#""later""#]);
        assert!(found.contains(&format!(r#"{{"declined":{limit}}}"#)), "{found:?}");
    }
}
