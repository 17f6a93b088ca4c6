//! The differences between two runs of a saga, for people and as JSON.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

/// One difference between the expected and the actual events of a saga.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The saga's id in the recording.
    pub saga: String,
    /// The types of the events that led to it, and its own.
    pub path: Vec<String>,
    /// The kind of difference.
    #[serde(flatten)]
    pub change: DifferenceKind,
}

/// The kinds of differences in an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum DifferenceKind {
    /// An expected event did not come.
    Missing {
        /// Its body.
        body: Value,
    },
    /// An unexpected event came.
    New {
        /// Its body.
        body: Value,
    },
    /// A value in the body differs.
    Field {
        /// The JSON pointer of the value.
        pointer: String,
        /// The expected value, if the field is not new.
        expected: Option<Value>,
        /// The actual value, unless the field is missing.
        actual: Option<Value>,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = self.path.last().map_or("", String::as_str);
        match &self.change {
            DifferenceKind::Missing { body } => write!(f, "- {event} is missing: {body}"),
            DifferenceKind::New { body } => write!(f, "+ {event} is new: {body}"),
            DifferenceKind::Field { pointer, expected, actual } => {
                let text = |value: &Option<Value>| {
                    value.as_ref().map_or("nothing".to_owned(), ToString::to_string)
                };
                let (expected, actual) = (text(expected), text(actual));
                write!(f, "~ {event} {pointer}: expected {expected}, got {actual}")
            }
        }
    }
}
