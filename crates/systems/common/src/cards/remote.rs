//! A card processor behind an HTTP API, as docs/providers.md specifies it.

use ballet::calls::{CallKey, LookUp};
use serde::{Deserialize, Serialize};
use sqlx::types::Uuid;

use crate::cards::provider::{Authorization, Authorize, Capture, Provider, Refund, Settle, Void};
use crate::outside::{
    ApiConnection, NoAnswer as Lost, Operations, Reply, WrongSetting, reply, unexpected,
    unless_about, wanted,
};
use crate::values::Money;

const NAME: &str = "the payment provider";

/// A card processor behind an HTTP API.
#[derive(Debug, Clone)]
pub struct RemoteProvider(Operations);

/// The result of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ProcessorResult {
    Approved,
    Declined,
    Captured,
    Failed,
    Voided,
    EndedBefore,
    Refunded,
}

/// An operation, as the processor reports it.
#[derive(Debug, Deserialize)]
struct ProcessorOperation {
    order_id: Uuid,
    amount: Money,
    result: ProcessorResult,
    reference: Option<String>,
    reason: Option<String>,
}

impl RemoteProvider {
    /// Creates a processor with this connection.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection's settings cannot be used.
    pub fn new(connection: ApiConnection) -> Result<Self, WrongSetting> {
        Operations::new(connection).map(Self)
    }

    /// The answer has to be about our order and our money.
    async fn operate(
        &self,
        path: &str,
        key: CallKey,
        request: &(impl Serialize + Sync),
        order_id: Uuid,
        amount: Money,
    ) -> Result<ProcessorOperation, Lost> {
        checked(self.0.request(path, key, request).await?, order_id, amount)
    }

    /// Returns `None` if nothing is under the key.
    async fn look_up(
        &self,
        key: CallKey,
        order_id: Uuid,
        amount: Money,
    ) -> Result<Option<ProcessorOperation>, Lost> {
        let known: Option<ProcessorOperation> = self.0.look_up(key).await?;
        known.map(|operation| checked(operation, order_id, amount)).transpose()
    }

    async fn settle(
        &self,
        path: &str,
        key: CallKey,
        request: &Settle,
    ) -> Result<ProcessorOperation, Lost> {
        let Settle { order_id, amount, .. } = request;
        settled(self.operate(path, key, request, *order_id, *amount).await?, request)
    }
}

/// Checks that it is about our order and our money.
fn checked(
    operation: ProcessorOperation,
    order_id: Uuid,
    amount: Money,
) -> Result<ProcessorOperation, Lost> {
    unless_about(&order_id, &operation.order_id)?;
    if operation.amount != amount {
        let (other, ours) = (operation.amount, amount);
        return Err(Lost::Foreign(format!(
            "it is about {} {} of order {order_id}, we asked for {} {}",
            other.amount_minor, other.currency, ours.amount_minor, ours.currency
        )));
    }
    Ok(operation)
}

/// Checks that it is about our authorisation.
fn settled(operation: ProcessorOperation, request: &Settle) -> Result<ProcessorOperation, Lost> {
    match &operation.reference {
        Some(other) if *other != request.reference => {
            Err(Lost::Foreign("it is about another authorisation of the order".to_owned()))
        }
        Some(_) | None => Ok(operation),
    }
}

fn authorization(operation: ProcessorOperation) -> Result<Authorization, Lost> {
    match operation.result {
        ProcessorResult::Approved => {
            Ok(Authorization::Approved { reference: wanted("reference", operation.reference)? })
        }
        ProcessorResult::Declined => {
            Ok(Authorization::Declined { reason: wanted("reason", operation.reason)? })
        }
        other => Err(unexpected("/authorizations", other)),
    }
}

fn capture(operation: ProcessorOperation) -> Result<Capture, Lost> {
    match operation.result {
        ProcessorResult::Captured => Ok(Capture::Captured),
        ProcessorResult::Failed => {
            Ok(Capture::Failed { reason: wanted("reason", operation.reason)? })
        }
        other => Err(unexpected("/captures", other)),
    }
}

impl Provider for RemoteProvider {
    fn authorize<'a>(&'a self, key: CallKey, request: &'a Authorize) -> Reply<'a, Authorization> {
        reply(NAME, async move {
            let Authorize { order_id, amount, card_token: _ } = request;
            let path = "/authorizations";
            let operation = self.operate(path, key, request, *order_id, *amount).await?;
            authorization(operation)
        })
    }

    fn capture<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Capture> {
        reply(NAME, async move {
            let operation = self.settle("/captures", key, request).await?;
            capture(operation)
        })
    }

    fn look_up_authorization<'a>(
        &'a self,
        key: CallKey,
        request: &'a Authorize,
    ) -> Reply<'a, LookUp<Authorization>> {
        reply(NAME, async move {
            let known = self.look_up(key, request.order_id, request.amount).await?;
            Ok(known.map(authorization).transpose()?.into())
        })
    }

    fn look_up_capture<'a>(
        &'a self,
        key: CallKey,
        request: &'a Settle,
    ) -> Reply<'a, LookUp<Capture>> {
        reply(NAME, async move {
            let known = self.look_up(key, request.order_id, request.amount).await?;
            let capture = |operation| capture(settled(operation, request)?);
            Ok(known.map(capture).transpose()?.into())
        })
    }

    fn void<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Void> {
        reply(NAME, async move {
            let path = "/voids";
            match self.settle(path, key, request).await?.result {
                ProcessorResult::Voided => Ok(Void::Voided),
                ProcessorResult::EndedBefore => Ok(Void::EndedBefore),
                other => Err(unexpected(path, other)),
            }
        })
    }

    fn refund<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Refund> {
        reply(NAME, async move {
            let path = "/refunds";
            match self.settle(path, key, request).await?.result {
                ProcessorResult::Refunded => Ok(Refund::Refunded),
                other => Err(unexpected(path, other)),
            }
        })
    }
}
