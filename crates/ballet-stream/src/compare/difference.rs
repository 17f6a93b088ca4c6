//! The differences between two runs of a saga, for people and as JSON.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// One difference between what was expected of a saga and what came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The saga's id where it was recorded.
    pub saga: String,
    /// The event, behind those that led to it.
    pub path: Vec<String>,
    /// The kind of difference.
    #[serde(flatten)]
    pub change: Change,
}

/// The kinds of differences in an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// It was expected, and did not come.
    Missing {
        /// Its body.
        body: Value,
    },
    /// It came, and was not expected.
    New {
        /// Its body.
        body: Value,
    },
    /// A value in its body is another one.
    Field {
        /// The JSON pointer of the value.
        pointer: String,
        /// The value that was expected; nothing if the field is new.
        expected: Option<Value>,
        /// The value that came; nothing if the field is missing.
        actual: Option<Value>,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = self.path.last().map_or("", String::as_str);
        match &self.change {
            Change::Missing { body } => write!(f, "- {event} is missing: {body}"),
            Change::New { body } => write!(f, "+ {event} is new: {body}"),
            Change::Field { pointer, expected, actual } => {
                let text = |value: &Option<Value>| {
                    value.as_ref().map_or("nothing".to_owned(), ToString::to_string)
                };
                let (expected, actual) = (text(expected), text(actual));
                write!(f, "~ {event} {pointer}: expected {expected}, got {actual}")
            }
        }
    }
}
