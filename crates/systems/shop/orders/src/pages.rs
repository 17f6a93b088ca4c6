//! Pages of orders, the newest first. An order's position never changes.

use ballet::{Failure, TextEnum};
use common::paging::Limit;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use shop_events::{CustomerId, OrderId};
use sqlx::PgExecutor;

use crate::order::{Order, OrderStatus};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OrderPosition {
    placed_at: Timestamp,
    order_id: OrderId,
}

/// Each status has its own range of the index, so few more rows are read than are shown. An index of time alone would
/// be written with each change of an order.
const OF_STATUSES: &str = "
    select page.* from unnest($4::text[]) as wanted (status)
    cross join lateral (
        select * from customer_order where customer_order.status = wanted.status
            and (created_at, order_id)
                < (coalesce($1, 'infinity'), coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
        order by created_at desc, order_id desc limit $3
    ) as page
    order by page.created_at desc, page.order_id desc limit $3";

/// A customer has few orders, so a status needs no index.
const OF_CUSTOMER: &str = "
    select * from customer_order where customer_id = $5 and ($4::text is null or status = $4)
        and (created_at, order_id)
            < (coalesce($1, 'infinity'), coalesce($2, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    order by created_at desc, order_id desc limit $3";

pub(crate) async fn position(
    db: impl PgExecutor<'_>,
    of: Option<CustomerId>,
    order_id: OrderId,
) -> Result<Option<OrderPosition>, Failure> {
    let placed_at: Option<(jiff_sqlx::Timestamp,)> = sqlx::query_as(
        "select created_at from customer_order
         where order_id = $1 and ($2::uuid is null or customer_id = $2)",
    )
    .bind(order_id.0)
    .bind(of.map(|customer_id| customer_id.0))
    .fetch_optional(db)
    .await?;
    Ok(placed_at.map(|(at,)| OrderPosition { placed_at: at.to_jiff(), order_id }))
}

/// Returns all orders, or those of one customer.
pub(crate) async fn page(
    db: impl PgExecutor<'_>,
    of: Option<CustomerId>,
    status: Option<OrderStatus>,
    after: Option<OrderPosition>,
    limit: Limit,
) -> Result<Vec<Order>, Failure> {
    let (at, behind) = match after {
        Some(OrderPosition { placed_at, order_id }) => {
            (Some(placed_at.to_sqlx()), Some(order_id.0))
        }
        None => (None, None),
    };
    let query = match of {
        Some(customer_id) => sqlx::query_as(OF_CUSTOMER)
            .bind(at)
            .bind(behind)
            .bind(limit.rows())
            .bind(status.map(TextEnum))
            .bind(customer_id.0),
        None => {
            let statuses = status.map_or(OrderStatus::ALL.to_vec(), |status| vec![status]);
            let statuses: Vec<_> = statuses.into_iter().map(TextEnum).collect();
            let query = sqlx::query_as(OF_STATUSES);
            query.bind(at).bind(behind).bind(limit.rows()).bind(statuses)
        }
    };
    Ok(query.fetch_all(db).await?)
}
