//! One breaking change of a system's contracts.

/// A change, and the services that it breaks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContractChange {
    /// The subject: an event, a step (`payments.capture_payment`), a saga, a projection.
    pub subject: String,
    /// The rule that makes the change breaking.
    pub rule: ChangeRule,
    /// The field of an event, such as `lines.quantity`. Empty for other changes.
    pub field: String,
    /// The service whose contract changed.
    pub service: String,
    /// The services that break.
    pub breaks: Vec<String>,
    /// The difference, as a clause.
    pub what: String,
    /// Advice to avoid the break. Empty if there is none.
    pub advice: String,
}

/// Why a change breaks a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeRule {
    /// A field that a reader requires is gone.
    FieldRemoved,
    /// A field that a reader requires may be missing.
    FieldOptional,
    /// A reader accepts only the fields it knows.
    FieldUnknown,
    /// A field has another type than a reader accepts.
    Type,
    /// A field may have a value that a reader does not know.
    Value,
    /// A number, a length or a count may pass a reader's limits.
    Range,
    /// A text may have another form than a reader accepts.
    Format,
    /// The schemas use keywords that cannot be compared.
    Unclear,
    /// Nobody publishes an event, or telemetry, any more.
    NotPublished,
    /// Telemetry is spread over another number of streams.
    Partitions,
    /// A reader of telemetry moves to another type, and nobody reads the rest of the old one.
    Reader,
    /// An event has another role.
    Role,
    /// An event is packed, and a consumer takes no packs.
    Packs,
    /// A producer outside of the system may not publish an event any more.
    ProducerRemoved,
    /// A step is gone while its sagas may be open.
    StepRemoved,
    /// A step waits for other events.
    StepTrigger,
    /// An undoable step has another outcome, or the answers to its open calls are not handled.
    StepOutcome,
    /// A step can no longer be undone, or not by the event that undid it.
    StepCompensation,
    /// A saga has another owner, abort or decision, or no deadline; or a refusal does not abort it.
    Saga,
    /// Sagas begin under a version unknown to a running service.
    Version,
    /// A rule of a sound choreography that held before is broken.
    Choreography,
}

impl ChangeRule {
    /// Returns the rule's name in documents.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FieldRemoved => "field_removed",
            Self::FieldOptional => "field_optional",
            Self::FieldUnknown => "field_unknown",
            Self::Type => "type",
            Self::Value => "value",
            Self::Range => "range",
            Self::Format => "format",
            Self::Unclear => "unclear",
            Self::NotPublished => "not_published",
            Self::Partitions => "partitions",
            Self::Reader => "reader",
            Self::Role => "role",
            Self::Packs => "packs",
            Self::ProducerRemoved => "producer_removed",
            Self::StepRemoved => "step_removed",
            Self::StepTrigger => "step_trigger",
            Self::StepOutcome => "step_outcome",
            Self::StepCompensation => "step_compensation",
            Self::Saga => "saga",
            Self::Version => "version",
            Self::Choreography => "choreography",
        }
    }
}

impl ContractChange {
    pub(super) fn new(
        subject: impl Into<String>,
        rule: ChangeRule,
        service: impl Into<String>,
        what: impl Into<String>,
    ) -> Self {
        Self {
            subject: subject.into(),
            rule,
            field: String::new(),
            service: service.into(),
            breaks: Vec::new(),
            what: what.into(),
            advice: String::new(),
        }
    }

    pub(super) fn breaking(self, breaks: Vec<String>, advice: impl Into<String>) -> Self {
        Self { breaks, advice: advice.into(), ..self }
    }
}
