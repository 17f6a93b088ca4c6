//! Payments: authorisations, captures, voids and refunds at a card processor. No call to the
//! processor runs inside a transaction, and no operation is requested under two keys.

#![warn(missing_docs)]

pub mod config;
mod http;
pub mod provider;
pub mod sandbox;
mod state;
pub mod steps;
mod store;

use std::sync::Arc;

use ballet::{Migration, Participant, Service};
use ballet_openapi::Document;
use shop_events::OrderFulfillment;

use crate::provider::Provider;
use crate::steps::{AuthorizePayment, CapturePayment};

/// Everything that payments does in a saga, with the provider that it calls.
#[must_use]
pub fn participant(provider: impl Provider) -> Participant {
    let provider: Arc<dyn Provider> = Arc::new(provider);
    Participant::new("payments").saga::<OrderFulfillment>(|saga| {
        saga.compensatable(AuthorizePayment(Arc::clone(&provider))).pivot(CapturePayment(provider))
    })
}

/// The service's tables.
const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "0001_payment",
        sql: include_str!("../../../../migrations/payments/0001_payment.sql"),
    },
    Migration {
        name: "0002_sandbox",
        sql: include_str!("../../../../migrations/payments/0002_sandbox.sql"),
    },
];

/// The service: its participant, its tables, its HTTP routes.
#[must_use]
pub fn service(provider: impl Provider) -> Service {
    Service::new(participant(provider)).migrations(MIGRATIONS).routes(http::routes)
}

/// What the HTTP routes take and answer.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
