//! Why a message becomes a dead letter: a code for machines and a sentence for people.

use serde::Serialize;

use crate::events::event::EventType;
use crate::named::named;

/// The longest sentence, in characters.
const LONGEST_DETAIL: usize = 500;

named! {
    /// Why a message becomes a dead letter, roughly in the order in which a message is checked. Its code is the header
    /// `x-dead-reason`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Reason, code
    /// The message came again and again, and was never settled, so it may end the process.
    CrashLoop = "crash_loop",
    /// A property is not text, or the headers cannot be read.
    UnreadableProperties = "unreadable_properties",
    /// The headers are more, bigger or deeper than the limits allow.
    HeadersTooBig = "headers_too_big",
    /// The header `CC` sends the message past its publisher's rights.
    CarbonCopy = "carbon_copy",
    /// The journal cannot keep one of the headers.
    UnkeptHeader = "unkept_header",
    /// The content type is not JSON.
    WrongContentType = "wrong_content_type",
    /// The body is compressed.
    WrongContentEncoding = "wrong_content_encoding",
    /// The body is bigger than the limit.
    BodyTooBig = "body_too_big",
    /// The body is not UTF-8.
    NotUtf8 = "not_utf8",
    /// The body is nested deeper than the limit.
    TooDeep = "too_deep",
    /// The message claims to be a CloudEvent, but is not one that is understood.
    NotACloudEvent = "not_a_cloud_event",
    /// The message claims to be a pack, and its members cannot be told apart.
    NotAPack = "not_a_pack",
    /// There is no `type`, and the routing key is not an event's name.
    NoType = "no_type",
    /// No handler of this service knows the event.
    UnknownType = "unknown_type",
    /// The event is known here, but not in this version.
    UnknownVersion = "unknown_version",
    /// `type` and the routing key differ, or another service sent the message through a retry
    /// queue, since the broker's rights guard only the routing key.
    ForgedType = "forged_type",
    /// `app_id` may not publish this type.
    ForgedAppId = "forged_app_id",
    /// The time in the message's or the saga's id lies in the future.
    ClockAhead = "clock_ahead",
    /// The message is older than the window in which message ids are remembered.
    TooOldToDeduplicate = "too_old_to_deduplicate",
    /// An event of a running saga carries no saga id.
    NoCorrelationId = "no_correlation_id",
    /// The correlation id is not a UUID.
    WrongCorrelationId = "wrong_correlation_id",
    /// The saga is too old to begin, or so old that nothing is known of it any more.
    SagaTooOld = "saga_too_old",
    /// The body is not JSON.
    NotJson = "not_json",
    /// The body is JSON, but does not have the event's shape.
    WrongShape = "wrong_shape",
    /// A handler said that a retry is of no use.
    Permanent = "permanent",
    /// A handler failed in every attempt.
    Failed = "failed",
    /// The event that this one depends on did not come within an hour.
    NotYet = "not_yet",
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
    fn a_reason_is_its_code_in_json_too() {
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).expect("JSON"), reason.code());
        }
    }
}
