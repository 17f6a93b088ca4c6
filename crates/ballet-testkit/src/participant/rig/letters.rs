//! Dead letters, as a participant owes them.

use ballet::core::Reason;
use serde_json::Value;

use crate::participant::rig::world::Wrong;

/// Whether one of these is the dead letter of a message, with this reason and the body as it came.
pub(crate) fn check(
    letters: &[Value],
    id: &Value,
    reason: Reason,
    body: &str,
) -> Result<(), Wrong> {
    let letter = letters.iter().find(|letter| letter["properties"]["message_id"] == *id);
    let letter = letter.ok_or_else(|| format!("no dead letter has the id {id}, with {reason}"))?;
    let headers = &letter["properties"]["headers"];
    if headers["x-dead-reason"] != reason.code() {
        return Err(format!("the reason should be {reason}: {letter}"));
    }
    if letter["payload"] != *body {
        return Err(format!("the body should be {body}: {letter}"));
    }
    for name in ["x-dead-detail", "x-dead-at", "x-dead-service"] {
        if headers[name].as_str().is_none_or(str::is_empty) {
            return Err(format!("there is no {name}: {letter}"));
        }
    }
    Ok(())
}
