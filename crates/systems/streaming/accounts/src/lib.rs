//! Accounts: people, their plans and devices, and the slots of their streams. The database forbids more live slots than
//! the plan has. Names and addresses are stored here and nowhere else. When an account is closed they are deleted at
//! once, and every service is asked to erase the account's data.

#![warn(missing_docs)]

mod account;
mod http;
mod refusals;
mod requests;
pub mod steps;
mod store;

use ballet::{Migration, Participant, Service, migrations};
use ballet_openapi::Document;
use streaming_events::PlaybackSession;
use streaming_events::accounts::{AccountClosed, AccountOpened, DeviceRemoved, PlanChanged};

use crate::steps::{AccountClosureOwner, AdmitViewer, CompleteErasure, ReleaseSlot, ReserveSlot};

pub use crate::account::AtLimit;
pub use crate::store::slot::SlotState;

/// Declares the steps of accounts in sagas, and the other events that it publishes.
#[must_use]
pub fn participant() -> Participant {
    Participant::new("accounts")
        .saga::<PlaybackSession>(|saga| {
            saga.compensatable(AdmitViewer).compensatable(ReserveSlot).retriable(ReleaseSlot)
        })
        .owns(AccountClosureOwner, |saga| {
            saga.originates::<AccountClosed>("close_account").retriable(CompleteErasure)
        })
        .publishes::<AccountOpened>()
        .publishes::<PlanChanged>()
        .publishes::<DeviceRemoved>()
}

/// The service's tables.
const MIGRATIONS: &[Migration] = migrations! {
    in "../../../../../migrations/accounts",
    "0001_account",
    "0002_wanted",
};

/// Returns the service: its participant, its tables, its HTTP routes.
#[must_use]
pub fn service() -> Service {
    Service::new(participant()).migrations(MIGRATIONS).routes(|handle| http::api().router(handle))
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
