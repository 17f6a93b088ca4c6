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

use ballet::{Migration, Participant, Service};
use ballet_openapi::Document;
use common::outside::Webhooks;
use shop_events::OrderFulfillment;

use crate::http::PaymentsState;
use crate::steps::{AuthorizePayment, CapturePayment};
use common::cards::Provider;

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
const MIGRATIONS: &[Migration] = &[
    Migration {
        name: "0001_payment",
        sql: include_str!("../../../../migrations/payments/0001_payment.sql"),
    },
    common::cards::sandbox::MIGRATION,
    Migration {
        name: "0003_webhook",
        sql: include_str!("../../../../migrations/payments/0003_webhook.sql"),
    },
    Migration {
        name: "0004_no_refusals",
        sql: include_str!("../../../../migrations/payments/0004_no_refusals.sql"),
    },
];

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
        .routes(move |handle| http::api().router(PaymentsState { handle, webhooks }))
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
