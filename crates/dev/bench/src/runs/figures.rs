//! The columns of a run's figures, and the arithmetic behind them.

use std::time::Duration;

use tokio::time::Instant;

use crate::runs::load::SagaEnd;
use crate::saga4::contract::MESSAGES as OF_SAGA;

/// Sagas that ended per second.
pub const SAGAS: &str = "sagas/s";
/// Messages that services handled per second.
pub const MESSAGES: &str = "msgs/s";
/// Milliseconds from a saga's due start until its end was seen.
pub const P50: &str = "p50 ms";
/// The same, see `P50`.
pub const P99: &str = "p99 ms";
/// Bytes of write-ahead log per message.
pub const WAL: &str = "WAL B";

pub(crate) fn messages(ended: &[(Instant, SagaEnd, Duration)]) -> f64 {
    let of = |end| match end {
        SagaEnd::Closed => OF_SAGA.closed,
        SagaEnd::Cancelled => OF_SAGA.cancelled,
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
