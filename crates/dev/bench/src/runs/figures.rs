//! The figures of a run, and the arithmetic behind them.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::runs::load::SagaEnd;
use crate::saga4::contract::MESSAGES;

/// The figures of a run. "A message" is one that a service handled.
#[derive(Debug, Clone, Serialize)]
pub struct RunFigures {
    /// Sagas that ended per second.
    pub sagas: f64,
    /// Messages that were handled per second.
    pub messages: f64,
    /// Events in a message that told of ends.
    pub members: f64,
    /// Milliseconds from a saga's due start until its end was seen.
    pub latencies: Vec<f64>,
    /// Milliseconds of processor time per message.
    pub cpu: Cpu,
    /// Bytes of write-ahead log per message.
    pub wal: f64,
    /// The peak memory of the largest service process, in megabytes.
    pub memory_peak: f64,
}

/// Milliseconds of processor time per message.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Cpu {
    /// Postgres with all its processes.
    pub postgres: f64,
    /// RabbitMQ.
    pub broker: f64,
    /// The four services.
    pub services: f64,
}

impl Cpu {
    /// All but the program that starts and watches sagas, the same for all contestants.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.postgres + self.broker + self.services
    }
}

pub(crate) fn messages(ended: &[(Instant, SagaEnd, Duration)]) -> f64 {
    let of = |end| match end {
        SagaEnd::Closed => MESSAGES.closed,
        SagaEnd::Cancelled => MESSAGES.cancelled,
        // The oracle fails such a run.
        SagaEnd::Dead => 0,
    };
    f64::from(ended.iter().map(|(_, end, _)| of(*end)).sum::<u32>())
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn count(items: usize) -> f64 {
    items as f64
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) fn per(amount: i64, messages: f64) -> f64 {
    amount as f64 / messages.max(1.0)
}
