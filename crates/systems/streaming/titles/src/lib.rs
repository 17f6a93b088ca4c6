//! Titles: the films and episodes that can be watched, where and when. A session needs a licence for its title. When a
//! title is withdrawn, all its licences are revoked, also one that is granted at the same time.

#![warn(missing_docs)]

mod http;
mod new_title;
mod projections;
pub mod steps;
mod store;
mod title;

use ballet::{Migration, Participant, Service, migrations};
use ballet_openapi::Document;
use streaming_events::PlaybackSession;
use streaming_events::titles::{PlaybackLicenseRevoked, Title, TitlePublished, TitleWithdrawn};

use crate::projections::EndLicense;
use crate::steps::{GrantLicense, RevokeLicenses, TitleWithdrawalOwner};

pub use crate::store::license::LicenseState;

/// Declares the steps of titles in sagas, and the other events that it publishes.
#[must_use]
pub fn participant() -> Participant {
    Participant::new("titles")
        .saga::<PlaybackSession>(|saga| saga.compensatable(GrantLicense))
        .owns(TitleWithdrawalOwner, |saga| {
            saga.originates::<TitleWithdrawn>("withdraw_title").retriable(RevokeLicenses)
        })
        .projects(EndLicense)
        .publishes::<TitlePublished>()
        .publishes::<PlaybackLicenseRevoked>()
        .shares::<Title>("shared_title")
}

/// The service's tables.
const MIGRATIONS: &[Migration] = migrations! {
    in "../../../../../migrations/titles",
    "0001_title",
    "0002_title_words",
    "0003_word" = common::search::WORDS,
    "0004_no_account",
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
