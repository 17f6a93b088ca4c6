//! The stock that is held for orders.

use std::collections::BTreeMap;

use ballet::{Failure, TextEnum};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use serde::{Deserialize, Serialize};
use shop_events::inventory::ReservationFailure;
use shop_events::{OrderId, OrderLine, Sku, StockLine};
use sqlx::PgConnection;

/// The state of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationState {
    /// The stock is held for the order.
    Held,
    /// The stock is on hand again.
    Released,
    /// The stock is sold.
    Committed,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HoldOutcome {
    /// One line per SKU.
    All(Vec<StockLine>),
    /// There is too little of this SKU, so nothing is held.
    Short { reason: ReservationFailure, sku: Sku, wanted: u64, on_hand: u64 },
}

/// Holds all lines or none. No other step changes the stock meanwhile: all name its rows.
pub(crate) async fn hold(
    db: &mut PgConnection,
    order_id: OrderId,
    lines: &[OrderLine],
    now: Timestamp,
) -> Result<HoldOutcome, Failure> {
    let wanted = merge(lines);
    let skus: Vec<&str> = wanted.iter().map(|line| line.sku.as_str()).collect();
    let quantities =
        wanted.iter().map(|line| line.quantity.try_into()).collect::<Result<Vec<i64>, _>>()?;
    // An unknown SKU comes before a shortage, because it makes the order invalid.
    let short: Option<(String, i64, Option<i64>)> = sqlx::query_as(
        "with wanted as (
             select * from unnest($2::text[], $3::bigint[]) as line (sku, quantity)
         ), shelf as (
             select sku, wanted.quantity, stock.on_hand
             from stock join wanted using (sku)
         ), short as (
             select sku, wanted.quantity, shelf.on_hand
             from wanted left join shelf using (sku)
             where shelf.on_hand is null or shelf.on_hand < wanted.quantity
         ), held as (
             update stock
             set on_hand = stock.on_hand - shelf.quantity, held = stock.held + shelf.quantity
             from shelf
             where stock.sku = shelf.sku and not exists (select from short)
             returning stock.sku, shelf.quantity
         ), reserved as (
             insert into reservation (order_id, sku, quantity, state, created_at)
             select $1, sku, quantity, 'held', $4 from held
         )
         select sku, quantity, on_hand from short order by on_hand is not null, sku limit 1",
    )
    .bind(order_id.0)
    .bind(&skus)
    .bind(&quantities)
    .bind(now.to_sqlx())
    .fetch_optional(db)
    .await?;
    let Some((sku, quantity, on_hand)) = short else { return Ok(HoldOutcome::All(wanted)) };
    let reason = match on_hand {
        Some(_) => ReservationFailure::OutOfStock,
        None => ReservationFailure::UnknownSku,
    };
    Ok(HoldOutcome::Short {
        reason,
        sku: sku.parse()?,
        wanted: quantity.try_into()?,
        on_hand: on_hand.unwrap_or_default().try_into()?,
    })
}

/// Returns the stock that was held. The steps name its rows.
pub(crate) async fn end(
    db: &mut PgConnection,
    order_id: OrderId,
    state: ReservationState,
) -> Result<Vec<StockLine>, Failure> {
    let lines: Vec<(String, i64)> = sqlx::query_as(
        "with ended as (
             update reservation set state = $2
             where order_id = $1 and state = 'held'
             returning sku, quantity
         ), shelf as (
             select sku, quantity,
                 case $2 when 'released' then quantity else 0 end as released,
                 case $2 when 'committed' then quantity else 0 end as committed
             from ended
         )
         update stock
         set held = stock.held - shelf.quantity,
             on_hand = stock.on_hand + shelf.released,
             committed = stock.committed + shelf.committed
         from shelf
         where stock.sku = shelf.sku
         returning stock.sku, shelf.quantity",
    )
    .bind(order_id.0)
    .bind(TextEnum(state))
    .fetch_all(db)
    .await?;
    stock_lines(lines)
}

pub(crate) async fn held_skus(
    db: &mut PgConnection,
    orders: &[OrderId],
) -> Result<Vec<Sku>, Failure> {
    let skus: Vec<String> = sqlx::query_scalar(
        "select distinct sku from reservation where order_id = any($1) and state = 'held'",
    )
    .bind(orders.iter().map(|order| order.0).collect::<Vec<_>>())
    .fetch_all(db)
    .await?;
    Ok(skus.iter().map(|sku| sku.parse()).collect::<Result<_, _>>()?)
}

/// Makes one line per SKU, in SKU order.
fn merge(lines: &[OrderLine]) -> Vec<StockLine> {
    let mut merged = BTreeMap::new();
    for line in lines {
        *merged.entry(&line.sku).or_default() += u64::from(line.quantity);
    }
    merged.into_iter().map(|(sku, quantity)| StockLine { sku: sku.clone(), quantity }).collect()
}

/// Sorts by SKU.
fn stock_lines(rows: impl IntoIterator<Item = (String, i64)>) -> Result<Vec<StockLine>, Failure> {
    let mut lines = rows
        .into_iter()
        .map(|(sku, quantity)| Ok(StockLine { sku: sku.parse()?, quantity: quantity.try_into()? }))
        .collect::<Result<Vec<_>, Failure>>()?;
    lines.sort_by(|a, b| a.sku.cmp(&b.sku));
    Ok(lines)
}
