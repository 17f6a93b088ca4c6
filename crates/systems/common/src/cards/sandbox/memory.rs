//! The sandbox's operations. Each statement commits by itself.

use ballet::TextEnum;
use ballet::calls::CallKey;
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use sqlx::types::Uuid;

use crate::values::Money;

/// The kind of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Hold money.
    Authorize,
    /// Capture the money that is held.
    Capture,
    /// Release the money that is held.
    Void,
    /// Refund the captured money.
    Refund,
}

#[derive(Debug)]
pub(super) struct SandboxOperation<'a> {
    pub(super) kind: OperationKind,
    pub(super) order_id: Uuid,
    pub(super) reference: &'a str,
    pub(super) card_token: &'a str,
    pub(super) amount: Money,
}

/// The number of requests under one key, and the result if there is one.
#[derive(Debug)]
pub(super) struct OperationAttempt {
    pub(super) number: i32,
    pub(super) result: Option<String>,
}

pub(super) async fn begin(
    memory: &PgPool,
    key: CallKey,
    operation: &SandboxOperation<'_>,
) -> sqlx::Result<OperationAttempt> {
    let (number, result) = sqlx::query_as(
        "insert into sandbox_operation
             (idempotency_key, kind, order_id, reference, card_token, amount_minor, currency)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (idempotency_key) do update set attempts = sandbox_operation.attempts + 1
         returning attempts, result",
    )
    .bind(key.0)
    .bind(TextEnum(operation.kind))
    .bind(operation.order_id)
    .bind(operation.reference)
    .bind(operation.card_token)
    .bind(operation.amount.amount_minor)
    .bind(operation.amount.currency.as_str())
    .fetch_one(memory)
    .await?;
    Ok(OperationAttempt { number, result })
}

/// Stores the result unless a repeated request did so meanwhile. Returns the result that counts.
pub(super) async fn finish(memory: &PgPool, key: CallKey, result: &str) -> sqlx::Result<String> {
    let (result,) = sqlx::query_as(
        "update sandbox_operation set result = coalesce(result, $2)
         where idempotency_key = $1
         returning result",
    )
    .bind(key.0)
    .bind(result)
    .fetch_one(memory)
    .await?;
    Ok(result)
}

pub(super) async fn results(memory: &PgPool, reference: &str) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "select result from sandbox_operation where reference = $1 and result is not null",
    )
    .bind(reference)
    .fetch_all(memory)
    .await
}

pub(super) async fn card_of(memory: &PgPool, reference: &str) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "select card_token from sandbox_operation where reference = $1 and kind = 'authorize'",
    )
    .bind(reference)
    .fetch_optional(memory)
    .await
}
