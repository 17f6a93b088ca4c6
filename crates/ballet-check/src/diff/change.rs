//! One change of a system's contracts.

/// A change, and who breaks by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// What is changed: an event, a step (`payments.capture_payment`), a saga, a projection.
    pub subject: String,
    /// The rule that calls it breaking, or what kind of change it is.
    pub rule: Rule,
    /// The field of an event: `lines.quantity`. Empty if it is not about one.
    pub field: String,
    /// The service whose contract changed.
    pub service: String,
    /// Who breaks. Empty for a compatible change.
    pub breaks: Vec<String>,
    /// What is different, as a clause.
    pub what: String,
    /// What to do instead. Empty for a compatible change.
    pub advice: String,
}

/// Why a change breaks somebody, or what kind of compatible change it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A field is gone that a reader requires.
    FieldRemoved,
    /// A field may be missing that a reader requires.
    FieldOptional,
    /// A reader takes no other fields than its own.
    FieldUnknown,
    /// A field has another type than a reader takes.
    Type,
    /// A field may have a value that a reader does not know.
    Value,
    /// A number, a length or a count may pass a reader's limits.
    Range,
    /// A text may have another form than a reader takes.
    Format,
    /// The schemas use words that cannot be compared.
    Unclear,
    /// An event, or telemetry, is published by nobody any more.
    NotPublished,
    /// Telemetry is spread over another number of streams.
    Partitions,
    /// A reader of telemetry reads another type, and nobody reads the rest of the one before.
    Reader,
    /// An event has another role.
    Role,
    /// A producer outside of the system may not publish an event any more.
    ProducerRemoved,
    /// A step is gone while its sagas may be open.
    StepRemoved,
    /// A step waits for other events.
    StepTrigger,
    /// A step that can be undone has another outcome, or the answers to a step's open calls are not taken in any more.
    StepOutcome,
    /// A step cannot be undone any more, or not by an event that undid it.
    StepCompensation,
    /// A saga has another owner, another abort, another decision, or no deadline any more; or a refusal does not abort it.
    Saga,
    /// Sagas begin under a version that not all who run today know.
    Version,
    /// A rule of a sound choreography is broken that was kept.
    Choreography,
    /// Something is new.
    Added,
    /// Something is gone that nobody needs.
    Removed,
    /// Something is different, and everybody can live with it.
    Changed,
}

impl Rule {
    /// The rule's name in documents.
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
            Self::ProducerRemoved => "producer_removed",
            Self::StepRemoved => "step_removed",
            Self::StepTrigger => "step_trigger",
            Self::StepOutcome => "step_outcome",
            Self::StepCompensation => "step_compensation",
            Self::Saga => "saga",
            Self::Version => "version",
            Self::Choreography => "choreography",
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }

    /// Whether a change of this rule says all that one of the other rule would say of its subject.
    const fn covers(self, other: Self) -> bool {
        match self {
            Self::NotPublished | Self::StepRemoved => matches!(other, Self::Removed),
            Self::Partitions
            | Self::Reader
            | Self::Role
            | Self::StepTrigger
            | Self::StepOutcome
            | Self::StepCompensation
            | Self::Saga
            | Self::Version => matches!(other, Self::Changed),
            _ => false,
        }
    }
}

impl Change {
    /// Whether this change says that the other one, which looks harmless, is not.
    pub(super) fn says(&self, other: &Self) -> bool {
        let same = self.subject == other.subject;
        let field = self.field.split('.').next().unwrap_or_default();
        let of_field = !field.is_empty() && field == other.field && self.service == other.service;
        let gone = other.rule == Rule::Removed && other.subject == self.service;
        let decides = self.rule == Rule::Choreography && other.rule == Rule::Changed;
        same && (self.rule.covers(other.rule) || of_field)
            || gone
            || decides && other.field.is_empty()
    }
}
