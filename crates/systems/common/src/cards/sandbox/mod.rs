//! A card processor inside this process, for the demo and for tests.
//!
//! | card token | what happens |
//! |---|---|
//! | `card_approved` | everything succeeds |
//! | `card_declined`, `card_insufficient_funds` | not authorised, with that reason |
//! | `card_capture_fails` | authorised, but the capture fails |
//! | `card_expires` | authorised, but the authorisation ends before anything else happens |
//! | `card_slow` | everything succeeds, but each answer takes a while |
//! | `card_flaky` | of each operation, the first request and then the first answer is lost |
//! | any other | not authorised: `unknown_card` |
//!
//! The sandbox records its operations in its own table, outside of the service's transactions, as if it had a
//! database of its own. It allows mistakes of the service, such as two captures under two keys, so that the table
//! shows them.

mod card;
mod memory;

use std::sync::OnceLock;
use std::time::Duration;

use ballet::Failure;
use ballet::calls::CallKey;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::cards::provider::{Authorization, Authorize, Capture, Provider, Refund, Settle, Void};
use crate::cards::sandbox::card::Card;
use crate::cards::sandbox::memory::SandboxOperation;
use crate::outside::Reply;

pub use memory::OperationKind;

/// The sandbox's table, in the database of the service that calls it.
pub const TABLE: &str = include_str!("../../../../../../migrations/cards/0002_sandbox.sql");

/// A card processor inside this process. Without a database, as by default, it cannot be called.
#[derive(Debug, Default)]
pub struct Sandbox {
    database_url: String,
    slow: Duration,
    pool: OnceLock<PgPool>,
}

impl Sandbox {
    /// Creates a sandbox with its table in the service's database. It connects with the first request.
    #[must_use]
    pub fn new(database_url: impl Into<String>) -> Self {
        let slow = Duration::from_millis(1_500);
        Self { database_url: database_url.into(), slow, pool: OnceLock::new() }
    }

    /// Sets the delay of answers for `card_slow`.
    #[must_use]
    pub fn slow(self, slow: Duration) -> Self {
        Self { slow, ..self }
    }

    /// Connects on its own, because the service's transactions must not include this table.
    fn memory(&self) -> sqlx::Result<&PgPool> {
        if let Some(pool) = self.pool.get() {
            return Ok(pool);
        }
        let pool = PgPoolOptions::new().max_connections(4).connect_lazy(&self.database_url)?;
        Ok(self.pool.get_or_init(|| pool))
    }

    async fn authorized(
        &self,
        key: CallKey,
        request: &Authorize,
    ) -> Result<Authorization, Failure> {
        let reference = format!("auth_{key}");
        let operation = SandboxOperation {
            kind: OperationKind::Authorize,
            order_id: request.order_id,
            reference: &reference,
            card_token: &request.card_token,
            amount: request.amount,
        };
        let result = self.operate(key, &operation).await?;
        Ok(match result.as_str() {
            card::APPROVED => Authorization::Approved { reference },
            _ => Authorization::Declined { reason: result },
        })
    }

    async fn settled(
        &self,
        key: CallKey,
        kind: OperationKind,
        request: &Settle,
    ) -> Result<String, Failure> {
        let Settle { order_id, reference, amount } = request;
        let card_token = memory::card_of(self.memory()?, reference).await?.ok_or_else(|| {
            Failure::transient(format!("{reference} is not a known authorisation"))
        })?;
        let operation = SandboxOperation {
            kind,
            order_id: *order_id,
            reference,
            card_token: &card_token,
            amount: *amount,
        };
        self.operate(key, &operation).await
    }

    async fn operate(
        &self,
        key: CallKey,
        operation: &SandboxOperation<'_>,
    ) -> Result<String, Failure> {
        let card = Card::of(operation.card_token);
        if card == Card::Slow {
            tokio::time::sleep(self.slow).await;
        }
        let attempt = memory::begin(self.memory()?, key, operation).await?;
        if card == Card::Flaky && attempt.number == 1 {
            return Err(Failure::transient("the request was lost"));
        }
        let result = match attempt.result {
            Some(result) => result,
            None => {
                let past = memory::results(self.memory()?, operation.reference).await?;
                let result = card.decide(operation.kind, &past)?;
                memory::finish(self.memory()?, key, result).await?
            }
        };
        if card == Card::Flaky && attempt.number == 2 {
            return Err(Failure::transient("the answer was lost"));
        }
        Ok(result)
    }
}

impl Provider for Sandbox {
    fn authorize<'a>(&'a self, key: CallKey, request: &'a Authorize) -> Reply<'a, Authorization> {
        Box::pin(self.authorized(key, request))
    }

    fn capture<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Capture> {
        Box::pin(async move {
            let result = self.settled(key, OperationKind::Capture, request).await?;
            Ok(match result.as_str() {
                card::CAPTURED => Capture::Captured,
                _ => Capture::Failed { reason: result },
            })
        })
    }

    fn void<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Void> {
        Box::pin(async move {
            let result = self.settled(key, OperationKind::Void, request).await?;
            Ok(match result.as_str() {
                card::EXPIRED => Void::EndedBefore,
                _ => Void::Voided,
            })
        })
    }

    fn refund<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Refund> {
        Box::pin(async move {
            self.settled(key, OperationKind::Refund, request).await?;
            Ok(Refund::Refunded)
        })
    }
}
