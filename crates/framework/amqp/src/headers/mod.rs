//! Message headers: our names, their values, and the headers that a copy keeps.

mod copies;
pub(crate) mod names;
pub(crate) mod value;

pub use copies::{Deaths, drop_foreign, kept, plain_body_properties, properties_to_keep};
pub use names::{
    ACQUIRED_COUNT, ATTEMPTS, BAGGAGE, CAUSATION_ID, DEAD_AT, DEAD_DETAIL, DEAD_EXCHANGE,
    DEAD_HEADERS, DEAD_PREFIX, DEAD_REASON, DEAD_ROUTING_KEY, DEAD_SERVICE, DEAD_STEP, DEATHS,
    DELIVERY_COUNT, DISCARDED, EDITED, MEMBERS, ORIGINAL_BYTES, ORIGINAL_EXPIRATION,
    ORIGINAL_HEADERS, ORIGINAL_MESSAGE_ID, ORIGINAL_USER_ID, REDRIVE_ID, REDRIVEN, REDRIVES,
    RETRIED, RETRIES, RETRIES_FAILED, RETRY_DETAIL, RETRY_EXCHANGE, RETRY_ROUTING_KEY, SEARCHED,
    STREAM_OFFSET, TRACEPARENT, TRACESTATE, is_about_redrives, is_ours,
};
pub use value::{
    count_header, encoded_size, insert_text, integer, integer_header, measure, text, text_header,
    unkept,
};
