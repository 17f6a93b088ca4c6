//! Titles: the films and episodes that can be watched, where and when. A session needs a licence for its title. When a
//! title is withdrawn, all its licences are revoked, also one that is granted at the same time.

#![warn(missing_docs)]

mod http;
mod new_title;
mod projections;
pub mod steps;
mod store;
mod title;

use ballet::{Migration, Participant, Service};
use ballet_openapi::Document;
use streaming_events::PlaybackSession;
use streaming_events::titles::{PlaybackLicenseRevoked, Title, TitlePublished, TitleWithdrawn};

use crate::projections::EndLicense;
use crate::steps::{GrantLicense, RevokeLicenses, TitleWithdrawalOwner};

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
const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "0001_title",
        sql: include_str!("../../../../migrations/titles/0001_title.sql"),
    },
    Migration {
        name: "0002_title_words",
        sql: include_str!("../../../../migrations/titles/0002_title_words.sql"),
    },
    Migration { name: "0003_word", sql: common::search::WORDS },
    Migration {
        name: "0004_no_account",
        sql: include_str!("../../../../migrations/titles/0004_no_account.sql"),
    },
];

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
