//! The stock of each SKU.

use ballet::Failure;
use common::paging::Limit;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use schemars::JsonSchema;
use serde::Serialize;
use shop_events::Sku;
use shop_events::inventory::StockReceived;
use sqlx::{PgConnection, PgExecutor};

/// The stock of one SKU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Stock {
    /// The product.
    pub(crate) sku: String,
    /// The quantity available for orders.
    on_hand: i64,
    /// The quantity that is held for orders.
    held: i64,
    /// The quantity sold.
    committed: i64,
    /// The quantity ever received: the sum of the three others.
    received: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReceiptOutcome {
    Now,
    /// Counted before.
    Before,
    /// Counted before with another quantity.
    Differently {
        quantity: i64,
    },
}

/// Counts once per receipt and SKU.
pub(crate) async fn receive(
    db: &mut PgConnection,
    goods: &StockReceived,
    now: Timestamp,
) -> Result<ReceiptOutcome, Failure> {
    let quantity = i64::try_from(goods.quantity)?;
    let counted = sqlx::query(
        "with counted as (
             insert into receipt (receipt, sku, quantity, created_at) values ($1, $2, $3, $4)
             on conflict (receipt, sku) do nothing
             returning sku, quantity, created_at
         )
         insert into stock (sku, on_hand, received, created_at)
         select sku, quantity, quantity, created_at from counted
         on conflict (sku) do update set
             on_hand = stock.on_hand + excluded.on_hand,
             received = stock.received + excluded.received",
    )
    .bind(&goods.receipt)
    .bind(goods.sku.as_str())
    .bind(quantity)
    .bind(now.to_sqlx())
    .execute(&mut *db)
    .await?;
    if counted.rows_affected() == 1 {
        return Ok(ReceiptOutcome::Now);
    }
    let before: i64 =
        sqlx::query_scalar("select quantity from receipt where receipt = $1 and sku = $2")
            .bind(&goods.receipt)
            .bind(goods.sku.as_str())
            .fetch_one(db)
            .await?;
    Ok(if before == quantity {
        ReceiptOutcome::Before
    } else {
        ReceiptOutcome::Differently { quantity: before }
    })
}

/// Returns `None` if it was never received.
pub(crate) async fn find(db: impl PgExecutor<'_>, sku: &Sku) -> Result<Option<Stock>, Failure> {
    let stock =
        sqlx::query_as("select sku, on_hand, held, committed, received from stock where sku = $1")
            .bind(sku.as_str())
            .fetch_optional(db)
            .await?;
    Ok(stock)
}

/// Returns stock in SKU order.
pub(crate) async fn page(
    db: impl PgExecutor<'_>,
    after: Option<&Sku>,
    limit: Limit,
) -> Result<Vec<Stock>, Failure> {
    let stock = sqlx::query_as(
        "select sku, on_hand, held, committed, received from stock
         where sku > $1 order by sku limit $2",
    )
    .bind(after.map_or("", Sku::as_str))
    .bind(limit.rows())
    .fetch_all(db)
    .await?;
    Ok(stock)
}

common::row! { Stock: sku, on_hand, held, committed, received }
