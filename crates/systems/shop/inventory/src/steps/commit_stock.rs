//! The step `commit_stock`.

use ballet::bulk::Item;
use ballet::{Failure, Never, Rows, Step, StepResult, Tx, done};
use shop_events::inventory::StockCommitted;
use shop_events::orders::OrderConfirmed;
use sqlx::PgConnection;

use crate::store::reservation::{self, ReservationState};
use crate::store::stock;

/// Sells the stock that is held for the order.
#[derive(Debug)]
pub struct CommitStock;

impl Step for CommitStock {
    const NAME: &'static str = "commit_stock";
    type On = OrderConfirmed;
    type Done = StockCommitted;
    type Refused = Never;

    async fn touches(
        db: &mut PgConnection,
        orders: &[Item<&OrderConfirmed>],
    ) -> Result<Rows, Failure> {
        let orders: Vec<_> = orders.iter().map(|order| order.order_id).collect();
        Ok(stock::rows(&reservation::held_skus(db, &orders).await?))
    }

    async fn run(&self, tx: &mut Tx<'_>, order: OrderConfirmed) -> StepResult<Self> {
        let order_id = order.order_id;
        let lines = reservation::end(tx.db(), order_id, ReservationState::Committed).await?;
        if lines.is_empty() {
            return Err(
                Failure::not_yet(format!("nothing is held yet for order {order_id}")).into()
            );
        }
        done(StockCommitted { order_id, lines })
    }
}
