//! Playback: sessions, from the request to the end, and the positions where viewers stopped. It owns the saga
//! `playback_session`. Up to the start a session can be refused. From then on, for hours, its row says whether it is
//! live. A viewer, another session, a withdrawal or a closure ends a session by a mark in that row, and the watch of the
//! session finds it. The watch also ends sessions that are silent.

#![warn(missing_docs)]

pub mod config;
mod ending;
pub mod erasure;
mod http;
mod projections;
mod refusals;
mod session;
pub mod steps;
mod store;

use ballet::{Migration, Participant, Service, migrations};
use ballet_openapi::Document;
use streaming_events::AccountClosure;
use streaming_events::playback::{Heartbeat, PlaybackRequested};

use crate::config::PlaybackSettings;
use crate::erasure::EraseViewer;
use crate::projections::{EndBeyondPlan, EndDisplaced, EndOnDevice, EndWithdrawn};
use crate::steps::{SessionRow, StartPlayback, WatchPlayback};

pub use crate::session::SessionStatus;

/// Declares the steps of playback in sagas, and the events and telemetry that it handles.
#[must_use]
pub fn participant(settings: PlaybackSettings) -> Participant {
    let participant = Participant::new("playback")
        .saga::<AccountClosure>(|saga| saga.watches(EraseViewer))
        .projects(EndDisplaced)
        .projects(EndBeyondPlan)
        .projects(EndOnDevice)
        .projects(EndWithdrawn)
        .publishes_telemetry::<Heartbeat>();
    participant.owns(SessionRow, |saga| {
        saga.originates::<PlaybackRequested>("request_playback")
            .aborts_on(refusals::slot_denied)
            .aborts_on(refusals::license_denied)
            .deadline(settings.start_deadline(), refusals::overdue, refusals::deadline_passed)
            .decides(StartPlayback)
            .watches(WatchPlayback { lost_after: settings.lost_after() })
    })
}

/// The service's tables.
const MIGRATIONS: &[Migration] = migrations! {
    in "../../../../../migrations/playback",
    "0001_session",
    "0002_asked",
    "0003_erased",
    "0004_erased_beside",
};

/// Returns the service: its participant, its tables, its HTTP routes.
#[must_use]
pub fn service(settings: PlaybackSettings) -> Service {
    Service::new(participant(settings))
        .migrations(MIGRATIONS)
        .routes(move |handle| http::routes(handle, settings))
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
