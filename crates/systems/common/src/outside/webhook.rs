//! Routes that take webhooks about the operations that calls have requested.

use axum::extract::State;
use axum::http::StatusCode;
use ballet::calls::CallKey;
use ballet::http::Problem;
use ballet::openapi::{NoContent, Operation, json};
use ballet::{Handle, SagaId};
use schemars::JsonSchema;
use serde::Deserialize;
use sqlx::types::Uuid;

use crate::outside::signed_json::SignedJson;
use crate::outside::webhooks::Webhooks;

/// Such a webhook says that an operation has an outcome.
const FINISHED: &str = "operation.finished";

/// A webhook about an order. It may have further members.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Webhook {
    /// `operation.finished`. Others change nothing.
    r#type: String,
    /// The order, as we named it.
    order_id: Uuid,
    /// The key of the finished operation.
    #[serde(default)]
    idempotency_key: Option<Uuid>,
}

/// The state of the handlers of a service that takes webhooks.
#[derive(Debug, Clone)]
pub struct WebhookState {
    /// The service.
    pub handle: Handle,
    /// The check of webhook signatures.
    pub webhooks: Webhooks,
}

/// Handles a webhook: if an operation has an outcome, its call is repeated, once for each webhook.
///
/// # Errors
///
/// Returns an error if it is not signed, or has no effect yet.
pub async fn take_webhook(
    State(WebhookState { handle, .. }): State<WebhookState>,
    SignedJson(webhook): SignedJson,
) -> Result<NoContent, Problem> {
    if let (FINISHED, Some(key)) = (&*webhook.r#type, webhook.idempotency_key) {
        let mut unit = handle.saga_unit(SagaId(webhook.order_id)).await?;
        unit.ask_again(CallKey(key)).await?;
        unit.commit().await?;
    }
    Ok(NoContent)
}

/// Describes the route of [`take_webhook`].
#[must_use]
pub fn webhook_operation(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, summary)
        .about("A webhook is a hint: the call is made again, and its answer counts.")
        .example(json!({
            "type": FINISHED,
            "order_id": "0193f7a0-0000-7000-8000-00000000c001",
            "idempotency_key": "0193f7a0-0000-7000-8000-00000000c002",
        }))
        .answers(StatusCode::NO_CONTENT, "The webhook has had its effect.")
}
