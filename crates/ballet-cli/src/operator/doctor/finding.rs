//! Helpers that the checks share.

pub(super) use ballet_ops::finding::{Finding, FindingState};

/// Reads a number in the management API's answers.
pub(super) fn number(value: &serde_json::Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// A system for the tests of the checks.
#[cfg(test)]
pub(super) fn system_of(parts: Vec<ballet::core::Part>) -> ballet::core::System {
    ballet::core::System { name: "shop", parts }
}
