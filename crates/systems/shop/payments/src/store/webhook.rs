//! The received webhooks.

use ballet::Failure;
use common::outside::{Webhook, Word};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::types::Uuid;
use sqlx::{PgConnection, PgExecutor};

use crate::webhook::{EXPIRED, PaymentWebhook, REVERSED};

impl Webhook for PaymentWebhook {
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
                 (event_id, type, order_id, idempotency_key, reference, occurred_at, received_at)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (event_id) do nothing",
        )
        .bind(self.event_id.as_str())
        .bind(self.r#type.as_str())
        .bind(self.order_id.0)
        .bind(self.idempotency_key)
        .bind(self.reference.as_ref().map(Word::as_str))
        .bind(self.occurred_at.get().to_sqlx())
        .bind(now.to_sqlx())
        .execute(db)
        .await?;
        Ok(inserted.rows_affected() == 1)
    }
}

/// Returns why an authorisation has ended by itself, if the provider said so.
pub(crate) async fn ended(
    db: impl PgExecutor<'_>,
    reference: &str,
) -> Result<Option<&'static str>, Failure> {
    let ended: Option<String> = sqlx::query_scalar(
        "select type from webhook where reference = $1 and type = any($2)
         order by received_at limit 1",
    )
    .bind(reference)
    .bind(&[EXPIRED, REVERSED][..])
    .fetch_optional(db)
    .await?;
    Ok(ended.map(|ended| match ended.as_str() {
        EXPIRED => "authorization_expired",
        _ => "authorization_reversed",
    }))
}
