//! ballet: services that keep their data consistent without a conductor.
//!
//! A service declares its part in a saga ([`Participant`]): steps, each with the event that
//! triggers it, the event that it emits, and how it is undone. The framework sees to it that each
//! step takes effect exactly once, whatever dies, comes twice, late, or in another order.
//!
//! | to write | read |
//! |---|---|
//! | a step and its compensation | [`Step`], [`Compensate`] |
//! | a step that takes many messages at once | [`BulkStep`], [`BulkCompensate`] |
//! | a step that asks somebody outside | [`CallStep`], [`CallCompensate`] |
//! | the service that decides a saga's end | [`Owner`] |
//! | a copy of what others tell | [`Projection`] |
//! | the whole contract of a service | [`Participant`] |
//! | a tool for dead letters | [`redrive`] |

#![warn(missing_docs)]

pub mod audit;
mod batch;
pub mod batch_id;
pub mod broker;
mod bulk;
mod call_step;
mod calls;
pub mod consumer;
mod context;
mod dead_letter;
mod deadline;
mod engine;
mod erased;
mod erased_bulk;
mod erased_call;
mod failure;
pub mod fault;
pub mod http;
mod inbox;
pub mod kinds;
mod lane;
mod ledger;
mod logging;
mod message;
mod migrate;
mod outbox;
mod owner;
mod page;
mod participant;
mod partitions;
mod process;
mod projection;
pub mod publisher;
pub mod redrive;
mod registry;
mod relay;
mod retry;
mod rows;
mod run;
mod saga;
mod saga_lock;
pub mod schema;
mod service;
pub mod settings;
pub mod stack;
mod step;
pub mod stuck;
mod sweeper;
pub mod tls;
mod tx;
mod undo;
mod unit;
mod unit_of_work;
pub mod watermark;
mod wire;
mod word;

pub use ballet_core as core;
pub use ballet_core::{Event, EventType, MessageId, Never, Part, Saga, SagaId, Trigger};

pub use bulk::{BulkCompensate, BulkResult, BulkStep, BulkTx, BulkUndoResult, Item};
pub use call_step::{
    Ask, CallCompensate, CallKey, CallStep, CallStepResult, CallUndoResult, RequestResult,
    UndoRequestResult, call, known,
};
pub use context::Context;
pub use deadline::Due;
pub use failure::{Failure, FailureKind, broken_constraint};
pub use migrate::Migration;
pub use owner::{Abort, Owner};
pub use participant::{OwnerSteps, Participant, SagaSteps};
pub use projection::Projection;
pub use retry::{Delay, Retry};
pub use rows::Rows;
pub use service::{Running, Service, StartError, main};
pub use settings::Settings;
pub use step::{
    Compensate, Outcome, Step, StepResult, UndoResult, Undone, done, refused, undone,
    undone_silently,
};
pub use tx::Tx;
pub use unit::{Handle, Unit};
pub use word::Word;
