//! The facts about each order, and the counts that follow. Every change first locks the table `learned`, so that no
//! two run at a time.

use ballet::Failure;
use shop_events::{CustomerId, OrderId, Sku};
use sqlx::PgConnection;

use crate::popularity::OrderWeight;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OrderFacts {
    order_id: OrderId,
    /// Whether it must be in the counts.
    counts: bool,
    /// Whether it is in the counts.
    counted: bool,
}

impl OrderFacts {
    fn of(order_id: OrderId, (counts, counted): (bool, bool)) -> Self {
        Self { order_id, counts, counted }
    }
}

/// Adds a fact about an order, and returns the effect of all its facts.
macro_rules! add {
    ($columns:literal, $values:literal, $update:literal) => {
        concat!(
            "with lock as materialized (select 1 from learned for update)
             insert into customer_order as known (order_id, ",
            $columns,
            ") select $1, ",
            $values,
            " from lock on conflict (order_id) do update set ",
            $update,
            " returning confirmed and not cancelled and skus is not null, counted"
        )
    };
}

/// Later contents are ignored, and so are those of a cancelled order.
pub(crate) async fn placed(
    db: &mut PgConnection,
    order_id: OrderId,
    customer_id: CustomerId,
    skus: &[Sku],
    weight: OrderWeight,
) -> sqlx::Result<OrderFacts> {
    let skus: Vec<&str> = skus.iter().map(Sku::as_str).collect();
    let facts = sqlx::query_as(add!(
        "customer_id, skus, weight",
        "$2, $3, $4::bigint * round(2::numeric ^ $5::integer)",
        "customer_id = case when known.cancelled or known.skus is not null
             then known.customer_id else excluded.customer_id end,
         skus = case when known.cancelled or known.skus is not null
             then known.skus else excluded.skus end,
         weight = case when known.cancelled or known.skus is not null
             then known.weight else excluded.weight end"
    ))
    .bind(order_id.0)
    .bind(customer_id.0)
    .bind(skus)
    .bind(weight.factor)
    .bind(weight.doublings)
    .fetch_one(db)
    .await?;
    Ok(OrderFacts::of(order_id, facts))
}

pub(crate) async fn confirmed(
    db: &mut PgConnection,
    order_id: OrderId,
) -> sqlx::Result<OrderFacts> {
    let facts = sqlx::query_as(add!("confirmed", "true", "confirmed = true"))
        .bind(order_id.0)
        .fetch_one(db)
        .await?;
    Ok(OrderFacts::of(order_id, facts))
}

/// If the order is not in the counts, its contents are deleted.
pub(crate) async fn cancelled(
    db: &mut PgConnection,
    order_id: OrderId,
) -> sqlx::Result<OrderFacts> {
    let facts = sqlx::query_as(add!(
        "cancelled",
        "true",
        "cancelled = true,
         customer_id = case when known.counted then known.customer_id end,
         skus = case when known.counted then known.skus end,
         weight = case when known.counted then known.weight end"
    ))
    .bind(order_id.0)
    .fetch_one(db)
    .await?;
    Ok(OrderFacts::of(order_id, facts))
}

/// Adds an order, or takes it out, as its facts say.
pub(crate) async fn learn(db: &mut PgConnection, facts: OrderFacts) -> Result<(), Failure> {
    match (facts.counted, facts.counts) {
        (false, true) => count(db, facts.order_id).await?,
        (true, false) => uncount(db, facts.order_id).await?,
        (true, true) | (false, false) => {}
    }
    Ok(())
}

async fn count(db: &mut PgConnection, order_id: OrderId) -> sqlx::Result<()> {
    sqlx::query(
        "with bought as (
             update customer_order set counted = true where order_id = $1 returning skus, weight
         ), basket as (
             select sku collate \"C\" as sku, weight from bought, unnest(skus) as sku
         ), orders as (
             update learned set orders = orders + 1
         ), products as (
             insert into product_count as known (sku, orders, popularity)
             select sku, 1, weight from basket
             on conflict (sku) do update set
                 orders = known.orders + 1, popularity = known.popularity + excluded.popularity
         )
         insert into pair_count as known (sku, other, orders)
         select one.sku, other.sku, 1
         from basket as one join basket as other on one.sku < other.sku
         on conflict (sku, other) do update set orders = known.orders + 1",
    )
    .bind(order_id.0)
    .execute(db)
    .await?;
    Ok(())
}

/// Acts as if the order had never been in the counts. Deletes its contents.
async fn uncount(db: &mut PgConnection, order_id: OrderId) -> sqlx::Result<()> {
    sqlx::query(
        "with bought as (
             update customer_order
             set counted = false, customer_id = null, skus = null, weight = null
             from customer_order as before
             where customer_order.order_id = $1 and before.order_id = $1
             returning before.skus, before.weight
         ), basket as (
             select sku collate \"C\" as sku, weight from bought, unnest(skus) as sku
         ), pairs as (
             select one.sku, other.sku as other
             from basket as one join basket as other on one.sku < other.sku
         ), orders as (
             update learned set orders = orders - 1
         ), last_of_product as (
             delete from product_count as known using basket
             where known.sku = basket.sku and known.orders = 1
         ), products as (
             update product_count as known
             set orders = orders - 1, popularity = popularity - basket.weight
             from basket where known.sku = basket.sku and known.orders > 1
         ), last_of_pair as (
             delete from pair_count as known using pairs
             where known.sku = pairs.sku and known.other = pairs.other and known.orders = 1
         )
         update pair_count as known set orders = known.orders - 1
         from pairs
         where known.sku = pairs.sku and known.other = pairs.other and known.orders > 1",
    )
    .bind(order_id.0)
    .execute(db)
    .await?;
    Ok(())
}
