//! The rows of shipping.

use ballet::{Failure, TextEnum};
use common::paging::Limit;
use common::rows::Time;
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use schemars::JsonSchema;
use serde::Serialize;
use shop_events::{Address, OrderId, ShipmentId};
use sqlx::types::{Json, Uuid};
use sqlx::{PgConnection, PgExecutor};

use crate::carrier::{BookingRequest, Parcel};
use crate::state::ShipmentState;

/// An order's shipment.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Shipment {
    /// The order.
    pub(crate) order_id: OrderId,
    /// The shipment.
    pub(crate) shipment_id: ShipmentId,
    /// The state of the shipment.
    pub(crate) state: ShipmentState,
    /// The delivery address.
    pub(crate) ship_to: Address,
    /// The carrier's tracking number.
    pub(crate) tracking: String,
    /// When the carrier answered.
    pub(crate) created_at: Timestamp,
    /// When the state changed last.
    pub(crate) changed_at: Timestamp,
}

impl Shipment {
    pub(crate) fn parcel(self) -> Parcel {
        Parcel { order_id: self.order_id, tracking: self.tracking }
    }
}

/// Stores the shipment only if the carrier will collect the parcel, because a refusal leaves no rows.
pub(crate) async fn insert(
    db: &mut PgConnection,
    request: &BookingRequest,
    tracking: &str,
    now: Timestamp,
) -> Result<(), Failure> {
    sqlx::query(
        "insert into shipment
             (order_id, shipment_id, state, ship_to, tracking, created_at, changed_at)
         values ($1, $2, $3, $4, $5, $6, $6)",
    )
    .bind(request.order_id.0)
    .bind(request.shipment_id.0)
    .bind(TextEnum(ShipmentState::Scheduled))
    .bind(Json(&request.ship_to))
    .bind(tracking)
    .bind(now.to_sqlx())
    .execute(db)
    .await?;
    Ok(())
}

/// Fails permanently if the new state may not follow, and for another attempt if the state before it is still to come.
pub(crate) async fn advance(
    db: &mut PgConnection,
    order_id: OrderId,
    to: ShipmentState,
    now: Timestamp,
) -> Result<ShipmentId, Failure> {
    let shipment_id: Option<Uuid> = sqlx::query_scalar(
        "update shipment set state = $3, changed_at = $4
         where order_id = $1 and state = $2
         returning shipment_id",
    )
    .bind(order_id.0)
    .bind(to.follows().map(TextEnum))
    .bind(TextEnum(to))
    .bind(now.to_sqlx())
    .fetch_optional(&mut *db)
    .await?;
    if let Some(shipment_id) = shipment_id {
        return Ok(ShipmentId(shipment_id));
    }
    let now = find(db, order_id).await?.map(|shipment| shipment.state);
    let why = format!("the shipment of order {order_id} cannot become {to:?}: it is {now:?}");
    // After a restore events come in any order.
    let is_early = now == to.follows().and_then(ShipmentState::follows);
    Err(if is_early { Failure::not_yet(why) } else { Failure::permanent(why) })
}

/// Returns the shipment that the order must have. Fails for another attempt if there is none yet.
pub(crate) async fn of_order(
    db: impl PgExecutor<'_>,
    order_id: OrderId,
) -> Result<Shipment, Failure> {
    let shipment = find(db, order_id).await?;
    shipment.ok_or_else(|| Failure::not_yet(format!("order {order_id} has no shipment yet")))
}

pub(crate) async fn find(
    db: impl PgExecutor<'_>,
    order_id: OrderId,
) -> Result<Option<Shipment>, Failure> {
    let shipment = sqlx::query_as("select * from shipment where order_id = $1")
        .bind(order_id.0)
        .fetch_optional(db)
        .await?;
    Ok(shipment)
}

/// Returns the newest orders first.
pub(crate) async fn page(
    db: impl PgExecutor<'_>,
    after: Option<OrderId>,
    limit: Limit,
) -> Result<Vec<Shipment>, Failure> {
    let shipments = sqlx::query_as(
        "select * from shipment
         where order_id <= coalesce($1, 'ffffffff-ffff-ffff-ffff-ffffffffffff') and order_id is distinct from $1
         order by order_id desc limit $2",
    )
    .bind(after.map(|order_id| order_id.0))
    .bind(limit.rows())
    .fetch_all(db)
    .await?;
    Ok(shipments)
}

common::row! { Shipment:
    order_id, shipment_id, state as TextEnum, ship_to as Json, tracking, created_at as Time,
    changed_at as Time,
}
