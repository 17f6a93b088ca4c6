//! The received webhooks.

use ballet::Failure;
use common::outside::{Webhook, Word};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::webhook::CarrierWebhook;

impl Webhook for CarrierWebhook {
    fn kind(&self) -> &Word {
        &self.r#type
    }

    fn order_id(&self) -> Uuid {
        self.order_id.0
    }

    fn idempotency_key(&self) -> Option<Uuid> {
        self.idempotency_key
    }

    async fn insert(&self, db: &mut PgConnection, now: Timestamp) -> Result<bool, Failure> {
        let inserted = sqlx::query(
            "insert into webhook
                 (event_id, type, order_id, idempotency_key, tracking, occurred_at, received_at)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (event_id) do nothing",
        )
        .bind(self.event_id.as_str())
        .bind(self.r#type.as_str())
        .bind(self.order_id.0)
        .bind(self.idempotency_key)
        .bind(self.tracking.as_ref().map(Word::as_str))
        .bind(self.occurred_at.get().to_sqlx())
        .bind(now.to_sqlx())
        .execute(db)
        .await?;
        Ok(inserted.rows_affected() == 1)
    }
}
