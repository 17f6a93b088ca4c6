//! The series of telemetry, each with its labels: all of them are there from the start.

use ballet_core::Part;
use metrics::Counter;

/// How a measurement was published.
pub(crate) const CONFIRMED: &str = "confirmed";
pub(crate) const UNCONFIRMED: &str = "unconfirmed";
pub(crate) const REFUSED: &str = "refused";

/// Why a message was set aside.
pub(crate) const UNKNOWN_TYPE: &str = "unknown_type";
pub(crate) const BODY_TOO_BIG: &str = "body_too_big";
pub(crate) const BODY_DOES_NOT_MATCH: &str = "body_does_not_match";
pub(crate) const READER_FAILED: &str = "reader_failed";

pub(crate) fn begin(part: &Part) {
    for telemetry in &part.telemetry {
        for outcome in [CONFIRMED, UNCONFIRMED, REFUSED] {
            drop(published(telemetry.name(), outcome));
        }
    }
    for reader in &part.readers {
        drop(read(reader.name));
        for reason in [UNKNOWN_TYPE, BODY_TOO_BIG, BODY_DOES_NOT_MATCH, READER_FAILED] {
            drop(aside(reader.name, reason));
        }
        let streams = (0..reader.reads.partition_count()).map(|n| reader.reads.routing_key(n));
        // A follower has no place in the database, so it misses nothing.
        if reader.in_memory {
            streams.for_each(|stream| follow_lag(reader.name, stream, 0.0));
            continue;
        }
        drop(missed(reader.name));
        streams.for_each(|stream| lag(reader.name, stream, (0.0, 0.0)));
    }
}

pub(crate) fn published(telemetry: &'static str, outcome: &'static str) -> Counter {
    metrics::counter!("ballet_telemetry_published_total", "type" => telemetry, "outcome" => outcome)
}

pub(crate) fn read(reader: &'static str) -> Counter {
    metrics::counter!("ballet_telemetry_read_total", "reader" => reader)
}

pub(crate) fn missed(reader: &'static str) -> Counter {
    metrics::counter!("ballet_telemetry_missed_total", "reader" => reader)
}

pub(crate) fn aside(reader: &'static str, reason: &'static str) -> Counter {
    metrics::counter!("ballet_telemetry_aside_total", "reader" => reader, "reason" => reason)
}

/// Sets how far a reader is behind the end of a stream: messages and seconds.
pub(crate) fn lag(reader: &'static str, stream: String, (messages, seconds): (f64, f64)) {
    let labels = [("reader", reader.to_owned()), ("stream", stream)];
    metrics::gauge!("ballet_telemetry_lag_messages", &labels).set(messages);
    metrics::gauge!("ballet_telemetry_lag_seconds", &labels).set(seconds);
}

/// Sets for how many seconds what a follower in this process takes was in the stream.
pub(crate) fn follow_lag(follower: &'static str, stream: String, seconds: f64) {
    let labels = [("reader", follower.to_owned()), ("stream", stream)];
    metrics::gauge!("ballet_telemetry_follow_lag_seconds", &labels).set(seconds);
}
