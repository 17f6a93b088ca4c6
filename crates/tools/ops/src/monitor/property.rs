//! The properties that every saga keeps, and their violations.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

/// A property that the journal can show to be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Property {
    /// Only its owner, or a declared producer, publishes an event.
    Publisher,
    /// What causes an event is what a contract declares.
    Transition,
    /// A step has one outcome for one cause.
    OneOutcome,
    /// The owner decides once.
    OneDecision,
    /// A saga is decided or aborted, not both.
    OneEnd,
    /// No step takes effect after the abort.
    AfterAbort,
    /// A step is compensated at most as often as it took effect.
    CompensatedOnce,
    /// What took effect in an aborted saga is compensated.
    Compensated,
}

impl Property {
    /// All properties.
    pub const ALL: [Self; 8] = [
        Self::Publisher,
        Self::Transition,
        Self::OneOutcome,
        Self::OneDecision,
        Self::OneEnd,
        Self::AfterAbort,
        Self::CompensatedOnce,
        Self::Compensated,
    ];

    /// Returns its name, as in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Publisher => "publisher",
            Self::Transition => "transition",
            Self::OneOutcome => "one_outcome",
            Self::OneDecision => "one_decision",
            Self::OneEnd => "one_end",
            Self::AfterAbort => "after_abort",
            Self::CompensatedOnce => "compensated_once",
            Self::Compensated => "compensated",
        }
    }

    /// Returns what to do about a violation.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Publisher => {
                "find the program that sends this `app_id`: services refuse the event. If it may publish it, declare it \
                 with `also_from`"
            }
            Self::Transition => {
                "compare the service's build with its contract: the build may be newer, or it answers an event that it \
                 should not"
            }
            Self::OneOutcome => {
                "see whether the effect was doubled; the service's inbox or ledger does not remember what it handled"
            }
            Self::OneDecision | Self::OneEnd => {
                "the services may have gone both ways: compare their rows, and solve the rest by hand; the owner \
                 decides without its ledger's lock, or has lost rows"
            }
            Self::AfterAbort => {
                "undo the effect, with `ballet sagas solved` if the service does not; its ledger does not keep the abort"
            }
            Self::CompensatedOnce => {
                "see whether something was given back twice, or was never taken; the service undoes what its ledger \
                 does not have as done"
            }
            Self::Compensated => {
                "`ballet sagas show` says whether its compensation waits or fails; if it has no such step left, undo \
                 the effect by hand"
            }
        }
    }
}

/// An entry of the journal with which a property is broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The property.
    pub property: Property,
    /// The saga.
    pub saga: Option<Uuid>,
    /// The offset of the entry.
    pub offset: u64,
    /// The time of the entry.
    pub at: Timestamp,
    /// Its publisher.
    pub service: String,
    /// Its type.
    pub event_type: String,
    /// Its message's id.
    pub message_id: Uuid,
    /// What is wrong, as a sentence.
    pub says: String,
}
