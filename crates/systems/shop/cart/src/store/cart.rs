//! The rows of carts.

use ballet::{Failure, TextEnum};
use common::paging::Limit;
use common::rows::time;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use shop_events::{CartId, CustomerId, OrderId};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, PgExecutor, Row};

use crate::cart::{Cart, total};

pub(crate) async fn open(db: &mut PgConnection, cart: &Cart) -> Result<(), Failure> {
    sqlx::query(
        "insert into cart
             (cart_id, customer_id, version, status, lines, created_at, changed_at)
         values ($1, $2, $3, $4, $5, $6, $6)",
    )
    .bind(cart.cart_id.0)
    .bind(cart.customer_id.0)
    .bind(cart.version)
    .bind(TextEnum(cart.status))
    .bind(Json(&cart.lines))
    .bind(cart.created_at.to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

/// Stores the cart as its next version. The caller holds the lock of its row.
pub(crate) async fn save(
    db: &mut PgConnection,
    cart: &mut Cart,
    now: Timestamp,
) -> Result<(), Failure> {
    let saved: Cart = sqlx::query_as(
        "update cart
         set version = version + 1, status = $2, lines = $3, order_id = $4, changed_at = $5
         where cart_id = $1
         returning *",
    )
    .bind(cart.cart_id.0)
    .bind(TextEnum(cart.status))
    .bind(Json(&cart.lines))
    .bind(cart.order_id.map(|order_id| order_id.0))
    .bind(now.to_sqlx())
    .fetch_one(db)
    .await?;
    *cart = saved;
    Ok(())
}

pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    cart_id: CartId,
) -> Result<Option<Cart>, Failure> {
    let cart = sqlx::query_as("select * from cart where cart_id = $1");
    Ok(cart.bind(cart_id.0).fetch_optional(db).await?)
}

/// Locks the cart. Other transactions that want to change it wait until this one ends, and then see the change.
pub(crate) async fn find_to_change(
    db: &mut PgConnection,
    cart_id: CartId,
) -> Result<Option<Cart>, Failure> {
    let cart = sqlx::query_as("select * from cart where cart_id = $1 for no key update");
    Ok(cart.bind(cart_id.0).fetch_optional(db).await?)
}

/// The newest first; all of them, or those of one customer.
pub(crate) async fn page(
    db: impl PgExecutor<'_>,
    of: Option<CustomerId>,
    after: Option<CartId>,
    limit: Limit,
) -> Result<Vec<Cart>, Failure> {
    let carts = match of {
        Some(customer_id) => sqlx::query_as(
            "select * from cart where customer_id = $3
                 and cart_id <= coalesce($1, 'ffffffff-ffff-ffff-ffff-ffffffffffff') and cart_id is distinct from $1
             order by cart_id desc limit $2",
        )
        .bind(after.map(|cart_id| cart_id.0))
        .bind(limit.rows())
        .bind(customer_id.0),
        None => sqlx::query_as(
            "select * from cart
             where cart_id <= coalesce($1, 'ffffffff-ffff-ffff-ffff-ffffffffffff') and cart_id is distinct from $1
             order by cart_id desc limit $2",
        )
        .bind(after.map(|cart_id| cart_id.0))
        .bind(limit.rows()),
    };
    Ok(carts.fetch_all(db).await?)
}

impl FromRow<'_, PgRow> for Cart {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let TextEnum(status) = row.try_get("status")?;
        let Json(lines): Json<Vec<_>> = row.try_get("lines")?;
        let order_id: Option<_> = row.try_get("order_id")?;
        Ok(Self {
            cart_id: CartId(row.try_get("cart_id")?),
            customer_id: CustomerId(row.try_get("customer_id")?),
            version: row.try_get("version")?,
            status,
            total: total(&lines).ok().flatten(),
            lines,
            order_id: order_id.map(OrderId),
            created_at: time(row, "created_at")?,
            changed_at: time(row, "changed_at")?,
        })
    }
}
