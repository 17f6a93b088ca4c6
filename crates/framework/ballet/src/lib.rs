//! Choreographed sagas over RabbitMQ and Postgres.
//!
//! Services publish domain events and react to the events of others. When a distributed transaction
//! fails, one event aborts it, and every service compensates its own part. There is no
//! orchestrator. Each step takes effect exactly once, although messages are delivered again, late
//! or in another order, and processes die at any point.
//!
//! # A whole service
//!
//! A service that grants points for each order, and takes them back when the order is cancelled:
//!
//! ```no_run
//! # mod loyalty {
//! use ballet::{Does, Tx, Undoes, compensated, done, event};
//! # use ballet::saga;
//! # #[event("orders.order_placed.v1", starts_saga)] struct OrderPlaced { points: i64 }
//! # #[event("orders.order_cancelled.v1", in_saga)] struct OrderCancelled {}
//! # #[saga("order_fulfillment", owner = "orders", abort = OrderCancelled)] struct OrderFulfillment;
//! # const TABLES: &[ballet::Migration] = &[];
//!
//! #[event("loyalty.points_granted.v1", in_saga)]
//! struct PointsGranted {
//!     points: i64,
//! }
//!
//! #[event("loyalty.points_taken_back.v1", in_saga)]
//! struct PointsTakenBack {
//!     points: i64,
//! }
//!
//! # /*
//! #[ballet::service("loyalty", saga = OrderFulfillment, migrations = "migrations")]
//! # */
//! # #[ballet::service("loyalty", saga = OrderFulfillment, migrations = TABLES)]
//! impl Loyalty {
//!     #[compensatable(undo = take_back)]
//!     async fn grant_points(tx: &mut Tx<'_>, order: OrderPlaced) -> Does<PointsGranted> {
//!         add(tx, order.points).await?;
//!         done(PointsGranted { points: order.points })
//!     }
//!
//!     /// Gets the very event that `grant_points` published.
//!     async fn take_back(tx: &mut Tx<'_>, granted: PointsGranted) -> Undoes<PointsTakenBack> {
//!         add(tx, -granted.points).await?;
//!         compensated(PointsTakenBack { points: granted.points })
//!     }
//! }
//!
//! async fn add(tx: &mut Tx<'_>, points: i64) -> Result<(), sqlx::Error> {
//!     sqlx::query("update account set points = points + $1").bind(points).execute(tx.db()).await?;
//!     Ok(())
//! }
//!
//! ballet::main!(Loyalty);
//! # }
//! # fn main() {}
//! ```
//!
//! Rows, inbox, ledger and outbox commit in one transaction. A compensatable step without a
//! compensation does not compile. The [attribute](macro@service) writes the traits below, which a service may also
//! implement by hand.
//!
//! # Where to go next
//!
//! | to write | read |
//! |---|---|
//! | events, telemetry, entities, sagas | [`event`](macro@event), [`telemetry`](macro@telemetry), [`entity`](macro@entity), [`saga`](macro@saga) |
//! | a service, its steps and all else that it does | [`service`](macro@service), [`main!`](macro@main) |
//! | a step and its compensation as types | [`Step`], [`Compensate`] |
//! | a step that takes many messages at once | [`bulk`] |
//! | a step that calls another system | [`calls::CallStep`], [`calls::CallCompensate`]; with the feature `client`, a `client::ApiClient` |
//! | a step that stays open for hours, until signs of life stop | [`Watch`] |
//! | the service that decides how a saga ends | [`Owner`], [`OwnerSteps`] |
//! | a copy of another service's data | [`Participant::copies`], [`Entity`], [`copies`] |
//! | what another service copies | [`Participant::shares`], [`EntityEvent`] |
//! | rows that follow from another service's events | [`Projection`] |
//! | rows that follow from telemetry, such as heartbeats | [`Telemetry`], [`TelemetryReader`], [`Handle::telemetry`] |
//! | the whole contract of a service | [`Participant`] |
//! | what a failing handler means | [`Failure`], [`Retry`] |
//! | HTTP routes | [`Handle`], [`Unit`], [`http`]; with the feature `openapi`, those of an `openapi::Api` |
//! | settings, start and stop | [`Service`], [`Settings`], [`main()`](fn@main) |
//!
//! Events, sagas and envelopes are defined in [`core`]; connections to the broker, for tests and
//! tools, in [`amqp`].

#![warn(missing_docs)]

#[cfg(feature = "macros")]
mod attributes;
#[cfg(feature = "client")]
pub mod client;
mod declare;
mod engine;
pub mod http;
mod lane;
#[cfg(feature = "openapi")]
pub mod openapi;
mod outgoing;
mod service;
mod telemetry;
mod upkeep;

#[cfg(feature = "macros")]
pub use attributes::{entity, event, saga, service, telemetry, value};
pub use ballet_amqp as amqp;
pub use ballet_core as core;
pub use ballet_core::{Entity, EntityEvent, Event, EventType, Key, MessageId, Never, Saga, SagaId};
pub use ballet_core::{Telemetry, TelemetryType};
pub use ballet_store::schema::migration::Migration;

pub use declare::handler::clock::Clock;
pub use declare::handler::failure::{Failure, FailureKind, broken_constraint};
pub use declare::handler::tx::Tx;
pub use declare::participant::copies::CopyOf;
pub use declare::participant::deadline::Due;
pub use declare::participant::participant::Participant;
pub use declare::participant::saga_steps::{OwnerSteps, SagaSteps};
pub use declare::step::owner::{Abort, Owner};
pub use declare::step::projection::Projection;
pub use declare::step::retry::{Delay, Retry};
pub use declare::step::row_locks::Rows;
pub use declare::step::step::{
    Compensate, CompensateResult, Compensated, Does, Step, StepError, StepResult, Undoes,
    compensated, compensated_silently, done, refused,
};
pub use declare::step::watch::{Look, Watch, look_now};
pub use declare::telemetry::{Reading, TelemetryFollower, TelemetryReader};
pub use declare::text_enum::TextEnum;
pub use http::unit::{Handle, Unit};
pub use service::error::StartError;
pub use service::program::main;
pub use service::running::Running;
pub use service::service::Service;
pub use service::settings::settings::Settings;
pub use telemetry::publishing::{TelemetryError, TelemetryPublisher};

pub mod bulk {
    //! Steps that take many messages at once, for hot paths: one statement in place of one per message.
    //!
    //! Such a [`Step`](crate::Step) says `TOGETHER`, and has [`run_all`](crate::Step::run_all) in place of `run`, and
    //! [`compensate_all`](crate::Compensate::compensate_all) in place of `compensate`. It is declared, triggered, undone
    //! and stored like any other, so one may replace the other at any time. Its handler gets a *run*: the messages of a
    //! batch for this step, each of another saga, in the order of delivery. Messages that the ledger already knows are
    //! left out. A step that joins several events gets one at a time.
    //!
    //! Sagas have no order among each other, so a run may include a message before an earlier one
    //! of another type and saga. If the handler fails, the run is rolled back, and retried in parts
    //! until the failing message is alone, so the good ones commit. If some refuse, the run is
    //! taken back, and runs again without them.
    //!
    //! ```
    //! # use ballet::bulk::*;
    //! # use ballet::*;
    //! # #[event("orders.order_placed.v1", in_saga)] struct OrderPlaced { points: i64 }
    //! # #[event("loyalty.points_granted.v1", in_saga)] struct PointsGranted { points: i64 }
    //! # #[event("loyalty.points_taken.v1", in_saga)] struct PointsTaken {}
    //! /// Grants the points of each order.
    //! struct GrantPoints;
    //!
    //! impl Step for GrantPoints {
    //!     const NAME: &'static str = "grant_points";
    //!     const TOGETHER: bool = true;
    //!     type On = OrderPlaced;
    //!     type Done = PointsGranted;
    //!     type Refused = Never;
    //!
    //!     async fn run_all(
    //!         &self,
    //!         tx: &mut BulkTx<'_>,
    //!         orders: Vec<Item<OrderPlaced>>,
    //!     ) -> BulkResult<Self> {
    //!         sqlx::query("insert into granted select * from unnest($1::uuid[], $2::bigint[])")
    //!             .bind(orders.iter().map(|order| order.saga_id.0).collect::<Vec<_>>())
    //!             .bind(orders.iter().map(|order| order.points).collect::<Vec<_>>())
    //!             .execute(tx.db())
    //!             .await?;
    //!         let granted = |order: Item<OrderPlaced>| PointsGranted { points: order.points };
    //!         Ok(orders.into_iter().map(granted).map(Ok).collect())
    //!     }
    //! }
    //!
    //! impl Compensate for GrantPoints {
    //!     type Compensated = PointsTaken;
    //!
    //!     async fn compensate_all(
    //!         &self,
    //!         tx: &mut BulkTx<'_>,
    //!         granted: Vec<Item<PointsGranted>>,
    //!     ) -> BulkCompensateResult<Self> {
    //!         sqlx::query("delete from granted where saga_id = any($1)")
    //!             .bind(granted.iter().map(|one| one.saga_id.0).collect::<Vec<_>>())
    //!             .execute(tx.db())
    //!             .await?;
    //!         Ok(granted.iter().map(|_| Compensated::With(PointsTaken {})).collect())
    //!     }
    //! }
    //!
    //! # #[event("orders.order_cancelled.v1", in_saga)] struct OrderCancelled {}
    //! # #[saga("fulfillment", owner = "orders", abort = OrderCancelled)] struct Fulfillment;
    //! let loyalty = Participant::new("loyalty")
    //!     .saga::<Fulfillment>(|saga| saga.compensatable(GrantPoints));
    //! # assert_eq!(loyalty.part().consumes().len(), 2);
    //! ```

    pub use crate::declare::handler::item::Item;
    pub use crate::declare::step::bulk::BulkTx;
    pub use crate::declare::step::step::{BulkCompensateResult, BulkResult, DoesAll, UndoesAll};
}

pub mod calls {
    //! Steps that call another system, outside of any transaction.

    pub use ballet_store::calls::key::CallKey;

    pub use crate::declare::step::call_step::{
        Ask, CallCompensate, CallCompensateResult, CallStep, CallStepResult,
        CompensateRequestResult, LookUp, RequestResult, call, known,
    };
}

pub mod kinds {
    //! The kinds of steps, as traits: which steps may be declared as what.
    //!
    //! They are implemented for every [`Step`](crate::Step) and [`CallStep`](crate::calls::CallStep) that fits. A
    //! declaration that does not fit does not compile, and the error says what is missing.

    pub use crate::declare::erased::step::ErasedStep;
    pub use crate::declare::participant::declarable::{
        Compensatable, Decides, Local, Outside, Retriable, Starts,
    };
    pub use crate::declare::participant::saga_steps::{Owns, Participates};
}

pub mod settings {
    //! The parts of [`Settings`](crate::Settings), and the error that a wrong one is.

    pub use crate::service::settings::error::SettingsError;
    pub use crate::service::settings::otel::OtelSettings;
    pub use crate::service::settings::settings::LogFormat;
    pub use crate::service::settings::tls::TlsSettings;
}

pub mod copies {
    //! Reads the copies that a service keeps of others' entities.
    //!
    //! A copy is declared with [`Participant::copies`](crate::Participant::copies). Each entity is a
    //! row of the table `ballet.copy`: the entity's name, its id, version, and state as `jsonb`.

    pub use crate::declare::handler::copy_reads::{get, get_all, is_filled};
}

#[doc(hidden)]
pub mod stand_in {
    //! Services that are made from contracts alone, for `ballet check --run`.

    pub use crate::declare::erased::stand_in::{Answer, Answers, Asked, KEY, participant};
}

#[doc(hidden)]
pub mod lone {
    //! Steps without broker, ledger and commit, for tests.

    pub use crate::engine::lone_step::{LoneEnd, LoneSteps};
}

#[doc(hidden)]
pub mod private {
    pub use jiff::SignedDuration;
    pub use sqlx::PgConnection;

    pub use crate::declare::participant::declarable::{OwnerOf, owner_of};
    pub use crate::service::program::{IntoService, Package, run, run_with};
    pub use crate::service::settings::settings::HANDLER_SECONDS;
}
