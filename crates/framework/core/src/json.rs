//! Reads JSON of others. An error names the place and what is wanted there, and never the value,
//! which may be about a person. Dead letters and logs keep the words.

use serde::de::{DeserializeOwned, Error, IgnoredAny};

/// Decodes JSON.
///
/// # Errors
///
/// The text is not JSON, or does not have the type's shape. Then the error says where, and what is
/// wanted there.
pub fn from_slice<T: DeserializeOwned>(json: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(json).map_err(|error| explain::<T>(json, error))
}

/// Reads a text of another shape once more, and keeps track of the place.
#[cold]
fn explain<T: DeserializeOwned>(json: &[u8], error: serde_json::Error) -> serde_json::Error {
    // A number in place of an enum is JSON, but serde_json calls it a mistake in the syntax.
    if !error.is_data() && serde_json::from_slice::<IgnoredAny>(json).is_err() {
        return error;
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Ok(_) => error,
        Err(found) => {
            let what = without_value(&found.inner().to_string());
            match found.path().to_string().as_str() {
                "." => Error::custom(what),
                place => Error::custom(format!("{place}: {what}")),
            }
        }
    }
}

/// Says what serde wants, without the value that it found. What a type of its own says stays as it is.
#[must_use]
pub fn in_words(error: &str) -> String {
    let what = without_position(error);
    wanted(what).unwrap_or_else(|| what.to_owned())
}

fn without_position(error: &str) -> &str {
    error.rsplit_once(" at line ").map_or(error, |(what, _)| what)
}

/// `None` for what a type of its own says, which may quote the value.
fn wanted(what: &str) -> Option<String> {
    if what == "expected value" {
        // So serde_json says of an enum that is neither of both.
        return Some("a string, or an object with one field, is wanted".to_owned());
    }
    let starts = |words: &[&str]| words.iter().any(|words| what.starts_with(words));
    // These name a field of the type.
    if starts(&["missing field `", "duplicate field `"]) {
        return Some(what.to_owned());
    }
    let (_, wanted) = what.rsplit_once(", expected ")?;
    if starts(&["unknown variant `", "unknown field `"]) {
        return Some(format!("it is not known, only {}", wanted.trim_start_matches("one of ")));
    }
    if !starts(&["invalid type: ", "invalid value: ", "invalid length "]) {
        return None;
    }
    let wanted = match wanted {
        "a sequence" => "an array",
        "a map" => "an object",
        of if of.starts_with("struct ") => "an object",
        other => other,
    };
    Some(format!("{wanted} is wanted"))
}

fn without_value(error: &str) -> String {
    let what = without_position(error);
    wanted(what).unwrap_or_else(|| masked(what))
}

fn masked(what: &str) -> String {
    let (mut shown, mut quoted_by, mut is_escaped) = (String::new(), None, false);
    for letter in what.chars() {
        match quoted_by {
            None => {
                shown.push(letter);
                if ['"', '`'].contains(&letter) {
                    shown.push_str("***");
                    quoted_by = Some(letter);
                }
            }
            Some(quote) if letter == quote && !is_escaped => {
                shown.push(letter);
                quoted_by = None;
            }
            Some(_) => {}
        }
        is_escaped = letter == '\\' && !is_escaped;
    }
    shown
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only decoded")]
    struct Point {
        x: i32,
        y: Option<f32>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only decoded")]
    enum Shape {
        Nothing,
        Named { name: String, points: Vec<Point> },
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only decoded")]
    struct Drawing {
        size: (u8, u8),
        shapes: Vec<Shape>,
        artist: String,
    }

    #[test]
    fn what_has_another_shape_is_told_with_its_place_and_without_its_value() {
        let drawing = |shapes: &str, rest: &str| {
            let json = format!(r#"{{"size":[1,2],"shapes":[{shapes}]{rest}}}"#);
            let error = from_slice::<Drawing>(json.as_bytes()).unwrap_err();
            assert!(error.is_data(), "{error}");
            error.to_string()
        };
        let named = |point: &str| format!(r#"{{"Named":{{"name":"a","points":[{point}]}}}}"#);
        for (shapes, rest, told) in [
            ("", "", "missing field `artist`"),
            (&*named(r#"{"x":"Ada"}"#), "", "shapes[0].Named.points[0].x: i32 is wanted"),
            (&named(r#""Ada""#), "", "shapes[0].Named.points[0]: an object is wanted"),
            (&named("{}"), "", "shapes[0].Named.points[0]: missing field `x`"),
            (
                &named(r#"{"Ada":1}"#),
                "",
                "shapes[0].Named.points[0].Ada: it is not known, only `x` or `y`",
            ),
            (r#""Ada""#, "", "shapes[0]: it is not known, only `Nothing` or `Named`"),
            ("7", "", "shapes[0]: a string, or an object with one field, is wanted"),
            ("", r#","artist":7"#, "artist: a string is wanted"),
            ("", r#","size":[1,2]"#, "duplicate field `size`"),
        ] {
            assert_eq!(drawing(shapes, rest), told);
        }
    }

    #[test]
    fn no_error_holds_the_value_that_was_found() {
        for (said, shown) in [
            ("invalid type: string \"a, expected b\", expected a boolean", "a boolean is wanted"),
            ("invalid type: map, expected a sequence", "an array is wanted"),
            ("invalid value: integer `-1`, expected a nonzero u8", "a nonzero u8 is wanted"),
            ("invalid length 1, expected a tuple of size 2", "a tuple of size 2 is wanted"),
            ("unknown variant `Ada`, expected `EUR`", "it is not known, only `EUR`"),
            ("a SKU has at most 64 characters", "a SKU has at most 64 characters"),
            ("\"Ada \\\"L\\\" Byron\" is not a code", "\"***\" is not a code"),
            ("\"Ada\" is not \"Eve\"", "\"***\" is not \"***\""),
            ("\"Ada, expected Byron\" is not a code", "\"***\" is not a code"),
            ("failed to read \"Ada", "failed to read \"***"),
            (
                "UUID parsing failed: invalid character: found `m` at 0",
                "UUID parsing failed: invalid character: found `***` at 0",
            ),
        ] {
            assert_eq!(without_value(said), shown);
        }
    }
}
