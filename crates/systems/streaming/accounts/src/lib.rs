//! Accounts: people, their plans and devices, and the slots of their streams. The database forbids more live slots
//! than the plan has. Names and addresses are stored only here. They are deleted when an account is closed, and every
//! service is asked to erase the account's data.

#![warn(missing_docs)]

mod account;
mod http;
mod locks;
mod refusals;
mod requests;
mod store;

use ballet::openapi::Document;
use ballet::{Does, Failure, Never, Tx, Undoes, compensated, compensated_silently, done, refused};
use streaming_events::accounts::{
    AccountClosed, AccountErased, AccountOpened, DeviceRemoved, PlanChanged, StreamSlotCancelled,
    StreamSlotDenied, StreamSlotReleased, StreamSlotReserved, ViewerAdmitted,
};
use streaming_events::playback::{PlaybackEnded, PlaybackRequested, ViewerErased};
use streaming_events::titles::PlaybackLicenseGranted;
use streaming_events::{AccountClosure, PlaybackSession};

use crate::store::closure;
use crate::store::slot::{self, SlotOutcome};

pub use crate::account::AtLimit;
pub use crate::store::slot::SlotState;

/// The service `accounts`: its steps in sagas, and the other events that it publishes.
#[ballet::service(
    "accounts",
    saga = PlaybackSession,
    publishes(AccountOpened, PlanChanged, DeviceRemoved),
    migrations = "../../../../migrations/accounts",
    routes = |handle| http::api().router(handle)
)]
impl Accounts {
    /// Says which titles the account may watch, if the device is one of the account. The session takes no slot yet.
    #[compensatable(undo = cancel_viewer, touches = locks::of_requests)]
    async fn admit_viewer(
        tx: &mut Tx<'_>,
        session: PlaybackRequested,
    ) -> Does<ViewerAdmitted, StreamSlotDenied> {
        let PlaybackRequested { session_id, title_id, .. } = session;
        let now = tx.now();
        match slot::want(tx.db(), &session, now).await? {
            Ok((region, max_age)) => done(ViewerAdmitted { session_id, title_id, region, max_age }),
            Err(reason) => refused(StreamSlotDenied { session_id, reason, streams: None }),
        }
    }

    async fn cancel_viewer(tx: &mut Tx<'_>, admitted: ViewerAdmitted) -> Undoes {
        let now = tx.now();
        slot::end(tx.db(), admitted.session_id, SlotState::Cancelled, now).await?;
        compensated_silently()
    }

    /// Takes a slot of the account's plan for a session. A device plays one title. At the limit the plan refuses, or
    /// the oldest session loses its slot.
    #[compensatable(
        undo = cancel_slot,
        touches = locks::of_licenses,
        undo_touches = locks::of_reserved
    )]
    async fn reserve_slot(
        tx: &mut Tx<'_>,
        licensed: PlaybackLicenseGranted,
    ) -> Does<StreamSlotReserved, StreamSlotDenied> {
        let (session_id, now) = (licensed.session_id, tx.now());
        match slot::take(tx.db(), session_id, now).await? {
            SlotOutcome::Taken { account_id, displaced } => {
                done(StreamSlotReserved { session_id, account_id, displaced })
            }
            SlotOutcome::Denied { reason, streams } => {
                refused(StreamSlotDenied { session_id, reason, streams })
            }
        }
    }

    async fn cancel_slot(
        tx: &mut Tx<'_>,
        reserved: StreamSlotReserved,
    ) -> Undoes<StreamSlotCancelled> {
        let (session_id, now) = (reserved.session_id, tx.now());
        slot::end(tx.db(), session_id, SlotState::Cancelled, now).await?;
        compensated(StreamSlotCancelled { session_id })
    }

    /// Frees the slot of a session that is over.
    #[retriable(touches = locks::of_ended)]
    async fn release_slot(tx: &mut Tx<'_>, session: PlaybackEnded) -> Does<StreamSlotReleased> {
        let (session_id, now) = (session.session_id, tx.now());
        // A displaced session has lost its slot, and a session of an erased account has no row.
        slot::end(tx.db(), session_id, SlotState::Released, now).await?;
        done(StreamSlotReleased { session_id })
    }

    /// The owner never aborts the saga, because a closed account is not opened again.
    #[owns(AccountClosure, originates(close_account = AccountClosed))]
    async fn abort_closure(_: &mut Tx<'_>, _: &Never) -> Result<(), Failure> {
        Err(Failure::permanent("the closure of an account is never aborted"))
    }

    /// Removes the last rows of the account, after playback has erased its data.
    #[retriable(saga = AccountClosure)]
    async fn complete_erasure(tx: &mut Tx<'_>, erased: ViewerErased) -> Does<AccountErased> {
        let (closure_id, account_id, now) = (erased.closure_id, erased.account_id, tx.now());
        if !closure::complete(tx.db(), closure_id, account_id, now).await? {
            let why = format!("account {account_id} has a session whose slot is not free yet");
            return Err(Failure::not_yet(why).into());
        }
        done(AccountErased { closure_id, account_id })
    }
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
