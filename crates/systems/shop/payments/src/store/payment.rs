//! The rows of payments.

use ballet::{Failure, TextEnum};
use common::cards::{Authorize, Settle};
use common::paging::Limit;
use common::rows::{Time, money};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use schemars::JsonSchema;
use serde::Serialize;
use shop_events::{Money, OrderId};
use sqlx::{PgConnection, PgExecutor};

use crate::state::PaymentState;

/// An order's payment.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Payment {
    /// The order.
    pub(crate) order_id: OrderId,
    /// The state of the payment.
    pub(crate) state: PaymentState,
    /// The whole amount.
    pub(crate) amount: Money,
    /// The captured amount, in minor units.
    pub(crate) captured_minor: i64,
    /// The refunded amount, in minor units.
    pub(crate) refunded_minor: i64,
    /// The provider's reference for the authorisation. It is not part of the JSON.
    #[serde(skip)]
    pub(crate) reference: String,
    /// The time of the provider's first answer.
    pub(crate) created_at: Timestamp,
    /// When the state changed last.
    pub(crate) changed_at: Timestamp,
}

impl Payment {
    pub(crate) fn settle(self) -> Settle {
        let Self { order_id, amount, reference, .. } = self;
        Settle { order_id: order_id.0, reference, amount }
    }
}

/// Stores the payment only if the provider holds the money, because a refusal leaves no rows.
pub(crate) async fn insert(
    db: &mut PgConnection,
    request: &Authorize,
    reference: &str,
    now: Timestamp,
) -> Result<(), Failure> {
    sqlx::query(
        "insert into payment
             (order_id, state, amount_minor, currency, reference, created_at, changed_at)
         values ($1, $2, $3, $4, $5, $6, $6)",
    )
    .bind(request.order_id)
    .bind(TextEnum(PaymentState::Authorized))
    .bind(request.amount.amount_minor)
    .bind(request.amount.currency.as_str())
    .bind(reference)
    .bind(now.to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

/// Fails permanently if the new state may not follow.
pub(crate) async fn advance(
    db: &mut PgConnection,
    order_id: OrderId,
    to: PaymentState,
    now: Timestamp,
) -> Result<(), Failure> {
    let advanced = sqlx::query(
        "update payment set
             state = $3,
             captured_minor = case $3 when 'captured' then amount_minor else captured_minor end,
             refunded_minor = case $3 when 'refunded' then captured_minor else 0 end,
             changed_at = $4
         where order_id = $1 and state = $2",
    )
    .bind(order_id.0)
    .bind(to.follows().map(TextEnum))
    .bind(TextEnum(to))
    .bind(now.to_sqlx())
    .execute(db)
    .await?;
    if advanced.rows_affected() == 1 {
        Ok(())
    } else {
        Err(Failure::permanent(format!(
            "the payment of order {order_id} cannot become {to:?}: it is not {:?}",
            to.follows()
        )))
    }
}

/// Returns the payment that the order must have. Fails for another attempt if there is none yet.
pub(crate) async fn of_order(
    db: impl PgExecutor<'_>,
    order_id: OrderId,
) -> Result<Payment, Failure> {
    let payment = find(db, order_id).await?;
    payment.ok_or_else(|| Failure::not_yet(format!("order {order_id} has no payment yet")))
}

pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    order_id: OrderId,
) -> Result<Option<Payment>, Failure> {
    let payment = sqlx::query_as("select * from payment where order_id = $1")
        .bind(order_id.0)
        .fetch_optional(db)
        .await?;
    Ok(payment)
}

/// Returns the newest orders first.
pub(crate) async fn page(
    db: impl PgExecutor<'_>,
    after: Option<OrderId>,
    limit: Limit,
) -> Result<Vec<Payment>, Failure> {
    let payments =
        sqlx::query_as("select * from payment where order_id <= coalesce($1, 'ffffffff-ffff-ffff-ffff-ffffffffffff') and order_id is distinct from $1 order by order_id desc limit $2")
            .bind(after.map(|order_id| order_id.0))
            .bind(limit.rows())
            .fetch_all(db)
            .await?;
    Ok(payments)
}

common::row! { Payment:
    order_id, state as TextEnum, amount as (money "amount_minor"), captured_minor, refunded_minor,
    reference, created_at as Time, changed_at as Time,
}
