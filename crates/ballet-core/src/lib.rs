//! The words of ballet, without any I/O: what an event is and how it looks on the wire, what a
//! saga is, what a service declares about its part, and the graph that follows from all parts.
//!
//! | module | concept |
//! |---|---|
//! | [`event`] | [`Event`], [`EventType`]: a past-tense fact with its name, version and JSON shape |
//! | [`id`] | [`MessageId`], [`SagaId`] and newtypes for the ids of a domain |
//! | [`envelope`] | [`Envelope`]: an event on the wire, both ways, and why one is refused |
//! | [`cloud_event`] | what of a CloudEvent means something here |
//! | [`saga`] | [`Saga`]: the name, the owner and the abort of a distributed transaction |
//! | [`part`] | [`Part`]: what one service declares, as data |
//! | [`graph`] | [`Graph`]: who triggers whom, and the rules that a choreography keeps |
//! | [`trigger`] | [`Trigger`]: one event, or a join of several |
//! | [`topology`] | the broker's definitions that follow from the declarations |
//! | [`drift`] | how a broker differs from them |

#![warn(missing_docs)]

mod body;
pub mod cloud_event;
pub mod drift;
pub mod envelope;
pub mod event;
pub mod graph;
pub mod id;
mod incoming;
mod known;
pub mod part;
pub mod saga;
pub mod topology;
pub mod trigger;
mod unacceptable;

pub use envelope::{Envelope, Incoming, Reason, Received, Unacceptable};
pub use event::{Event, EventType, Never, Role};
pub use graph::{Graph, Problem};
pub use id::{MessageId, SagaId};
pub use known::KnownEvents;
pub use part::{DeadlinePart, Part, SagaPart, StepKind, StepPart, SubscriptionPart, System};
pub use saga::Saga;
pub use trigger::{AnyEvent, Trigger};

#[doc(hidden)]
pub mod private {
    pub use schemars;
    pub use serde;
    pub use uuid;
}
