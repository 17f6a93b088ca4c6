//! Payments: authorisations, captures, voids and refunds at a card processor. Calls run outside of transactions, and
//! no operation is requested under two keys.

#![warn(missing_docs)]

pub mod config;
mod http;
mod state;
pub mod steps;
mod store;

use std::sync::Arc;

use ballet::Settings;
use ballet::openapi::Document;
use common::cards::{Provider, sandbox};
use common::outside::{WebhookState, Webhooks, WrongSetting};
use shop_events::OrderFulfillment;

use crate::config::PaymentSettings;
use crate::steps::{AuthorizePayment, CapturePayment};

pub use crate::state::PaymentState;

/// The shop's payments.
#[derive(Debug)]
pub struct Payments {
    /// Who has the customers' money.
    pub provider: Arc<dyn Provider>,
    /// The check of the provider's webhooks.
    pub webhooks: Webhooks,
}

#[ballet::service(
    "payments",
    saga = OrderFulfillment,
    migrations("../../../../migrations/payments", "0002_sandbox" = sandbox::TABLE),
    routes = move |handle| {
        http::api().router(WebhookState { handle, webhooks: self.webhooks.clone() })
    }
)]
impl Payments {
    /// Payments at this provider, without webhooks.
    pub fn new(provider: impl Provider) -> Self {
        let webhooks = Webhooks::signed_with(None, "PAYMENT_WEBHOOK_SECRETS");
        Self { provider: Arc::new(provider), webhooks }
    }

    /// Payments as these settings say. The sandbox needs those of every service.
    ///
    /// # Errors
    ///
    /// Returns an error if a setting is missing or cannot be used.
    pub fn of(own: &PaymentSettings, all: &Settings) -> Result<Self, WrongSetting> {
        Ok(Self { provider: own.provider.provider(all)?, webhooks: own.webhooks()? })
    }

    #[compensatable]
    fn authorize_payment(&self) -> AuthorizePayment {
        AuthorizePayment(Arc::clone(&self.provider))
    }

    #[pivot]
    fn capture_payment(&self) -> CapturePayment {
        CapturePayment(Arc::clone(&self.provider))
    }
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
