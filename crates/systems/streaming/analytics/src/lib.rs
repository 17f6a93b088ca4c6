//! Analytics: the time that titles are watched, by hour. It counts heartbeats by the time at which they were made, and
//! the end of a session has the last word. Changes to a closed hour are kept as corrections. Analytics knows no
//! accounts.

#![warn(missing_docs)]

mod count;
mod http;
mod projections;
mod ranking;
mod reader;
mod store;
mod window;

use ballet::{Migration, Participant, Service, migrations};
use ballet_openapi::Document;
use streaming_events::titles::{Title, TitlePublished, TitleWithdrawn};

use crate::projections::{NoteEnd, NoteStart};
use crate::reader::CountHeartbeats;

/// Declares the events and telemetry that analytics reads.
#[must_use]
pub fn participant() -> Participant {
    Participant::new("analytics")
        .projects(NoteStart)
        .projects(NoteEnd)
        .copies::<Title>(|copy| copy.fed_by::<TitlePublished>().fed_by::<TitleWithdrawn>())
        .reads_telemetry(CountHeartbeats)
}

/// The service's tables.
const MIGRATIONS: &[Migration] = migrations! {
    in "../../../../../migrations/analytics",
    "0001_watched",
};

/// Returns the service: its participant, its tables, its HTTP routes.
#[must_use]
pub fn service() -> Service {
    Service::new(participant()).migrations(MIGRATIONS).routes(http::routes)
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
