//! The vocabulary of ballet: events and their form on the wire, sagas, what a service declares
//! about its part in them, and the graph that follows from all declarations. No I/O, but that of an armed fault point.
//!
//! | module | concept |
//! |---|---|
//! | [`mod@event`] | [`Event`], [`EventType`]: a past-tense fact with its name, version and JSON shape |
//! | [`id`] | [`MessageId`], [`SagaId`], and a macro for the ids of a domain |
//! | [`json`] | decodes events; an error names the place, and never the value |
//! | [`key`] | [`Key`]: a field of an event by which people know what it is about |
//! | [`mod@telemetry`] | [`Telemetry`]: what is measured often and matters in sum; its streams |
//! | [`mod@saga`] | [`Saga`]: the name, owner and abort event of a distributed transaction |
//! | [`trigger`] | [`Trigger`]: one event, or a join of several |
//! | [`mod@entity`] | [`Entity`]: a thing that one service owns and others copy; its versions |
//! | [`part`] | [`Part`]: what one service declares, as data |
//! | [`own_handlers`] | what the framework calls its own handlers |
//! | [`versions`] | [`Versions`]: the versions of a saga that a step is of |
//! | [`personal`] | [`Personal`](personal::Personal): a value that is about a person |
//! | [`Cause`] | a cause for which a system does not work, with its one name |
//! | [`contract`] | [`ServiceContract`]: the same as a file, with the schemas of the events |
//! | [`topology`] | the broker's exchanges, queues and rights that follow from the declarations |
//! | [`topology::drift`] | how a running broker differs from them |
//! | [`envelope`] | [`Envelope`]: an event on the wire, and why a message is refused |
//! | [`envelope::cloud_event`] | the CloudEvents attributes that are understood |
//! | [`fault`] | points where a test can kill or freeze the process |
//! | [`graph`] | [`Graph`]: who triggers whom |
//! | [`rules`] | the rules of a sound choreography, for one service and for a whole system |

#![warn(missing_docs)]

#[cfg(feature = "macros")]
mod attributes;
mod cause;
pub mod contract;
pub mod envelope;
mod events;
pub mod fault;
pub mod graph;
pub mod hosts;
pub mod id;
pub mod json;
pub mod mask;
mod named;
mod parts;
pub mod rules;
pub mod topology;

#[cfg(feature = "macros")]
pub use attributes::{entity, event, saga, telemetry, value};
pub use cause::Cause;
pub use contract::{ContractError, ServiceContract};
pub use envelope::cloud_event;
pub use envelope::{Envelope, Incoming, KnownEvents, Reason, ReceivedEvent, Unacceptable};
pub use events::entity::{CopyRequested, Entity, EntityEvent, Republished, Versioned};
pub use events::event::{Event, EventSchema, EventType, Never, Role};
pub use events::key::Key;
pub use events::telemetry::{Telemetry, TelemetrySchema, TelemetryType};
pub use events::{entity, event, key, personal, portable, telemetry};
pub use graph::Graph;
pub use id::{MessageId, SagaId};
pub use parts::part::{
    CopyPart, DeadlinePart, ExceptionPart, Part, ReaderPart, Runs, SagaPart, SharePart, StepKind,
    StepPart, SubscriptionPart, System, is_tombstone_of,
};
pub use parts::saga::Saga;
pub use parts::trigger::{AnyEvent, Trigger};
pub use parts::versions::Versions;
pub use parts::{own_handlers, part, saga, trigger, versions};
pub use rules::problem::Problem;

#[doc(hidden)]
pub mod private {
    pub use crate::id::id_schema;
    pub use schemars;
    pub use serde;
    #[cfg(feature = "sqlx")]
    pub use sqlx;
    pub use uuid;
}
