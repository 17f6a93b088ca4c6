//! The section of a contract about exceptions.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::events::lasting::lasting;
use crate::parts::part::ExceptionPart;

/// What a service excepts from a rule of `ballet check`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExceptionLines {
    /// The rule's id: `B066`.
    pub(crate) rule: String,
    /// The step, saga, event, `EVENT/FIELD` or entity of the service; empty for the service as a whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) of: String,
    /// The reason.
    pub(crate) reason: String,
}

impl ExceptionLines {
    pub(crate) fn of(part: &ExceptionPart) -> Self {
        let [rule, of, reason] = [part.rule, part.of, part.reason].map(str::to_owned);
        Self { rule, of, reason }
    }

    pub(crate) fn part(&self) -> ExceptionPart {
        let [rule, of, reason] = [&self.rule, &self.of, &self.reason].map(|text| lasting(text));
        ExceptionPart { rule, of, reason }
    }
}
