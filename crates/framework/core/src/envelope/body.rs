//! A message's body before it is parsed: checked for encoding, size, depth and UTF-8.

use crate::envelope::blank::non_blank;
use crate::envelope::limits::Limits;
use crate::envelope::unacceptable::{Reason, Unacceptable};

/// The content type of every event.
pub const CONTENT_TYPE: &str = "application/json";

/// A CloudEvent in structured mode: the body holds both the attributes and the event.
pub(crate) const STRUCTURED: &str = "application/cloudevents+json";
/// Several of them.
pub(crate) const BATCH: &str = "application/cloudevents-batch+json";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyForm {
    /// The event.
    Json,
    /// A CloudEvent around the event.
    CloudEvent,
}

/// The content type without its parameters.
pub(crate) fn media_type(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// Reads the content type. Without one the body is JSON.
pub(crate) fn form(content_type: Option<&str>) -> Result<BodyForm, Unacceptable> {
    let wrong = |text: &str, advice: &str| {
        let detail = format!("content type {text:?}: {advice}");
        Err(Unacceptable::new(Reason::WrongContentType, detail))
    };
    let text = content_type.unwrap_or_default();
    let media_type = media_type(text);
    let charset = text.split(';').skip(1).map(str::trim).find_map(|part| {
        part.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
    });
    if let Some((_, charset)) = charset
        && !["utf-8", "utf8", "us-ascii"]
            .iter()
            .any(|known| charset.trim().trim_matches('"').eq_ignore_ascii_case(known))
    {
        return wrong(text, "send the body as UTF-8");
    }
    match media_type {
        "" => Ok(BodyForm::Json),
        json if json.eq_ignore_ascii_case(CONTENT_TYPE) => Ok(BodyForm::Json),
        structured if structured.eq_ignore_ascii_case(STRUCTURED) => Ok(BodyForm::CloudEvent),
        batch if batch.eq_ignore_ascii_case(BATCH) => {
            wrong(text, "the members of a pack are read one by one, and none is a pack")
        }
        _ => wrong(text, &format!("use {CONTENT_TYPE} or {STRUCTURED}, or leave it out")),
    }
}

/// Checks that a message's body is safe to parse.
pub(crate) fn check_body(
    body: &[u8],
    content_encoding: Option<&str>,
    limits: &Limits,
) -> Result<(), Unacceptable> {
    let limit = limits.max_body;
    if body.len() > limit {
        let detail = format!("the body has {} bytes, the limit is {limit}", body.len());
        return Err(Unacceptable::new(Reason::BodyTooBig, detail));
    }
    let encoding = non_blank(content_encoding).unwrap_or_default();
    let is = |known: &&str| encoding.eq_ignore_ascii_case(known);
    if !["", "identity", "utf-8"].iter().any(is) {
        let detail = format!("content encoding {encoding:?}: send the body uncompressed");
        return Err(Unacceptable::new(Reason::WrongContentEncoding, detail));
    }
    check(body, limits)
}

pub(crate) fn check(body: &[u8], limits: &Limits) -> Result<(), Unacceptable> {
    if let Err(error) = std::str::from_utf8(body) {
        let detail = format!("the body is not valid UTF-8 at byte {}", error.valid_up_to() + 1);
        return Err(Unacceptable::new(Reason::NotUtf8, detail));
    }
    if is_deeper(body, limits.max_depth) {
        let detail = format!("the body is nested deeper than {} levels", limits.max_depth);
        return Err(Unacceptable::new(Reason::TooDeep, detail));
    }
    Ok(())
}

/// Whether brackets outside of strings are nested deeper than the limit. Checked before parsing,
/// because a handler's type may skip the deep part.
fn is_deeper(json: &[u8], limit: usize) -> bool {
    // `{` and `[` differ in one bit. Few bodies have more brackets than the limit.
    if json.iter().filter(|byte| **byte | 0x20 == b'{').count() <= limit {
        return false;
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                if depth > limit {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_counted_outside_of_strings() {
        for (json, depth) in [
            ("[[]]", 2),
            (r#"{"a":[{"b":1}],"c":[[]]}"#, 3),
            (r#"["[[[[", "\"[[[["]"#, 1),
            (r#"["\\", [["\\\"[[["]]]"#, 3),
            ("[],[],[],[]", 1),
            ("]]]][", 1),
        ] {
            assert!(is_deeper(json.as_bytes(), depth - 1), "{json}");
            assert!(!is_deeper(json.as_bytes(), depth), "{json}");
        }
    }
}
