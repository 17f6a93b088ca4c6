//! Routes that take webhooks about the operations that calls have requested.

use std::future::Future;

use ballet::calls::CallKey;
use ballet::http::Problem;
use ballet::{Failure, Handle, SagaId};
use ballet_openapi::NoContent;
use jiff::Timestamp;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::outside::webhooks::Webhooks;
use crate::outside::word::Word;

/// The type of the webhooks that say that an operation has an outcome.
const FINISHED: &str = "operation.finished";

/// A webhook about an order.
pub trait Webhook: Sync {
    /// Returns the type of the webhook.
    fn kind(&self) -> &Word;
    /// Returns the order.
    fn order_id(&self) -> Uuid;
    /// Returns the key of the operation, if it is about one.
    fn idempotency_key(&self) -> Option<Uuid>;
    /// Stores the webhook. Returns false if it came before.
    fn insert(
        &self,
        db: &mut PgConnection,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, Failure>> + Send;
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
    /// Stores a webhook together with its effect: if the operation of a call has an outcome, the call asks again. One
    /// that came before changes nothing.
    ///
    /// # Errors
    ///
    /// Returns an error if nothing is stored.
    pub async fn take(&self, webhook: &impl Webhook) -> Result<NoContent, Problem> {
        let mut unit = self.handle.saga_unit(SagaId(webhook.order_id())).await?;
        let mut tx = unit.tx();
        let now = tx.now();
        if !webhook.insert(tx.db(), now).await? {
            unit.rollback();
            return Ok(NoContent);
        }
        if let (FINISHED, Some(key)) = (webhook.kind().as_str(), webhook.idempotency_key()) {
            unit.ask_again(CallKey(key)).await?;
        }
        unit.commit().await?;
        Ok(NoContent)
    }
}
