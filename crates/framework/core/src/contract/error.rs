//! Why a contract cannot be used.

/// The version of the form that this release writes and reads.
pub(crate) const VERSION: u32 = 1;

/// Why a contract declares nothing that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// It was written for another release.
    #[error("it has version {0} of the form, and this release reads version {reads}", reads = VERSION)]
    Version(u32),
    /// The name of an event is not well formed.
    #[error(
        "{0:?} does not name an event: a name is `<service>.<past_tense_event>.v<major>`, for \
         instance `orders.order_placed.v1`"
    )]
    Name(String),
    /// An event has no entry under `events`.
    #[error("{0} is used but is not among `events`: add it there, with its role and its schema")]
    NoEvent(String),
    /// The entry of a telemetry type cannot be right.
    #[error(
        "{0:?} does not say a type of telemetry: its name is `<service>.<what>.v<major>`, it has 1 to 64 \
         partitions, and is kept for a day at least"
    )]
    Telemetry(String),
    /// A telemetry type has no entry under `telemetry`.
    #[error(
        "{0} is used but is not among `telemetry`: add it there, with its partitions and its schema"
    )]
    NoTelemetry(String),
    /// An event has two entries under `events`.
    #[error("{0} is among `events` twice: remove one")]
    Twice(String),
    /// The schema of an event or of telemetry is neither an object nor a boolean.
    #[error("the schema of {0} is no JSON schema: it is an object, or true for any body")]
    Schema(String),
}
