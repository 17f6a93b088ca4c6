//! The webhooks of the payment provider.
//!
//! A webhook changes no payment. `operation.finished` makes the waiting call ask again. The end of an authorisation
//! is stored for its capture. So webhooks may come twice, late, and in any order.

use common::outside::{Webhook, WebhookFacts, Word};
use schemars::JsonSchema;
use serde::Deserialize;
use shop_events::{OrderId, StorableTime};
use sqlx::types::Uuid;

pub(crate) const EXPIRED: &str = "authorization.expired";
/// The card's bank has reversed the authorisation.
pub(crate) const REVERSED: &str = "authorization.reversed";

/// A webhook of the payment provider.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct PaymentWebhook {
    /// The provider's id of this event. Repeated attempts have the same.
    pub(crate) event_id: Word,
    /// `operation.finished`, `authorization.expired` or `authorization.reversed`. Others are stored
    /// and change nothing.
    pub(crate) r#type: Word,
    /// When it happened.
    pub(crate) occurred_at: StorableTime,
    /// The order, as we named it.
    pub(crate) order_id: OrderId,
    /// The key of the finished operation.
    #[serde(default)]
    pub(crate) idempotency_key: Option<Uuid>,
    /// The provider's reference of the ended authorisation.
    #[serde(default)]
    pub(crate) reference: Option<Word>,
}

impl Webhook for PaymentWebhook {
    const COLUMN: &'static str = "reference";

    fn facts(&self) -> WebhookFacts<'_> {
        let Self { event_id, r#type: kind, occurred_at, order_id, idempotency_key, reference: _ } =
            self;
        WebhookFacts {
            event_id,
            kind,
            occurred_at: *occurred_at,
            order_id: order_id.0,
            idempotency_key: *idempotency_key,
        }
    }

    fn value(&self) -> Option<&Word> {
        self.reference.as_ref()
    }
}
