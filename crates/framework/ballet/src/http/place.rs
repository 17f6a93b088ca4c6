//! The part of a request that an error is about.

use std::fmt;

use serde::Serialize;

/// A part of a request: a field of its body, or a parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "in", rename_all = "snake_case")]
pub enum Place {
    /// A field of the body.
    Body {
        /// A JSON Pointer (RFC 6901) as a URI fragment: `#/lines/0/quantity`.
        pointer: String,
    },
    /// A parameter of the query.
    Query {
        /// The parameter's name.
        name: String,
    },
    /// A parameter of the path.
    Path {
        /// The parameter's name, as in the route.
        name: String,
    },
    /// A header.
    Header {
        /// The header's name.
        name: String,
    },
}

impl Place {
    /// The field of the body that these names and indexes lead to: `["lines", "0", "quantity"]`.
    #[must_use]
    pub fn body<Part: AsRef<str>>(path: impl IntoIterator<Item = Part>) -> Self {
        let mut pointer = "#".to_owned();
        for part in path {
            pointer.push('/');
            escape(part.as_ref(), &mut pointer);
        }
        Self::Body { pointer }
    }

    /// A parameter of the query.
    #[must_use]
    pub fn query(name: impl Into<String>) -> Self {
        Self::Query { name: name.into() }
    }

    /// A parameter of the path.
    #[must_use]
    pub fn path(name: impl Into<String>) -> Self {
        Self::Path { name: name.into() }
    }

    /// A header.
    #[must_use]
    pub fn header(name: impl Into<String>) -> Self {
        Self::Header { name: name.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body { pointer } if pointer == "#" => f.write_str("the body"),
            Self::Body { pointer } => write!(f, "the body's field {pointer}"),
            Self::Query { name } => write!(f, "the query parameter {name}"),
            Self::Path { name } => write!(f, "the path parameter {name}"),
            Self::Header { name } => write!(f, "the header {name}"),
        }
    }
}

fn escape(part: &str, pointer: &mut String) {
    for byte in part.bytes() {
        match byte {
            b'~' => pointer.push_str("~0"),
            b'/' => pointer.push_str("~1"),
            b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                pointer.push(char::from(byte));
            }
            other => pointer.push_str(&format!("%{other:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_named_by_a_pointer_in_a_uri() {
        let field = Place::body(["lines", "0", "unit price", "a/b~"]);
        let json = serde_json::json!({"in": "body", "pointer": "#/lines/0/unit%20price/a~1b~0"});
        assert_eq!(serde_json::to_value(field).expect("JSON"), json);
        assert_eq!(Place::body([""; 0]).to_string(), "the body");
    }
}
