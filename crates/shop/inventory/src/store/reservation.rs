//! What is held for orders.

use std::collections::BTreeMap;

use ballet::Failure;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use shop_events::inventory::ReservationFailure;
use shop_events::{OrderId, OrderLine, Sku, StockLine};
use sqlx::PgConnection;

/// What came of the wish to hold things.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// All of it, one line per SKU.
    All(Vec<StockLine>),
    /// None of it, since there is too little of this.
    Short { reason: ReservationFailure, sku: Sku, wanted: u64, on_hand: u64 },
}

/// Holds all lines or none, in one statement.
pub(crate) async fn hold(
    db: &mut PgConnection,
    order_id: OrderId,
    lines: &[OrderLine],
    now: Timestamp,
) -> Result<Held, Failure> {
    let wanted = merge(lines);
    let skus: Vec<&str> = wanted.iter().map(|line| line.sku.as_str()).collect();
    let quantities =
        wanted.iter().map(|line| line.quantity.try_into()).collect::<Result<Vec<i64>, _>>()?;
    // `shelf` reads what is current under the lock, so nothing can change between look and hold.
    // An unknown SKU comes before an empty shelf: it makes the order invalid, not unlucky.
    let short: Option<(String, i64, Option<i64>)> = sqlx::query_as(
        "with wanted as (
             select * from unnest($2::text[], $3::bigint[]) as line (sku, quantity)
         ), shelf as (
             select sku, wanted.quantity, stock.on_hand
             from stock join wanted using (sku)
             order by sku
             for update of stock
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
    let Some((sku, quantity, on_hand)) = short else { return Ok(Held::All(wanted)) };
    let reason = match on_hand {
        Some(_) => ReservationFailure::OutOfStock,
        None => ReservationFailure::UnknownSku,
    };
    Ok(Held::Short {
        reason,
        sku: sku.parse()?,
        wanted: quantity.try_into()?,
        on_hand: on_hand.unwrap_or_default().try_into()?,
    })
}

/// How a reservation ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    /// Its things are back on the shelf.
    Released,
    /// Its things are sold.
    Committed,
}

/// Ends what is held for the order, and tells what it was.
pub(crate) async fn end(
    db: &mut PgConnection,
    order_id: OrderId,
    end: End,
) -> Result<Vec<StockLine>, Failure> {
    let state = match end {
        End::Released => "released",
        End::Committed => "committed",
    };
    let lines: Vec<(String, i64)> = sqlx::query_as(
        "with ended as (
             update reservation set state = $2
             where order_id = $1 and state = 'held'
             returning sku, quantity
         ), shelf as (
             select sku, ended.quantity,
                 case $2 when 'released' then ended.quantity else 0 end as released,
                 case $2 when 'committed' then ended.quantity else 0 end as committed
             from stock join ended using (sku)
             order by sku
             for update of stock
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
    .bind(state)
    .fetch_all(db)
    .await?;
    stock_lines(lines)
}

/// One line per SKU, in SKU order.
fn merge(lines: &[OrderLine]) -> Vec<StockLine> {
    let mut merged = BTreeMap::new();
    for line in lines {
        *merged.entry(&line.sku).or_default() += u64::from(line.quantity);
    }
    merged.into_iter().map(|(sku, quantity)| StockLine { sku: sku.clone(), quantity }).collect()
}

fn stock_lines(rows: Vec<(String, i64)>) -> Result<Vec<StockLine>, Failure> {
    let mut lines = rows
        .into_iter()
        .map(|(sku, quantity)| Ok(StockLine { sku: sku.parse()?, quantity: quantity.try_into()? }))
        .collect::<Result<Vec<_>, Failure>>()?;
    lines.sort_by(|a, b| a.sku.cmp(&b.sku));
    Ok(lines)
}
