//! Orders under an idempotency key: one order for a key. The key is in the order's row, so neither exists without the
//! other.

use ballet::Failure;
use shop_events::OrderId;
use sqlx::PgExecutor;
use sqlx::types::Uuid;

#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyedRequest<'a> {
    pub(crate) key: &'a str,
    pub(crate) checkout: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EarlierOrder {
    pub(crate) order_id: OrderId,
    pub(crate) is_same: bool,
}

pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    request: KeyedRequest<'_>,
) -> Result<Option<EarlierOrder>, Failure> {
    let found: Option<(Uuid, bool)> = sqlx::query_as(
        "select order_id, request_digest = sha256(convert_to($2, 'UTF8'))
         from customer_order where idempotency_key = $1",
    )
    .bind(request.key)
    .bind(request.checkout)
    .fetch_optional(db)
    .await?;
    Ok(found.map(|(order_id, is_same)| EarlierOrder { order_id: OrderId(order_id), is_same }))
}
