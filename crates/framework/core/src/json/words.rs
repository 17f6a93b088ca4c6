//! Serde's errors about a wrong shape, in the words of JSON: the author of the text may not know Rust. They name the place
//! and what is wanted there, and never the value: it may be about a person, and dead letters and logs keep the words.

/// Says at which place what is wrong. `place` is a path such as `lines[2].quantity`, or `.`.
pub(super) fn at(place: &str, what: &str) -> String {
    let inner = |field: &str| match place {
        "." => field.to_owned(),
        place => format!("{place}.{field}"),
    };
    let what = without_position(what);
    // These are about a field, and found at what contains it.
    if let Some(field) = quoted(what, "missing field ") {
        return format!("{}: it is missing", inner(field));
    }
    if let Some(field) = quoted(what, "duplicate field ") {
        return format!("{}: it is there twice", inner(field));
    }
    let what = without_quotes(&in_words(what));
    match place {
        "." => what,
        place => format!("{place}: {what}"),
    }
}

/// Says in the words of JSON what an error of serde says in those of Rust. The place in the text,
/// `at line 1 column 7`, and the value are left out.
#[must_use]
pub fn in_words(what: &str) -> String {
    let what = without_position(what);
    if what == "expected value" {
        // So serde_json says of an enum that is neither of both.
        return "a string, or an object with one field, is wanted".to_owned();
    }
    if what.starts_with("UUID parsing failed") {
        return "a UUID is wanted, such as 0193f7a0-0000-7000-8000-00000000c001".to_owned();
    }
    // These are about the field that the place names.
    if quoted(what, "missing field ").is_some() {
        return "it is missing".to_owned();
    }
    if quoted(what, "duplicate field ").is_some() {
        return "it is there twice".to_owned();
    }
    if let Some(words) = unparsed(what) {
        return words.to_owned();
    }
    let Some((found, wanted)) = what.rsplit_once(", expected ") else { return what.to_owned() };
    let mismatch =
        found.strip_prefix("invalid type: ").or_else(|| found.strip_prefix("invalid value: "));
    if let Some(found) = mismatch {
        let (wanted, found) = (wanted_in_words(wanted), kind(found));
        let other = if wanted.starts_with(found) { "another one" } else { found };
        return format!("{wanted} is wanted, but there is {other}");
    }
    if let Some(length) = found.strip_prefix("invalid length ") {
        return match wanted_in_words(wanted) {
            // So says a struct of an array.
            wanted if wanted == "an object" => format!("{wanted} is wanted, but there is an array"),
            wanted => format!("{wanted} is wanted, but its length is {length}"),
        };
    }
    let known = wanted.strip_prefix("one of ").unwrap_or(wanted);
    if quoted(found, "unknown variant ").is_some() {
        return format!("it is none of {known}");
    }
    match quoted(found, "unknown field ") {
        Some(_) => format!("it is not known, only {known}"),
        None => what.to_owned(),
    }
}

/// Masks what stands in quotation marks: errors of other types quote the value.
fn without_quotes(what: &str) -> String {
    let (mut shown, mut is_inside, mut is_escaped) = (String::new(), false, false);
    for letter in what.chars() {
        match letter {
            '"' if !is_escaped => {
                shown.push_str(if is_inside { "\"" } else { "\"***" });
                is_inside = !is_inside;
            }
            _ if is_inside => {}
            letter => shown.push(letter),
        }
        is_escaped = letter == '\\' && !is_escaped;
    }
    shown
}

/// Says why a text is not JSON, and where.
#[must_use]
pub fn syntax_in_words(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let what = error.to_string();
    match without_position(&what).strip_prefix("EOF while parsing ") {
        Some(_) if column == 0 && line <= 1 => "it is empty".to_owned(),
        Some(what) => format!("it ends in the middle of {what}, at line {line} column {column}"),
        None => {
            let what =
                without_position(&what).replace("expected ident", "expected true, false or null");
            format!("{what}, at line {line} column {column}")
        }
    }
}

/// Translates Rust's message about a text that cannot be parsed. The message does not name the type.
fn unparsed(what: &str) -> Option<&'static str> {
    Some(match what {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "a whole number is wanted"
        }
        "number too large to fit in target type" => "the number is too large",
        "number too small to fit in target type" => "the number is too small",
        "number would be zero for non-zero type" => "a number other than 0 is wanted",
        "invalid float literal" | "cannot parse float from empty string" => "a number is wanted",
        "provided string was not `true` or `false`" => "true or false is wanted",
        "too many characters in string" | "cannot parse char from empty string" => {
            "a single character is wanted"
        }
        _ => return None,
    })
}

fn without_position(what: &str) -> &str {
    what.rsplit_once(" at line ").map_or(what, |(what, _)| what)
}

/// Says in the words of JSON what is wanted where serde wants a type of Rust.
#[must_use]
pub fn wanted_in_words(wanted: &str) -> String {
    let is_nonzero = wanted.starts_with("a nonzero ");
    let wanted = wanted.strip_prefix("a nonzero ").unwrap_or(wanted);
    if let Some((low, high)) = whole_numbers(wanted) {
        return match (is_nonzero, low.as_str()) {
            (true, "0") => format!("a whole number from 1 to {high}"),
            (true, low) => format!("a whole number from {low} to {high}, but not 0,"),
            (false, low) => format!("a whole number from {low} to {high}"),
        };
    }
    let elements = |length: &str| match length {
        "1" => "an array of 1 element".to_owned(),
        length => format!("an array of {length} elements"),
    };
    let length = wanted.strip_prefix("a tuple of size ");
    if let Some(length) = length.or_else(|| wanted.strip_prefix("an array of length ")) {
        return elements(length);
    }
    let words = match wanted {
        "f32" | "f64" | "floating point number" => "a number",
        "bool" | "a boolean" => "true or false",
        "a sequence" => "an array",
        "a map" => "an object",
        "unit" => "null",
        "option" => "a value, or null,",
        "char" | "a character" => "a string of one character",
        "str" | "string" | "String" | "a borrowed string" | "field identifier"
        | "variant identifier" => "a string",
        _ if wanted.ends_with(" as an object") => "an object",
        _ if wanted.starts_with("struct ") => "an object",
        _ if wanted.starts_with("unit struct ") => "null",
        _ if wanted.starts_with("tuple ") => "an array",
        _ if wanted.starts_with("enum ") => "a string, or an object with one field,",
        other => other,
    };
    words.to_owned()
}

/// The smallest and the largest number of an integer type.
fn whole_numbers(of: &str) -> Option<(String, String)> {
    macro_rules! bounds {
        ($($of:ident)*) => {
            match of {
                $(stringify!($of) => Some(($of::MIN.to_string(), $of::MAX.to_string())),)*
                _ => None,
            }
        };
    }
    bounds!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize)
}

/// The type that JSON has for what was found.
fn kind(found: &str) -> &'static str {
    match found.split(' ').next().unwrap_or_default() {
        "string" | "character" => "a string",
        "integer" => "a whole number",
        "floating" | "number" => "a number",
        "boolean" => "true or false",
        "sequence" => "an array",
        "map" => "an object",
        "unit" | "Option" | "null" => "null",
        _ => "something else",
    }
}

/// The text in backticks behind these words, if nothing follows it.
fn quoted<'a>(what: &'a str, words: &str) -> Option<&'a str> {
    what.strip_prefix(words)?.strip_prefix('`')?.strip_suffix('`')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_json() {
        for (serde, words) in [
            (
                "invalid type: string \"two\", expected u32 at line 1 column 7",
                "a whole number from 0 to 4294967295 is wanted, but there is a string",
            ),
            (
                "invalid value: integer `-1`, expected a nonzero u8",
                "a whole number from 1 to 255 is wanted, but there is another one",
            ),
            (
                "invalid type: floating point `1.5`, expected i8",
                "a whole number from -128 to 127 is wanted, but there is a number",
            ),
            ("invalid type: null, expected a string", "a string is wanted, but there is null"),
            (
                "invalid type: boolean `true`, expected f64",
                "a number is wanted, but there is true or false",
            ),
            (
                "invalid type: map, expected a sequence",
                "an array is wanted, but there is an object",
            ),
            (
                "invalid type: integer `7`, expected struct CartCheckedOut with 5 elements",
                "an object is wanted, but there is a whole number",
            ),
            (
                "invalid length 1, expected a tuple of size 2",
                "an array of 2 elements is wanted, but its length is 1",
            ),
            (
                "unknown variant `GBP`, expected one of `EUR`, `USD`, `CHF`",
                "it is none of `EUR`, `USD`, `CHF`",
            ),
            (
                "unknown field `page`, expected `limit` or `after`",
                "it is not known, only `limit` or `after`",
            ),
            ("a SKU has at most 64 characters", "a SKU has at most 64 characters"),
            ("missing field `q`", "it is missing"),
            ("duplicate field `q` at line 1 column 9", "it is there twice"),
            (
                "invalid length 1, expected struct Money with 2 elements",
                "an object is wanted, but there is an array",
            ),
            ("invalid digit found in string", "a whole number is wanted"),
            ("cannot parse integer from empty string", "a whole number is wanted"),
            ("number too large to fit in target type", "the number is too large"),
            ("provided string was not `true` or `false`", "true or false is wanted"),
            (
                "UUID parsing failed: invalid character: found `m` at 0",
                "a UUID is wanted, such as 0193f7a0-0000-7000-8000-00000000c001",
            ),
            (
                "invalid type: string \"a, expected b\", expected a boolean",
                "true or false is wanted, but there is a string",
            ),
        ] {
            assert_eq!(in_words(serde), words);
        }
    }

    #[test]
    fn what_an_error_quotes_is_masked() {
        for (said, shown) in [
            ("\"Ada \\\"L\\\" Byron\" is not a code", "a.b: \"***\" is not a code"),
            ("\"Ada\" is not \"Eve\"", "a.b: \"***\" is not \"***\""),
            ("failed to read \"Ada", "a.b: failed to read \"***"),
            (
                "invalid type: string \"Ada\", expected u8",
                "a.b: a whole number from 0 to 255 is wanted, but there is a string",
            ),
        ] {
            assert_eq!(at("a.b", said), shown);
        }
    }
}
