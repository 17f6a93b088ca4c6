//! placeholder
#![warn(missing_docs)]

mod declare;
mod engine;
pub mod http;
mod lane;
mod outgoing;
mod service;
mod tables;
mod upkeep;

pub use ballet_amqp as amqp;
pub use ballet_core as core;
pub use ballet_core::{Event, EventType, MessageId, Never, Part, Saga, SagaId, Trigger};

pub use declare::bulk::{BulkCompensate, BulkCompensateResult, BulkResult, BulkStep, BulkTx};
pub use declare::call_step::{
    Ask, CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, RequestResult, call, known,
};
pub use declare::clock::Clock;
pub use declare::deadline::Due;
pub use declare::failure::{Failure, FailureKind, broken_constraint};
pub use declare::item::Item;
pub use declare::migration::Migration;
pub use declare::owner::{Abort, Owner};
pub use declare::participant::{OwnerSteps, Participant, SagaSteps};
pub use declare::projection::Projection;
pub use declare::retry::{Delay, Retry};
pub use declare::row_locks::Rows;
pub use declare::step::{
    Compensate, CompensateResult, Compensated, Outcome, Step, StepResult, compensated,
    compensated_silently, done, refused,
};
pub use declare::text_enum::TextEnum;
pub use declare::tx::Tx;
pub use http::unit::{Handle, Unit};
pub use service::error::StartError;
pub use service::program::main;
pub use service::running::Running;
pub use service::service::Service;
pub use service::settings::error::SettingsError;
pub use service::settings::settings::{LogFormat, Settings};

pub mod kinds {
    //! Which steps may be declared as what.
    pub use crate::declare::declarable::{
        Bulk, Compensatable, Decides, Local, Outside, Retriable, Starts,
    };
    pub use crate::declare::erased::any::ErasedStep;
}

#[doc(hidden)]
pub mod internal {
    //! What the project's own tools use. It may change at any time.
    pub use crate::service::settings::mask::masked;
    pub use crate::service::settings::tls::TlsSettings;
    pub use crate::service::thread_stack::enlarge;
    pub use crate::tables::database::connect_options;
    pub use crate::tables::outbox::{TABLES as OUTBOX_TABLES, unpublished_events};
    pub use crate::tables::partitions::bound as partition_bound;
    pub use crate::tables::schema::differences;
}
