//! A broker in memory, behind the same seam as RabbitMQ, with faults under the test's control.
//!
//! Where ballet relies on it, it behaves like quorum queues of RabbitMQ 3.10: unacknowledged messages
//! return to the head of their queue in order, with `x-delivery-count`; one refused publish ends the
//! channel; mandatory messages without a queue are returned. Nothing in it depends on time or chance.

pub(crate) mod broker;
mod objects;
mod service;
mod session;
mod state;
mod steps;
mod streams;
mod system;
pub(crate) mod wire;

pub use broker::MemoryBroker;
pub use objects::{ExchangeKind, QueueOptions};
#[doc(hidden)]
pub use service::MemoryService;
#[doc(hidden)]
pub use system::{MemorySystem, UNMARKED, left_by_a_gone_process, properties, until};
