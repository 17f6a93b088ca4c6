//! Whether the broker takes and gives messages for a queue at all.

use serde_json::Value;

/// Whether a quorum queue stands still: it has no leader, or its node calls it down. Messages to it are never confirmed,
/// and none comes from it, while its readers stay connected. `queue` is as the management API writes it.
///
/// On 3.10.8 a queue without a process has the leader `null` and may have the state `running` all the same; 4.3.6 goes on
/// naming a leader, and the state `running`, for a queue whose process was killed, so that it is not seen there.
#[must_use]
pub fn stands_still(queue: &Value) -> bool {
    let is_down = matches!(queue["state"].as_str(), Some("down" | "crashed" | "terminated"));
    let has_leader = |leader: &Value| leader.as_str().is_some_and(|leader| !leader.is_empty());
    queue["type"] == "quorum" && (is_down || queue.get("leader").is_some_and(|it| !has_leader(it)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_queue_without_a_leader_stands_still() {
        for (leader, state, expected) in [
            (json!("rabbit@one"), "running", false),
            (json!(null), "running", true),
            (json!(""), "running", true),
            (json!("rabbit@one"), "down", true),
        ] {
            let queue = json!({ "type": "quorum", "leader": leader, "state": state });
            assert_eq!(stands_still(&queue), expected, "{queue}");
        }
        // An answer that leaves the leader out says nothing of it.
        assert!(!stands_still(&json!({ "type": "quorum", "state": "running" })));
        assert!(!stands_still(&json!({ "type": "classic", "leader": null })));
    }
}
