//! The rows of checkouts.

use ballet::{Failure, TextEnum};
use common::rows::{Time, money};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use shop_events::orders::CancelReason;
use shop_events::{CartId, CustomerId, OrderId};
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection, Row};
use uuid::Uuid;

use crate::checkout::{Checkout, CheckoutStatus};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OrderEnd {
    pub(crate) status: CheckoutStatus,
    pub(crate) why: Option<(CancelReason, Option<String>)>,
}

/// `request` is the body of the request, as text.
pub(crate) async fn place(
    db: &mut PgConnection,
    checkout: &Checkout,
    request: &str,
) -> Result<(), Failure> {
    sqlx::query(
        "insert into checkout
             (order_id, cart_id, cart_version, lines, total_minor, currency, request_digest, status,
              created_at, changed_at)
         values ($1, $2, $3, $4, $5, $6, sha256(convert_to($7, 'UTF8')), $8, $9, $9)",
    )
    .bind(checkout.order_id.0)
    .bind(checkout.cart_id.0)
    .bind(checkout.cart_version)
    .bind(Json(&checkout.lines))
    .bind(checkout.total.amount_minor)
    .bind(checkout.total.currency.as_str())
    .bind(request)
    .bind(TextEnum(checkout.status))
    .bind(checkout.created_at.to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

/// Returns the checkout, and whether this request made it.
pub(crate) async fn of_versions(
    db: &mut PgConnection,
    cart_id: CartId,
    versions: &[i64],
    request: &str,
) -> Result<Option<(Checkout, bool)>, Failure> {
    let found = sqlx::query(
        "select *, request_digest = sha256(convert_to($3, 'UTF8')) as same from checkout
         where cart_id = $1 and cart_version = any($2)
         order by cart_version desc limit 1",
    );
    let found = found.bind(cart_id.0).bind(versions).bind(request).fetch_optional(db).await?;
    let read = |row: PgRow| Ok::<_, sqlx::Error>((Checkout::from_row(&row)?, row.try_get("same")?));
    Ok(found.map(read).transpose()?)
}

/// Counts pieces in a customer's checkouts that are not paid, as far as the cart knows. Other calls for the customer
/// wait until this transaction ends.
pub(crate) async fn unpaid_pieces(
    db: &mut PgConnection,
    customer_id: CustomerId,
) -> Result<i64, Failure> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('checkouts of ' || $1::text, 0))")
        .bind(customer_id.0)
        .execute(&mut *db)
        .await?;
    // A customer has few carts.
    let pieces = sqlx::query_scalar(
        "select coalesce(sum((line ->> 'quantity')::bigint), 0)::bigint
         from cart join checkout using (cart_id), jsonb_array_elements(checkout.lines) as line
         where cart.customer_id = $1 and checkout.status = 'placed'",
    );
    Ok(pieces.bind(customer_id.0).fetch_one(db).await?)
}

/// Ends it if it was checked out here and has not ended before. Returns its cart.
pub(crate) async fn end(
    db: &mut PgConnection,
    order_id: OrderId,
    end: &OrderEnd,
    now: Timestamp,
) -> Result<Option<CartId>, Failure> {
    let (reason, detail) = match &end.why {
        Some((reason, detail)) => (Some(TextEnum(*reason)), detail.as_deref()),
        None => (None, None),
    };
    let ended: Option<(Uuid,)> = sqlx::query_as(
        "update checkout set status = $2, reason = $3, detail = $4, changed_at = $5
         where order_id = $1 and status = 'placed'
         returning cart_id",
    )
    .bind(order_id.0)
    .bind(TextEnum(end.status))
    .bind(reason)
    .bind(detail)
    .bind(now.to_sqlx())
    .fetch_optional(db)
    .await?;
    Ok(ended.map(|(cart_id,)| CartId(cart_id)))
}

common::row! { Checkout:
    order_id, cart_id, cart_version, lines as Json, total as (money "total_minor"),
    status as TextEnum, reason as [TextEnum], detail, created_at as Time, changed_at as Time,
}
