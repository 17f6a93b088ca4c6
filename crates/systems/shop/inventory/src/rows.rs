//! The rows of `stock` that the steps touch. A batch holds, releases and sells stock in separate statements, so its
//! rows are locked first.

use ballet::bulk::Item;
use ballet::{Failure, Rows};
use shop_events::Sku;
use shop_events::inventory::StockReserved;
use shop_events::orders::{OrderConfirmed, OrderPlaced};
use sqlx::PgConnection;

use crate::store::reservation;

pub(crate) async fn ordered(
    _: &mut PgConnection,
    orders: &[Item<&OrderPlaced>],
) -> Result<Rows, Failure> {
    let lines = orders.iter().flat_map(|order| &order.lines);
    Ok(of(lines.map(|line| &line.sku)))
}

pub(crate) async fn held(
    _: &mut PgConnection,
    held: &[Item<StockReserved>],
) -> Result<Rows, Failure> {
    let lines = held.iter().flat_map(|held| &held.lines);
    Ok(of(lines.map(|line| &line.sku)))
}

pub(crate) async fn confirmed(
    db: &mut PgConnection,
    orders: &[Item<&OrderConfirmed>],
) -> Result<Rows, Failure> {
    let orders: Vec<_> = orders.iter().map(|order| order.order_id).collect();
    Ok(of(&reservation::held_skus(db, &orders).await?))
}

fn of<'a>(skus: impl IntoIterator<Item = &'a Sku>) -> Rows {
    Rows::of("stock", skus.into_iter().map(Sku::as_str))
}
