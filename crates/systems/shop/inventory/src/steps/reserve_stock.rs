//! The step `reserve_stock` and its compensation.

use ballet::bulk::Item;
use ballet::{
    Compensate, CompensateResult, Failure, Rows, Step, StepResult, Tx, compensated, done, refused,
};
use shop_events::inventory::{StockReleased, StockReservationFailed, StockReserved};
use shop_events::orders::OrderPlaced;
use sqlx::PgConnection;

use crate::store::reservation::{self, HoldOutcome, ReservationState};
use crate::store::stock;

/// Holds everything that the order needs, or refuses if there is too little of a product.
#[derive(Debug)]
pub struct ReserveStock;

impl Step for ReserveStock {
    const NAME: &'static str = "reserve_stock";
    type On = OrderPlaced;
    type Done = StockReserved;
    type Refused = StockReservationFailed;

    async fn touches(_: &mut PgConnection, orders: &[Item<&OrderPlaced>]) -> Result<Rows, Failure> {
        let lines = orders.iter().flat_map(|order| &order.lines);
        Ok(stock::rows(lines.map(|line| &line.sku)))
    }

    async fn run(&self, tx: &mut Tx<'_>, order: OrderPlaced) -> StepResult<Self> {
        let (order_id, now) = (order.order_id, tx.now());
        match reservation::hold(tx.db(), order_id, &order.lines, now).await? {
            HoldOutcome::All(lines) => done(StockReserved { order_id, lines }),
            HoldOutcome::Short { reason, sku, wanted, on_hand } => {
                refused(StockReservationFailed { order_id, reason, sku, wanted, on_hand })
            }
        }
    }
}

impl Compensate for ReserveStock {
    type Compensated = StockReleased;

    async fn compensate_touches(
        _: &mut PgConnection,
        held: &[Item<StockReserved>],
    ) -> Result<Rows, Failure> {
        let lines = held.iter().flat_map(|held| &held.lines);
        Ok(stock::rows(lines.map(|line| &line.sku)))
    }

    async fn compensate(&self, tx: &mut Tx<'_>, held: StockReserved) -> CompensateResult<Self> {
        let order_id = held.order_id;
        let lines = reservation::end(tx.db(), order_id, ReservationState::Released).await?;
        compensated(StockReleased { order_id, lines })
    }
}
