//! The webhooks of the carrier.
//!
//! A webhook changes no shipment. `operation.finished`, for instance of a delivery, makes the waiting call ask again.
//! So webhooks may come twice, late, and in any order.

use common::outside::{Webhook, WebhookFacts, Word};
use schemars::JsonSchema;
use serde::Deserialize;
use shop_events::{OrderId, StorableTime};
use sqlx::types::Uuid;

/// A webhook of the carrier.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct CarrierWebhook {
    /// The carrier's id of this event. Repeated attempts have the same.
    pub(crate) event_id: Word,
    /// `operation.finished`. Others are stored and change nothing.
    pub(crate) r#type: Word,
    /// When it happened.
    pub(crate) occurred_at: StorableTime,
    /// The order, as we named it.
    pub(crate) order_id: OrderId,
    /// The key of the finished operation.
    #[serde(default)]
    pub(crate) idempotency_key: Option<Uuid>,
    /// The carrier's tracking number.
    #[serde(default)]
    pub(crate) tracking: Option<Word>,
}

impl Webhook for CarrierWebhook {
    const COLUMN: &'static str = "tracking";

    fn facts(&self) -> WebhookFacts<'_> {
        let Self { event_id, r#type: kind, occurred_at, order_id, idempotency_key, tracking: _ } =
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
        self.tracking.as_ref()
    }
}
