//! Compares the broker's queues with the declared ones: whether they are there and run, and which
//! policies are in force. An operator's policy can make a queue drop confirmed messages.

use std::fmt;

use ballet_amqp::NotListed;
use ballet_core::topology::{NeededQueue, QueueDifference, queues_needed_by};
use ballet_core::{Cause, Part};
use metrics::Gauge;
use serde_json::Value;
use tokio::sync::watch;

#[derive(Debug, Clone, Default)]
pub(crate) struct DeclaredQueues {
    differ: Vec<QueueDifference>,
    was_compared: bool,
    /// Why the last comparison did not take place, if it did not.
    unknown: Option<String>,
}

impl DeclaredQueues {
    /// Whether no queue is known to lose messages of the service, or to stand still.
    pub(crate) fn serve(&self) -> bool {
        !self.lose() && !self.stand_still()
    }

    pub(crate) fn cause(&self) -> Cause {
        if self.stand_still() { Cause::Queue } else { Cause::Policy }
    }

    fn lose(&self) -> bool {
        self.differ.iter().any(|queue| queue.loses)
    }

    fn stand_still(&self) -> bool {
        self.differ.iter().any(|queue| queue.stands_still)
    }
}

impl fmt::Display for DeclaredQueues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.differ.is_empty() {
            return match &self.unknown {
                Some(why) => write!(f, "not compared: {why}"),
                None if !self.was_compared => f.write_str("not compared yet"),
                None => f.write_str("ok"),
            };
        }
        for (at, queue) in self.differ.iter().enumerate() {
            write!(f, "{}{}", if at == 0 { "" } else { ", " }, queue.words)?;
        }
        if self.lose() {
            f.write_str(": messages are lost")?;
        }
        f.write_str(if self.stand_still() {
            ": `ballet doctor` says how to mend it"
        } else {
            ": `ballet topology check` says how to mend it"
        })
    }
}

pub(crate) struct QueueComparer {
    needed: Vec<ComparedQueue>,
    state: watch::Sender<DeclaredQueues>,
}

struct ComparedQueue {
    queue: NeededQueue,
    /// It is 1 while the broker's queue differs.
    gauge: Gauge,
}

impl QueueComparer {
    pub(crate) fn new(part: &Part, state: watch::Sender<DeclaredQueues>) -> Self {
        let compared = |queue: NeededQueue| {
            let gauge = metrics::gauge!("ballet_queue_differs", "queue" => queue.name().to_owned());
            ComparedQueue { queue, gauge }
        };
        Self { needed: queues_needed_by(part).into_iter().map(compared).collect(), state }
    }

    pub(crate) fn take(&self, found: Result<Vec<Value>, NotListed>) {
        let mut now = self.state.borrow().clone();
        match found {
            // The differences of the broker's last answer still count.
            Err(NotListed(why)) => now.unknown = Some(why),
            Ok(found) => {
                let differ = self.needed.iter().filter_map(|one| one.compare(&found)).collect();
                now = DeclaredQueues { differ, was_compared: true, unknown: None };
                let before = self.state.borrow().differ.clone();
                if now.differ.is_empty() && !before.is_empty() {
                    tracing::warn!("all queues are as declared again");
                } else if now.differ != before {
                    tracing::error!("{now}");
                }
            }
        }
        self.state.send_replace(now);
    }
}

impl ComparedQueue {
    fn compare(&self, listed: &[Value]) -> Option<QueueDifference> {
        let found = self.queue.compare(listed);
        self.gauge.set(if found.is_some() { 1.0 } else { 0.0 });
        found
    }
}
