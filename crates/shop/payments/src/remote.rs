//! A card processor behind an HTTP API. docs/providers.md says what it owes.

use ballet::CallKey;
use outside::{Client, Connection, NoAnswer as Lost, Word, WrongSetting};
use serde::{Deserialize, Serialize};
use shop_events::{Money, OrderId};

use crate::provider::{
    Authorization, Authorize, Capture, NoAnswer, Provider, Refund, Reply, Settle, Void,
};

/// A card processor behind an HTTP API.
#[derive(Debug, Clone)]
pub struct Remote(Client);

/// What the processor did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OperationResult {
    Approved,
    Declined,
    Captured,
    Failed,
    Voided,
    EndedBefore,
    Refunded,
}

/// An operation, as the processor tells it.
#[derive(Debug, Deserialize)]
struct Operation {
    order_id: OrderId,
    amount: Money,
    result: OperationResult,
    reference: Option<Word>,
    reason: Option<Word>,
}

impl Remote {
    /// A processor that is reached like this.
    ///
    /// # Errors
    ///
    /// If the connection's settings cannot be used.
    pub fn new(connection: Connection) -> Result<Self, WrongSetting> {
        Client::new(connection).map(Self)
    }

    /// Requests an operation. Its answer has to be about our order and our money.
    async fn operate(
        &self,
        path: &str,
        key: CallKey,
        request: &(impl Serialize + Sync),
        order_id: OrderId,
        amount: Money,
    ) -> Result<Operation, Lost> {
        let operation: Operation = self.0.operate(path, key, request).await?;
        if operation.order_id != order_id {
            let other = operation.order_id;
            return Err(Lost::Foreign(format!(
                "it is about order {other}, we asked for {order_id}"
            )));
        }
        if operation.amount != amount {
            let (other, ours) = (operation.amount, amount);
            return Err(Lost::Foreign(format!(
                "it is about {} {} of order {order_id}, we asked for {} {}",
                other.amount_minor, other.currency, ours.amount_minor, ours.currency
            )));
        }
        Ok(operation)
    }

    async fn settle(&self, path: &str, key: CallKey, request: &Settle) -> Result<Operation, Lost> {
        let Settle { order_id, reference, amount } = request;
        let operation = self.operate(path, key, request, *order_id, *amount).await?;
        match &operation.reference {
            Some(other) if other.as_str() != reference.as_str() => {
                let why = "it is about another authorisation of the order";
                Err(Lost::Foreign(why.to_owned()))
            }
            Some(_) | None => Ok(operation),
        }
    }
}

fn given(what: &str, word: Option<Word>) -> Result<String, Lost> {
    word.map(String::from).ok_or_else(|| Lost::NotUnderstood(format!("it has no {what}")))
}

fn unexpected(path: &str, result: OperationResult) -> Lost {
    Lost::NotUnderstood(format!("{path} with the result {result:?}"))
}

impl Provider for Remote {
    fn authorize<'a>(&'a self, key: CallKey, request: &'a Authorize) -> Reply<'a, Authorization> {
        Box::pin(async move {
            let Authorize { order_id, amount, card_token: _ } = request;
            let path = "/authorizations";
            let operation = self.operate(path, key, request, *order_id, *amount).await?;
            match operation.result {
                OperationResult::Approved => {
                    let reference = given("reference", operation.reference)?;
                    Ok(Authorization::Approved { reference })
                }
                OperationResult::Declined => {
                    Ok(Authorization::Declined { reason: given("reason", operation.reason)? })
                }
                other => Err(unexpected(path, other).into()),
            }
        })
    }

    fn capture<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Capture> {
        Box::pin(async move {
            let path = "/captures";
            let operation = self.settle(path, key, request).await?;
            match operation.result {
                OperationResult::Captured => Ok(Capture::Captured),
                OperationResult::Failed => {
                    Ok(Capture::Failed { reason: given("reason", operation.reason)? })
                }
                other => Err(unexpected(path, other).into()),
            }
        })
    }

    fn void<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Void> {
        Box::pin(async move {
            let path = "/voids";
            match self.settle(path, key, request).await?.result {
                OperationResult::Voided => Ok(Void::Voided),
                OperationResult::EndedBefore => Ok(Void::EndedBefore),
                other => Err(unexpected(path, other).into()),
            }
        })
    }

    fn refund<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Refund> {
        Box::pin(async move {
            let path = "/refunds";
            match self.settle(path, key, request).await?.result {
                OperationResult::Refunded => Ok(Refund::Refunded),
                other => Err(unexpected(path, other).into()),
            }
        })
    }
}

impl From<Lost> for NoAnswer {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}
