//! Why a message becomes a dead letter: a code for machines and a sentence for people.

use std::fmt;

use serde::Serialize;

use crate::events::event::EventType;

/// The longest sentence, in characters.
const LONGEST_DETAIL: usize = 500;

/// Why a message becomes a dead letter. Its code is the header `x-dead-reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is no `type`, and the routing key is not an event's name.
    NoType,
    /// No handler of this service knows the event.
    UnknownType,
    /// The event is known here, but not in this version.
    UnknownVersion,
    /// The message came again and again, and was never settled, so it may end the process.
    CrashLoop,
    /// A property is not text, or the headers cannot be read.
    UnreadableProperties,
    /// The headers are more, bigger or deeper than the limits allow.
    HeadersTooBig,
    /// The header `CC` sends the message past its publisher's rights.
    CarbonCopy,
    /// The journal cannot keep one of the headers.
    UnkeptHeader,
    /// The content type is not JSON.
    WrongContentType,
    /// The body is compressed.
    WrongContentEncoding,
    /// The body is bigger than the limit.
    BodyTooBig,
    /// The body is not UTF-8.
    NotUtf8,
    /// The body is nested deeper than the limit.
    TooDeep,
    /// The message claims to be a CloudEvent, but is not one that is understood.
    NotACloudEvent,
    /// The message claims to be a pack, and its members cannot be told apart.
    NotAPack,
    /// The body is not JSON.
    NotJson,
    /// The body is JSON, but does not have the event's shape.
    WrongShape,
    /// `app_id` may not publish this type.
    ForgedAppId,
    /// `type` and the routing key differ, or another service sent the message through a retry
    /// queue, since the broker's rights guard only the routing key.
    ForgedType,
    /// An event of a running saga carries no saga id.
    NoCorrelationId,
    /// The correlation id is not a UUID.
    WrongCorrelationId,
    /// The time in the message's or the saga's id lies in the future.
    ClockAhead,
    /// The message is older than the window in which message ids are remembered.
    TooOldToDeduplicate,
    /// The saga is too old to begin, or so old that nothing is known of it any more.
    SagaTooOld,
    /// A handler said that a retry is of no use.
    Permanent,
    /// A handler failed in every attempt.
    Failed,
    /// The event that this one depends on did not come within an hour.
    NotYet,
}

impl Reason {
    /// All reasons, roughly in the order in which a message is checked.
    pub const ALL: [Self; 27] = [
        Self::CrashLoop,
        Self::UnreadableProperties,
        Self::HeadersTooBig,
        Self::CarbonCopy,
        Self::UnkeptHeader,
        Self::WrongContentType,
        Self::WrongContentEncoding,
        Self::BodyTooBig,
        Self::NotUtf8,
        Self::TooDeep,
        Self::NotACloudEvent,
        Self::NotAPack,
        Self::NoType,
        Self::UnknownType,
        Self::UnknownVersion,
        Self::ForgedType,
        Self::ForgedAppId,
        Self::ClockAhead,
        Self::TooOldToDeduplicate,
        Self::NoCorrelationId,
        Self::WrongCorrelationId,
        Self::SagaTooOld,
        Self::NotJson,
        Self::WrongShape,
        Self::Permanent,
        Self::Failed,
        Self::NotYet,
    ];

    /// The code, for instance `wrong_shape`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoType => "no_type",
            Self::UnknownType => "unknown_type",
            Self::UnknownVersion => "unknown_version",
            Self::CrashLoop => "crash_loop",
            Self::UnreadableProperties => "unreadable_properties",
            Self::HeadersTooBig => "headers_too_big",
            Self::CarbonCopy => "carbon_copy",
            Self::UnkeptHeader => "unkept_header",
            Self::WrongContentType => "wrong_content_type",
            Self::WrongContentEncoding => "wrong_content_encoding",
            Self::BodyTooBig => "body_too_big",
            Self::NotUtf8 => "not_utf8",
            Self::TooDeep => "too_deep",
            Self::NotACloudEvent => "not_a_cloud_event",
            Self::NotAPack => "not_a_pack",
            Self::NotJson => "not_json",
            Self::WrongShape => "wrong_shape",
            Self::ForgedAppId => "forged_app_id",
            Self::ForgedType => "forged_type",
            Self::NoCorrelationId => "no_correlation_id",
            Self::WrongCorrelationId => "wrong_correlation_id",
            Self::ClockAhead => "clock_ahead",
            Self::TooOldToDeduplicate => "too_old_to_deduplicate",
            Self::SagaTooOld => "saga_too_old",
            Self::Permanent => "permanent",
            Self::Failed => "failed",
            Self::NotYet => "not_yet",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The refusal of a message: a code for machines and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Unacceptable {
    /// The code.
    pub reason: Reason,
    /// The mistake, and advice on how to correct it.
    pub detail: String,
}

impl Unacceptable {
    /// A refusal with its sentence. A long one is cut, because it goes into a header and may quote
    /// the message.
    #[must_use]
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if let Some((end, _)) = detail.char_indices().nth(LONGEST_DETAIL) {
            detail.truncate(end);
            detail.push_str(" ...");
        }
        Self { reason, detail }
    }

    /// The refusal of a body that could not be parsed as the event.
    #[must_use]
    pub fn from_json(event_type: EventType, error: &serde_json::Error) -> Self {
        if error.is_data() {
            return Self::new(
                Reason::WrongShape,
                format!("the body does not have the shape of {event_type}: {error}"),
            );
        }
        Self::not_json(error)
    }

    pub(crate) fn not_json(error: &serde_json::Error) -> Self {
        if error.is_eof() && (error.line(), error.column()) == (1, 0) {
            return Self::new(Reason::NotJson, "the body is empty: send the event as JSON");
        }
        Self::new(Reason::NotJson, format!("the body is not JSON: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_that_quotes_a_long_body_is_cut() {
        let error = Unacceptable::new(Reason::WrongShape, "\u{e4}".repeat(100_000));
        assert_eq!(error.detail.chars().count(), LONGEST_DETAIL + 4);
    }

    #[test]
    fn every_reason_has_a_code_of_its_own() {
        let mut codes: Vec<&str> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            let json = serde_json::to_value(reason).expect("JSON");
            assert_eq!(json, reason.code());
        }
    }
}
