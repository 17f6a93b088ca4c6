//! Messages that the broker holds because it cannot dead-letter them.
//!
//! A quorum queue with at-least-once dead-lettering keeps an expired or too often delivered message until its next
//! queue has it, usually for moments. Only the count `messages_dlx` shows such a message.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ballet_core::topology::{RETRIES, dead_queue};
use serde_json::Value;

use crate::words::counted;

/// RabbitMQ 4 counts every five seconds. A message held for longer is stuck.
const HELD_FOR: Duration = Duration::from_secs(8);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Returns the number of messages that each queue holds for dead-lettering. `queues` are as the management API lists
/// them.
#[must_use]
pub fn held_in(queues: &[Value]) -> BTreeMap<String, u64> {
    let held = |queue: &Value| {
        let count = queue["messages_dlx"].as_u64().filter(|count| *count > 0)?;
        Some((queue["name"].as_str()?.to_owned(), count))
    };
    queues.iter().filter_map(held).collect()
}

/// Returns the messages that stay held. `queues` are as in [`held_in`], and `later` reads them again.
///
/// # Errors
///
/// The errors of `later`.
pub async fn stay_held<E, F>(
    queues: &[Value],
    later: impl Fn() -> F,
) -> Result<BTreeMap<String, u64>, E>
where
    F: Future<Output = Result<Vec<Value>, E>>,
{
    let mut held = held_in(queues);
    let end = Instant::now() + HELD_FOR;
    while !held.is_empty() && Instant::now() < end {
        tokio::time::sleep(LOOK_EVERY).await;
        still_held(&mut held, &held_in(&later().await?));
    }
    Ok(held)
}

fn still_held(held: &mut BTreeMap<String, u64>, later: &BTreeMap<String, u64>) {
    held.retain(|queue, count| {
        *count = later.get(queue).map_or(0, |later| *later.min(count));
        *count > 0
    });
}

/// Describes a queue's held messages and the remedy.
#[must_use]
pub fn held_words(queue: &str, count: u64) -> String {
    let messages = counted(count, "message");
    let next = if RETRIES.iter().any(|(retry, _)| *retry == queue) {
        format!(
            "{messages} in queue `{queue}` waited longer than its time, and the broker cannot return \
             them to their services: check that the queue of each service exists"
        )
    } else {
        format!(
            "{messages} of queue `{queue}` should be dead letters, and the broker cannot move them \
             to `{}`: check with `ballet topology check` that it is there and bound",
            dead_queue(queue)
        )
    };
    format!(
        "{next}. If nothing is missing, the broker's task for dead-lettering has ended: its log names \
         rabbit_fifo_dlx; restart the node that leads the queue"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn held_is_what_every_list_shows() {
        let list = |held: u64, other: u64| {
            held_in(&[
                json!({ "name": "retry.5s", "messages_dlx": held, "messages": 0 }),
                json!({ "name": "orders", "messages_dlx": other }),
                json!({ "name": "journal", "messages": 7 }),
            ])
        };
        let mut held = list(3, 1);
        assert_eq!(held.len(), 2);
        still_held(&mut held, &list(2, 0));
        assert_eq!(held, BTreeMap::from([("retry.5s".to_owned(), 2)]));
        assert!(held_words("retry.5s", 2).starts_with("2 messages in queue `retry.5s` waited"));
        assert!(held_words("orders", 1).contains("cannot move them to `orders.dead`"));
    }
}
