//! Playback: sessions, and the positions where viewers stopped. It owns the saga `playback_session`. Up to the start
//! a session can be refused. From then on its row says whether it is live. A viewer, another session, a withdrawal or
//! a closure ends it by a mark in the row, which its watch finds. The watch also ends silent sessions.

#![warn(missing_docs)]

pub mod config;
mod ending;
mod http;
mod refusals;
mod session;
mod store;
mod watch;

use ballet::openapi::Document;
use ballet::{Does, Failure, Look, Tx, done};
use streaming_events::accounts::{AccountClosed, DeviceRemoved, PlanChanged, StreamSlotReserved};
use streaming_events::playback::{
    EndReason, Heartbeat, PlaybackEnded, PlaybackRefused, PlaybackRequested, PlaybackStarted,
    ViewerErased,
};
use streaming_events::titles::{PlaybackLicenseGranted, PlaybackLicenseRevoked};
use streaming_events::{AccountClosure, PlaybackSession};

use crate::config::PlaybackSettings;
use crate::store::ending::{SessionOwner, begin_erasure};
use crate::store::session as stored_session;

pub use crate::session::SessionStatus;

/// The service `playback`: its steps in sagas, and the events and telemetry that it handles.
#[derive(Debug, Clone, Copy)]
pub struct Playback {
    /// The settings.
    pub settings: PlaybackSettings,
}

#[ballet::service(
    "playback",
    publishes_telemetry(Heartbeat),
    migrations = "../../../../migrations/playback",
    routes = move |handle| http::routes(handle, self.settings)
)]
impl Playback {
    /// Ends the sessions of a closed account, and then erases the account.
    #[watches(saga = AccountClosure, look = look_whether_erased)]
    async fn erase_viewer(tx: &mut Tx<'_>, closed: AccountClosed) -> Result<(), Failure> {
        let AccountClosed { closure_id, account_id, .. } = closed;
        begin_erasure(tx.db(), closure_id, account_id).await?;
        ending::end_all(tx, SessionOwner::Account(account_id), EndReason::Closed).await
    }

    async fn look_whether_erased(tx: &mut Tx<'_>) -> Result<Look<ViewerErased>, Failure> {
        watch::look_at_erasure(tx).await
    }

    /// The first change committed to the session's row decides whether the session starts.
    #[owns(
        PlaybackSession,
        originates(request_playback = PlaybackRequested),
        aborts_on(refusals::slot_denied, refusals::license_denied),
        deadline(self.settings.start_deadline(), refusals::overdue, refusals::deadline_passed)
    )]
    async fn refuse_playback(tx: &mut Tx<'_>, refused: &PlaybackRefused) -> Result<(), Failure> {
        let now = tx.now();
        stored_session::refuse(tx.db(), refused, now).await
    }

    /// Starts the session, which has a licence by the time it gets a slot. A session that lost the slot to it is
    /// marked to end.
    #[decides]
    async fn start_playback(
        tx: &mut Tx<'_>,
        _: StreamSlotReserved,
        granted: PlaybackLicenseGranted,
    ) -> Does<PlaybackStarted> {
        let PlaybackLicenseGranted { session_id, title_id, until, .. } = granted;
        let started_at = tx.now();
        stored_session::start(tx.db(), &granted, started_at).await?;
        done(PlaybackStarted { session_id, title_id, started_at, until })
    }

    /// Ends a session that is marked to end, whose licence ended, or whose heartbeats stopped.
    #[watches(look = look_whether_over)]
    async fn watch_playback(_: &mut Tx<'_>, _: PlaybackStarted) -> Result<(), Failure> {
        // The row exists since the request.
        Ok(())
    }

    async fn look_whether_over(&self, tx: &mut Tx<'_>) -> Result<Look<PlaybackEnded>, Failure> {
        watch::look_at_session(tx, self.settings.lost_after()).await
    }

    /// Ends a session whose slot another session took. The other one starts only after this, because it waits for the
    /// same event.
    #[projects]
    async fn end_displaced(tx: &mut Tx<'_>, reserved: StreamSlotReserved) -> Result<(), Failure> {
        match reserved.displaced {
            Some(displaced) => ending::end(tx, &[displaced], EndReason::Displaced).await,
            None => Ok(()),
        }
    }

    /// Ends sessions when the plan has fewer streams.
    #[projects]
    async fn end_beyond_plan(tx: &mut Tx<'_>, changed: PlanChanged) -> Result<(), Failure> {
        ending::end(tx, &changed.displaced, EndReason::Displaced).await
    }

    /// Ends the sessions of a removed device.
    #[projects]
    async fn end_on_device(tx: &mut Tx<'_>, removed: DeviceRemoved) -> Result<(), Failure> {
        let of = SessionOwner::Device(removed.account_id, removed.device_id);
        ending::end_all(tx, of, EndReason::Stopped).await
    }

    /// Ends a session whose title was withdrawn.
    #[projects]
    async fn end_withdrawn(
        tx: &mut Tx<'_>,
        revoked: PlaybackLicenseRevoked,
    ) -> Result<(), Failure> {
        ending::end(tx, &[revoked.session_id], EndReason::Withdrawn).await
    }
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
