//! The schema of an error, which the documents of services and of a gateway share.

use serde_json::{Value, json};

/// Returns the schema of an error (RFC 9457).
#[must_use]
pub fn schema() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    json!({
        "type": "object",
        "description": "An error (RFC 9457).",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": text("`about:blank` if the status says what kind of problem it is. \
                          `urn:problem-type:ballet:not-yet`: try again after `Retry-After`."),
            "title": text("The status in words."),
            "status": { "type": "integer", "description": "The HTTP status code." },
            "detail": text("What is wrong, and what to do."),
            "errors": {
                "type": "array",
                "description": "The parts of the request that are wrong, if it is known which.",
                "items": {
                    "type": "object",
                    "required": ["in", "detail"],
                    "properties": {
                        "in": { "type": "string", "enum": ["body", "query", "path", "header"],
                            "description": "Where it is in the request." },
                        "pointer": text("The field of the body, as a JSON Pointer (RFC 6901) in a URI fragment."),
                        "name": text("The name of the parameter or header."),
                        "detail": text("What is wrong with it."),
                    },
                },
            },
        },
    })
}
