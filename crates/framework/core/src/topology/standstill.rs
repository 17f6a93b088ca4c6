//! Whether the broker takes and gives messages for a queue at all.

use serde_json::Value;

/// A queue whose process at the broker does not run. Messages to it are never confirmed, and none comes from
/// it, while its readers stay connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standstill {
    /// It has no leader, or its node calls it down.
    Down,
    /// The broker tells nothing of it, while it does of others, as for some seconds after a queue
    /// is declared, or for good if the queue's process has crashed.
    Silent,
}

/// Whether a quorum queue stands still, from the list of queues as the management API writes it.
///
/// Seen on 3.10.8: a queue without a process has the leader `null` and may have the state `running` all the same;
/// one whose process has crashed before its first entry has a leader and no state. 4.3.6 goes on naming a leader,
/// and the state `running`, for a queue whose process was killed, so that it is not seen there.
#[must_use]
pub fn standstill(queue: &Value, listed: &[Value]) -> Option<Standstill> {
    let is_quorum = |queue: &&Value| queue["type"] == "quorum";
    if !is_quorum(&queue) {
        return None;
    }
    let is_down = matches!(queue["state"].as_str(), Some("down" | "crashed" | "terminated"));
    if is_down
        || queue.get("leader").is_some_and(|leader| leader.as_str().is_none_or(str::is_empty))
    {
        return Some(Standstill::Down);
    }
    // Where nobody collects figures, no queue has a state.
    let has_no_state = |queue: &Value| queue["state"].is_null();
    let others_have = || listed.iter().filter(is_quorum).any(|other| !has_no_state(other));
    (has_no_state(queue) && others_have()).then_some(Standstill::Silent)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_queue_without_a_leader_or_that_the_broker_says_nothing_of_stands_still() {
        let queue = |leader: Value, state: Value| json!({ "type": "quorum", "leader": leader, "state": state });
        let runs = queue(json!("rabbit@one"), json!("running"));
        let silent = queue(json!("rabbit@one"), Value::Null);
        let listed = [runs.clone(), silent.clone()];
        assert_eq!(standstill(&runs, &listed), None);
        assert_eq!(standstill(&silent, &listed), Some(Standstill::Silent));
        assert_eq!(standstill(&silent, &[silent.clone(), json!({ "type": "stream" })]), None);
        for down in [
            queue(Value::Null, json!("running")),
            queue(json!(""), Value::Null),
            queue(json!("rabbit@one"), json!("down")),
        ] {
            assert_eq!(standstill(&down, &listed), Some(Standstill::Down), "{down}");
        }
        // An answer that leaves the leader out says nothing of it.
        assert_eq!(standstill(&json!({ "type": "quorum", "state": "running" }), &listed), None);
        assert_eq!(standstill(&json!({ "type": "classic" }), &listed), None);
    }
}
