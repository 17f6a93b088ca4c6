//! The received webhooks.

use ballet::Failure;
use common::outside::Word;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::PgConnection;

use crate::webhook::CarrierWebhook;

/// Stores a webhook. Returns false if it came before.
pub(crate) async fn insert(
    db: &mut PgConnection,
    webhook: &CarrierWebhook,
    now: Timestamp,
) -> Result<bool, Failure> {
    let inserted = sqlx::query(
        "insert into webhook
             (event_id, type, order_id, idempotency_key, tracking, occurred_at, received_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (event_id) do nothing",
    )
    .bind(webhook.event_id.as_str())
    .bind(webhook.r#type.as_str())
    .bind(webhook.order_id.0)
    .bind(webhook.idempotency_key)
    .bind(webhook.tracking.as_ref().map(Word::as_str))
    .bind(webhook.occurred_at.get().to_sqlx())
    .bind(now.to_sqlx())
    .execute(db)
    .await?;
    Ok(inserted.rows_affected() == 1)
}
