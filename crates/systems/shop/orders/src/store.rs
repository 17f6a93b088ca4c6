//! The rows of orders.

use ballet::{Failure, TextEnum};
use common::paging::Limit;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use shop_events::orders::{OrderCancelled, OrderPlaced};
use shop_events::{CustomerId, Money, OrderId};
use sqlx::types::{Json, Uuid};
use sqlx::{PgConnection, PgExecutor};

use crate::history::OrderHistory;
use crate::order::{Order, OrderStatus};

/// The newest orders first. Each status has its own range of the index, so few more rows are read than are shown. An
/// index of time alone would be written with each change of an order.
const OF_STATUSES: &str = "
    select page.* from unnest($3::text[]) as wanted (status)
    cross join lateral (
        select * from customer_order where customer_order.status = wanted.status
            and (created_at, order_id) < (
                coalesce((select created_at from customer_order where order_id = $1), 'infinity'),
                coalesce($1, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
        order by created_at desc, order_id desc limit $2
    ) as page
    order by page.created_at desc, page.order_id desc limit $2";

/// A customer has few orders, so a status needs no index.
const OF_CUSTOMER: &str = "
    select * from customer_order where customer_id = $4 and status = any($3)
        and (created_at, order_id) < (
            coalesce((select created_at from customer_order where order_id = $1), 'infinity'),
            coalesce($1, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
    order by created_at desc, order_id desc limit $2";

/// A client's request under an idempotency key: one order for a key. The key is in the order's row, so neither exists
/// without the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyedRequest<'a> {
    pub(crate) key: &'a str,
    pub(crate) checkout: &'a str,
}

/// Stores the order unless the client's key was used before. Returns whether it did. A request waits for another one
/// with its key.
pub(crate) async fn place(
    db: &mut PgConnection,
    order: &OrderPlaced,
    request: Option<KeyedRequest<'_>>,
) -> sqlx::Result<bool> {
    let placed = sqlx::query(
        "insert into customer_order
             (order_id, status, customer_id, lines, ship_to, total_minor, currency,
              created_at, changed_at, idempotency_key, request_digest)
         values ($1, 'placed', $2, $3, $4, $5, $6, $7, $7, $8, sha256(convert_to($9, 'UTF8')))
         on conflict (idempotency_key) where idempotency_key is not null do nothing",
    )
    .bind(order.order_id.0)
    .bind(order.customer_id.0)
    .bind(Json(&order.lines))
    .bind(Json(&order.ship_to))
    .bind(order.total.amount_minor)
    .bind(order.total.currency.as_str())
    .bind(order.placed_at.to_sqlx())
    .bind(request.map(|request| request.key))
    .bind(request.map(|request| request.checkout))
    .execute(db)
    .await?;
    Ok(placed.rows_affected() == 1)
}

pub(crate) async fn place_all(db: &mut PgConnection, orders: &[&OrderPlaced]) -> sqlx::Result<()> {
    if orders.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into customer_order
             (order_id, status, customer_id, lines, ship_to, total_minor, currency,
              created_at, changed_at)
         select order_id, 'placed', customer_id, lines, ship_to, total_minor, currency,
             placed_at, placed_at
         from unnest($1::uuid[], $2::uuid[], $3::jsonb[], $4::jsonb[], $5::bigint[], $6::text[],
                 $7::timestamptz[])
             as placed (order_id, customer_id, lines, ship_to, total_minor, currency, placed_at)",
    )
    .bind(orders.iter().map(|order| order.order_id.0).collect::<Vec<_>>())
    .bind(orders.iter().map(|order| order.customer_id.0).collect::<Vec<_>>())
    .bind(orders.iter().map(|order| Json(&order.lines)).collect::<Vec<_>>())
    .bind(orders.iter().map(|order| Json(&order.ship_to)).collect::<Vec<_>>())
    .bind(orders.iter().map(|order| order.total.amount_minor).collect::<Vec<_>>())
    .bind(orders.iter().map(|order| order.total.currency.to_string()).collect::<Vec<_>>())
    .bind(orders.iter().map(|order| order.placed_at.to_sqlx()).collect::<Vec<_>>())
    .execute(db)
    .await
    .map(drop)
}

/// Returns the order of this key, and whether its request was the same.
pub(crate) async fn find_placed(
    db: &mut PgConnection,
    request: KeyedRequest<'_>,
) -> Result<Option<(OrderId, bool)>, Failure> {
    let found: Option<(Uuid, bool)> = sqlx::query_as(
        "select order_id, request_digest = sha256(convert_to($2, 'UTF8'))
         from customer_order where idempotency_key = $1",
    )
    .bind(request.key)
    .bind(request.checkout)
    .fetch_optional(db)
    .await?;
    Ok(found.map(|(order_id, is_same)| (OrderId(order_id), is_same)))
}

/// Counts pieces in a customer's unpaid orders. Other calls for the customer wait until this transaction ends.
pub(crate) async fn unpaid_pieces(
    db: &mut PgConnection,
    customer_id: CustomerId,
) -> sqlx::Result<i64> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('orders of ' || $1::text, 0))")
        .bind(customer_id.0)
        .execute(&mut *db)
        .await?;
    sqlx::query_scalar(
        "select coalesce(sum((line ->> 'quantity')::bigint), 0)::bigint
         from customer_order, jsonb_array_elements(lines) as line
         where customer_id = $1 and status = 'placed'",
    )
    .bind(customer_id.0)
    .fetch_one(db)
    .await
}

/// Fails permanently if the order is not placed, or has another total.
pub(crate) async fn confirm(
    db: &mut PgConnection,
    order_id: OrderId,
    captured: Money,
    now: Timestamp,
) -> Result<(), Failure> {
    advance(db, order_id, OrderStatus::Placed, OrderStatus::Confirmed, Some(captured), now).await
}

/// For a placed order the confirmation is still to come, because after a restore events come in any order. Fails
/// permanently if the order is neither placed nor confirmed.
pub(crate) async fn complete(
    db: &mut PgConnection,
    order_id: OrderId,
    now: Timestamp,
) -> Result<(), Failure> {
    if find(&mut *db, order_id).await?.is_some_and(|order| order.status == OrderStatus::Placed) {
        return Err(Failure::not_yet(format!("order {order_id} is not confirmed yet")));
    }
    advance(db, order_id, OrderStatus::Confirmed, OrderStatus::Completed, None, now).await
}

async fn advance(
    db: &mut PgConnection,
    order_id: OrderId,
    from: OrderStatus,
    to: OrderStatus,
    total: Option<Money>,
    now: Timestamp,
) -> Result<(), Failure> {
    let advanced = sqlx::query(
        "update customer_order set status = $3, changed_at = $4,
             confirmed_at = case $3 when 'confirmed' then $4 else confirmed_at end
         where order_id = $1 and status = $2
             and ($5::bigint is null or (total_minor, currency) = ($5, $6))",
    )
    .bind(order_id.0)
    .bind(TextEnum(from))
    .bind(TextEnum(to))
    .bind(now.to_sqlx())
    .bind(total.map(|total| total.amount_minor))
    .bind(total.map(|total| total.currency.to_string()))
    .execute(db)
    .await?;
    if advanced.rows_affected() == 1 {
        Ok(())
    } else {
        let paid = total.map_or_else(String::new, |total| {
            format!(", or does not cost {} {}", total.amount_minor, total.currency)
        });
        Err(Failure::permanent(format!(
            "order {order_id} cannot become {to:?}: it is not {from:?}{paid}"
        )))
    }
}

/// Cancels a placed order, or records one that was never placed as cancelled. Fails permanently if the order is
/// confirmed.
pub(crate) async fn cancel(
    db: &mut PgConnection,
    event: &OrderCancelled,
    now: Timestamp,
) -> Result<(), Failure> {
    let cancelled = sqlx::query(
        "insert into customer_order
             (order_id, status, reason, failed_step, detail, created_at, changed_at)
         values ($1, 'cancelled', $2, $3, $4, $5, $5)
         on conflict (order_id) do update set
             status = excluded.status, reason = excluded.reason,
             failed_step = excluded.failed_step, detail = excluded.detail,
             changed_at = excluded.changed_at
         where customer_order.status = 'placed'",
    )
    .bind(event.order_id.0)
    .bind(TextEnum(event.reason))
    .bind(&event.failed_step)
    .bind(&event.detail)
    .bind(now.to_sqlx())
    .execute(db)
    .await?;
    if cancelled.rows_affected() == 1 {
        Ok(())
    } else {
        let order_id = event.order_id;
        Err(Failure::permanent(format!(
            "order {order_id} cannot become Cancelled: it is not Placed"
        )))
    }
}

pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    order_id: OrderId,
) -> Result<Option<Order>, Failure> {
    let order = sqlx::query_as("select * from customer_order where order_id = $1")
        .bind(order_id.0)
        .fetch_optional(db)
        .await?;
    Ok(order)
}

/// Returns all orders, or those of one customer, behind the given one.
pub(crate) async fn page(
    db: impl PgExecutor<'_>,
    of: Option<CustomerId>,
    status: Option<OrderStatus>,
    after: Option<OrderId>,
    limit: Limit,
) -> Result<Vec<Order>, Failure> {
    let statuses = status.map_or(OrderStatus::ALL.to_vec(), |status| vec![status]);
    let statuses: Vec<_> = statuses.into_iter().map(TextEnum).collect();
    let query = sqlx::query_as(if of.is_some() { OF_CUSTOMER } else { OF_STATUSES });
    let query = query.bind(after.map(|order_id| order_id.0)).bind(limit.rows()).bind(statuses);
    let query = match of {
        Some(customer_id) => query.bind(customer_id.0),
        None => query,
    };
    Ok(query.fetch_all(db).await?)
}

pub(crate) async fn history(
    db: impl PgExecutor<'_>,
    order_id: OrderId,
) -> Result<Option<OrderHistory>, Failure> {
    let history = sqlx::query_as(
        "select order_id, status, customer_id, reason, failed_step, detail, created_at,
             confirmed_at, changed_at
         from customer_order where order_id = $1",
    )
    .bind(order_id.0)
    .fetch_optional(db)
    .await?;
    Ok(history)
}

/// Returns the orders whose status has changed since `seen`.
pub(crate) async fn changed(
    db: impl PgExecutor<'_>,
    seen: &[OrderHistory],
) -> Result<Vec<OrderHistory>, Failure> {
    let (orders, statuses): (Vec<_>, Vec<_>) =
        seen.iter().map(|seen| (seen.order_id.0, TextEnum(seen.status))).unzip();
    let changed = sqlx::query_as(
        // Named columns: a prepared `*` fails for good when a later release adds one.
        "select order_id, changed.status, customer_id, reason, failed_step, detail, created_at,
             confirmed_at, changed_at
         from unnest($1::uuid[], $2::text[]) as seen (order_id, status)
             join customer_order as changed using (order_id)
         where changed.status <> seen.status",
    )
    .bind(orders)
    .bind(statuses)
    .fetch_all(db)
    .await?;
    Ok(changed)
}
