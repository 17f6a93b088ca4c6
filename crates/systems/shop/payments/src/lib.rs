//! Payments: authorisations, captures, voids and refunds at a card processor. No call to the
//! processor runs inside a transaction, and no operation is requested under two keys.

#![warn(missing_docs)]

pub mod config;
mod http;
mod state;
pub mod steps;
mod store;
mod webhook;

use std::sync::Arc;

use ballet::{Migration, Participant, Service, migrations};
use ballet_openapi::Document;
use common::cards::Provider;
use common::outside::{WebhookState, Webhooks};
use shop_events::OrderFulfillment;

use crate::steps::{AuthorizePayment, CapturePayment};

pub use crate::state::PaymentState;

/// Returns the participant, which calls this provider.
#[must_use]
pub fn participant(provider: impl Provider) -> Participant {
    participant_with(Arc::new(provider))
}

fn participant_with(provider: Arc<dyn Provider>) -> Participant {
    Participant::new("payments").saga::<OrderFulfillment>(|saga| {
        saga.compensatable(AuthorizePayment(Arc::clone(&provider))).pivot(CapturePayment(provider))
    })
}

/// The service's tables.
const MIGRATIONS: &[Migration] = migrations! {
    in "../../../../../migrations/payments",
    "0001_payment",
    "0002_sandbox" = common::cards::sandbox::TABLE,
    "0003_webhook",
    "0004_no_refusals",
};

/// Returns the service: its participant, its tables, its HTTP routes. It accepts no webhooks.
#[must_use]
pub fn service(provider: impl Provider) -> Service {
    service_with(Arc::new(provider), Webhooks::signed_with(None, "PAYMENT_WEBHOOK_SECRETS"))
}

/// Returns the service with this check of webhooks.
#[must_use]
pub fn service_with(provider: Arc<dyn Provider>, webhooks: Webhooks) -> Service {
    Service::new(participant_with(provider))
        .migrations(MIGRATIONS)
        .routes(move |handle| http::api().router(WebhookState { handle, webhooks }))
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
