//! Payments: authorisations, captures, voids and refunds at a card processor. Nothing is asked of
//! the processor inside of a transaction, and nothing twice under two keys.

#![warn(missing_docs)]

pub mod provider;
pub mod sandbox;
mod state;
pub mod steps;
mod store;

use std::sync::Arc;

use ballet::Participant;
use shop_events::OrderFulfillment;

use crate::provider::Provider;
use crate::steps::{AuthorizePayment, CapturePayment};

/// Everything that payments does in a saga, with the provider that it asks.
#[must_use]
pub fn participant(provider: Arc<dyn Provider>) -> Participant {
    Participant::new("payments").saga::<OrderFulfillment>(|saga| {
        saga.compensatable(AuthorizePayment(Arc::clone(&provider))).pivot(CapturePayment(provider))
    })
}
