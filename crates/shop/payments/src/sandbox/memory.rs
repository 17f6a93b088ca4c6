//! What the sandbox did. Each statement commits by itself.

use ballet::CallKey;
use shop_events::Money;
use sqlx::PgPool;

/// What may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Authorize,
    Capture,
    Void,
    Refund,
}

/// What is asked.
#[derive(Debug)]
pub(super) struct Operation<'a> {
    pub(super) kind: Kind,
    pub(super) reference: &'a str,
    pub(super) card_token: &'a str,
    pub(super) amount: Money,
}

/// How often something was asked under one key, and what it led to, if it has taken effect.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) number: i32,
    pub(super) result: Option<String>,
}

/// Remembers that something is asked.
pub(super) async fn begin(
    memory: &PgPool,
    key: CallKey,
    operation: &Operation<'_>,
) -> sqlx::Result<Attempt> {
    let (number, result) = sqlx::query_as(
        "insert into sandbox_operation
             (idempotency_key, kind, reference, card_token, amount_minor, currency)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (idempotency_key) do update set attempts = sandbox_operation.attempts + 1
         returning attempts, result",
    )
    .bind(key.0)
    .bind(operation.kind.as_str())
    .bind(operation.reference)
    .bind(operation.card_token)
    .bind(operation.amount.amount_minor)
    .bind(operation.amount.currency.as_str())
    .fetch_one(memory)
    .await?;
    Ok(Attempt { number, result })
}

/// Takes effect, unless the same request did meanwhile, and gives the result that counts.
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

/// The results of all that was done with an authorisation.
pub(super) async fn results(memory: &PgPool, reference: &str) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "select result from sandbox_operation where reference = $1 and result is not null",
    )
    .bind(reference)
    .fetch_all(memory)
    .await
}

/// The card that was authorised under this name.
pub(super) async fn card_of(memory: &PgPool, reference: &str) -> sqlx::Result<Option<String>> {
    sqlx::query_scalar(
        "select card_token from sandbox_operation where reference = $1 and kind = 'authorize'",
    )
    .bind(reference)
    .fetch_optional(memory)
    .await
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Refund => "refund",
        }
    }
}
