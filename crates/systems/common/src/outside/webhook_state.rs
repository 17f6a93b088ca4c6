//! Routes that take webhooks about the operations that calls have requested.

use ballet::calls::CallKey;
use ballet::http::Problem;
use ballet::openapi::NoContent;
use ballet::{Failure, Handle, SagaId};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::types::Uuid;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::outside::webhooks::Webhooks;
use crate::outside::word::Word;
use crate::values::StorableTime;

/// Such a webhook says that an operation has an outcome.
const FINISHED: &str = "operation.finished";

/// A webhook about an order.
pub trait Webhook: Sync {
    /// The column of the table `webhook` that only webhooks of this sender have.
    const COLUMN: &'static str;

    /// Returns what every webhook says.
    fn facts(&self) -> WebhookFacts<'_>;
    /// Returns the value of the own column.
    fn value(&self) -> Option<&Word>;
}

/// What every webhook says.
#[derive(Debug, Clone, Copy)]
pub struct WebhookFacts<'a> {
    /// The sender's id of the event. Repeated attempts have the same.
    pub event_id: &'a Word,
    /// The type.
    pub kind: &'a Word,
    /// When it happened.
    pub occurred_at: StorableTime,
    /// The order.
    pub order_id: Uuid,
    /// The key of the operation, if it is about one.
    pub idempotency_key: Option<Uuid>,
}

/// Returns false if it came before.
async fn insert<W: Webhook>(
    db: &mut PgConnection,
    webhook: &W,
    now: Timestamp,
) -> Result<bool, Failure> {
    let (facts, column) = (webhook.facts(), W::COLUMN);
    let inserted = sqlx::query(AssertSqlSafe(format!(
        "insert into webhook
             (event_id, type, order_id, idempotency_key, {column}, occurred_at, received_at)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (event_id) do nothing"
    )))
    .bind(facts.event_id.as_str())
    .bind(facts.kind.as_str())
    .bind(facts.order_id)
    .bind(facts.idempotency_key)
    .bind(webhook.value().map(Word::as_str))
    .bind(facts.occurred_at.get().to_sqlx())
    .bind(now.to_sqlx())
    .execute(db)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// The state of the handlers of a service that takes webhooks.
#[derive(Debug, Clone)]
pub struct WebhookState {
    /// The service.
    pub handle: Handle,
    /// The check of webhook signatures.
    pub webhooks: Webhooks,
}

impl WebhookState {
    /// Stores a webhook and its effect: if an operation has an outcome, its call is repeated. A repeated webhook
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// Returns an error if nothing is stored.
    pub async fn take(&self, webhook: &impl Webhook) -> Result<NoContent, Problem> {
        let WebhookFacts { kind, order_id, idempotency_key, .. } = webhook.facts();
        let mut unit = self.handle.saga_unit(SagaId(order_id)).await?;
        let mut tx = unit.tx();
        let now = tx.now();
        if !insert(tx.db(), webhook, now).await? {
            unit.rollback();
            return Ok(NoContent);
        }
        if let (FINISHED, Some(key)) = (kind.as_str(), idempotency_key) {
            unit.ask_again(CallKey(key)).await?;
        }
        unit.commit().await?;
        Ok(NoContent)
    }
}
