//! Compares the broker's queues with the declared ones: whether they are there, and which policies are in
//! force. A policy of an operator can make a queue drop messages after their publisher has its confirm.

use std::fmt;

use ballet_amqp::NotListed;
use ballet_amqp::metric::Gauge;
use ballet_core::Part;
use ballet_core::topology::{NeededQueue, QueueDifference, queues_needed_by};
use serde_json::Value;
use tokio::sync::watch;

/// How the broker's queues compare with the declared ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct DeclaredQueues {
    differ: Vec<QueueDifference>,
    was_compared: bool,
    /// Why the last comparison did not take place, if it did not.
    unknown: Option<String>,
}

impl DeclaredQueues {
    /// Whether no queue is known to lose messages of the service.
    pub(crate) fn lose_nothing(&self) -> bool {
        !self.differ.iter().any(|queue| queue.loses)
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
        if !self.lose_nothing() {
            f.write_str(": messages are lost")?;
        }
        f.write_str(": `ballet topology check` says how to mend it")
    }
}

/// The declared queues, each with the gauge that is 1 while the broker's differs.
pub(crate) struct CompareQueues {
    needed: Vec<(NeededQueue, Gauge)>,
    state: watch::Sender<DeclaredQueues>,
}

impl CompareQueues {
    pub(crate) fn new(part: &Part, state: watch::Sender<DeclaredQueues>) -> Self {
        let gauge = |queue: &NeededQueue| ballet_amqp::gauge!("ballet_queue_differs", "queue" => queue.name().to_owned());
        let needed = queues_needed_by(part).into_iter();
        Self { needed: needed.map(|queue| (queue.clone(), gauge(&queue))).collect(), state }
    }

    pub(crate) fn take(&self, found: Result<Vec<Value>, NotListed>) {
        let mut now = self.state.borrow().clone();
        match found {
            // What differed when the broker last answered still counts.
            Err(NotListed(why)) => now.unknown = Some(why),
            Ok(found) => {
                now = DeclaredQueues { was_compared: true, ..DeclaredQueues::default() };
                for (queue, gauge) in &self.needed {
                    let difference = queue.compare(&found);
                    gauge.set(if difference.is_some() { 1.0 } else { 0.0 });
                    now.differ.extend(difference);
                }
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
