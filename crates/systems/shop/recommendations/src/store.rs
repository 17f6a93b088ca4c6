//! The rows of recommendations: the facts about each order, and the products that follow from them.

use ballet::Failure;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use shop_events::{CustomerId, OrderId, OrderLine, Sku};
use sqlx::PgConnection;
use sqlx::types::Text;

const LAST_ORDERS: i64 = 20;

/// A product goes with others if at least 3 orders have both, and it is 1.5 times as frequent beside them as
/// otherwise: a bestseller goes with nothing in particular.
const RELATED: &str = "
    with these as materialized (
        select wanted.sku as of_sku, item.order_id
        from unnest($1::text[]) as wanted (sku) cross join lateral (
            select order_id from sold_item where sold_item.sku = wanted.sku
            order by placed_at desc limit 1000
        ) as item
    ), own as (
        select of_sku, count(*)::float8 as orders from these group by of_sku
    ), beside as (
        select of_sku, sku, count(*)::float8 as orders from these join order_item using (order_id)
        where sku <> all ($2::text[]) group by of_sku, sku having count(*) >= 3
    ), lately as materialized (
        select sku, order_id from sold_item order by placed_at desc limit 10000
    ), usual as (
        select sku, count(*)::float8 as orders from lately group by sku
    ), compared as (
        select sku, beside.orders, beside.orders / own.orders
            / (greatest(usual.orders, 1) / (select count(distinct order_id) from lately)) as lift
        from beside join own using (of_sku) join product_for_sale using (sku)
            left join usual using (sku)
    )
    select sku from compared where lift >= 1.5
    group by sku order by sum(orders * ln(lift)) desc, sku limit $3";

/// Later contents are ignored, and so are those of a cancelled order.
pub(crate) async fn placed(
    db: &mut PgConnection,
    order_id: OrderId,
    customer_id: CustomerId,
    lines: &[OrderLine],
    placed_at: Timestamp,
) -> Result<(), Failure> {
    let skus: Vec<&str> = lines.iter().map(|line| line.sku.as_str()).collect();
    sqlx::query(
        "with known as (
             insert into customer_order as known (order_id, customer_id) values ($1, $2)
             on conflict (order_id) do update
             set customer_id = case when known.cancelled then null else excluded.customer_id end
             returning order_id, cancelled
         )
         insert into order_item (order_id, sku, placed_at)
         select distinct order_id, sku, $4 from known, unnest($3::text[]) as sku
         where not cancelled
         on conflict do nothing",
    )
    .bind(order_id.0)
    .bind(customer_id.0)
    .bind(skus)
    .bind(placed_at.to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

pub(crate) async fn confirmed(db: &mut PgConnection, order_id: OrderId) -> Result<(), Failure> {
    sqlx::query(
        "insert into customer_order (order_id, confirmed) values ($1, true)
         on conflict (order_id) do update set confirmed = true",
    )
    .bind(order_id.0)
    .execute(db)
    .await?;
    Ok(())
}

/// The contents are deleted.
pub(crate) async fn cancelled(db: &mut PgConnection, order_id: OrderId) -> Result<(), Failure> {
    sqlx::query(
        "with known as (
             insert into customer_order (order_id, cancelled) values ($1, true)
             on conflict (order_id) do update set cancelled = true, customer_id = null
         )
         delete from order_item where order_id = $1",
    )
    .bind(order_id.0)
    .execute(db)
    .await?;
    Ok(())
}

/// Returns the products that go best with these, without others. All of them can be bought.
pub(crate) async fn related(
    db: &mut PgConnection,
    skus: &[Sku],
    without: &[Sku],
    most: i64,
) -> sqlx::Result<Vec<Sku>> {
    let texts = |skus: &[Sku]| skus.iter().map(ToString::to_string).collect::<Vec<_>>();
    let skus: Vec<Text<Sku>> = sqlx::query_scalar(RELATED)
        .bind(texts(skus))
        .bind(texts(without))
        .bind(most)
        .fetch_all(db)
        .await?;
    Ok(skus.into_iter().map(|Text(sku)| sku).collect())
}

/// Returns what was bought most lately. All of it can be bought.
pub(crate) async fn popular(
    db: &mut PgConnection,
    without: &[Sku],
    most: i64,
) -> sqlx::Result<Vec<Sku>> {
    let without: Vec<&str> = without.iter().map(Sku::as_str).collect();
    let skus: Vec<Text<Sku>> = sqlx::query_scalar(
        "select sku from (select sku from sold_item order by placed_at desc limit 10000) as lately
             join product_for_sale using (sku)
         where sku <> all ($1::text[])
         group by sku order by count(*) desc, sku limit $2",
    )
    .bind(without)
    .bind(most)
    .fetch_all(db)
    .await?;
    Ok(skus.into_iter().map(|Text(sku)| sku).collect())
}

/// Returns the latest order first, each product once.
pub(crate) async fn bought(
    db: &mut PgConnection,
    customer_id: CustomerId,
) -> sqlx::Result<Vec<Sku>> {
    let skus: Vec<Text<Sku>> = sqlx::query_scalar(
        "select sku from (
             select order_id from customer_order where customer_id = $1 and confirmed
             order by order_id desc limit $2
         ) as last join order_item using (order_id)
         group by sku order by max(placed_at) desc, sku",
    )
    .bind(customer_id.0)
    .bind(LAST_ORDERS)
    .fetch_all(db)
    .await?;
    Ok(skus.into_iter().map(|Text(sku)| sku).collect())
}
