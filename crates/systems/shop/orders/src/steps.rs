//! The steps of orders in the saga that it owns.

use ballet::bulk::{BulkResult, BulkTx, Item};
use ballet::core::id;
use ballet::{Failure, Never, Owner, Step, StepResult, Tx, done};
use shop_events::cart::CartCheckedOut;
use shop_events::inventory::StockCommitted;
use shop_events::orders::{OrderCancelled, OrderCompleted, OrderConfirmed, OrderPlaced};
use shop_events::payments::PaymentCaptured;
use shop_events::shipping::ShipmentDelivered;
use shop_events::{OrderFulfillment, OrderId};

use crate::prices::{self, NotOffered, PricedCheckout};
use crate::{cancel, checkout, store};

/// The order's row decides how the saga ends: the first change that is committed wins.
#[derive(Debug)]
pub struct OrderRow;

impl Owner for OrderRow {
    type Saga = OrderFulfillment;

    async fn abort(&self, tx: &mut Tx<'_>, cancelled: &OrderCancelled) -> Result<(), Failure> {
        let now = tx.now();
        store::cancel(tx.db(), cancelled, now).await
    }
}

/// Places the orders of checkouts, and cancels those that are invalid.
#[derive(Debug)]
pub struct AcceptCheckout;

impl Step for AcceptCheckout {
    const NAME: &'static str = "accept_checkout";
    const TOGETHER: bool = true;
    type On = CartCheckedOut;
    type Done = OrderPlaced;
    type Refused = OrderCancelled;

    async fn run_all(
        &self,
        tx: &mut BulkTx<'_>,
        checkouts: Vec<Item<CartCheckedOut>>,
    ) -> BulkResult<Self> {
        let now = tx.now();
        let made = checkouts.into_iter().map(|Item { saga_id, event, .. }| {
            let order_id = OrderId::from(saga_id.0);
            // A checkout that waited, or is sent again after a restore, has the prices of its own time.
            let at = id::time_of(saga_id.0).map_or(now, |at| at.min(now));
            let order = checkout::place(order_id, event, now);
            (order.map_err(|impossible| cancel::impossible(order_id, &impossible)), at)
        });
        let (orders, times): (Vec<_>, Vec<_>) = made.unzip();
        let named = orders.iter().zip(times).map(|(order, at)| {
            let lines = order.as_ref().map_or(&[][..], |order| &order.lines);
            PricedCheckout { lines, at }
        });
        let judged = prices::judge(tx.db(), &named.collect::<Vec<_>>()).await?;
        let mut outcomes = Vec::with_capacity(orders.len());
        for (order, judged) in orders.into_iter().zip(judged) {
            outcomes.push(match (order, judged) {
                (Ok(order), Ok(())) => Ok(order),
                (Ok(order), Err(NotOffered::Wrong(impossible))) => {
                    Err(cancel::impossible(order.order_id, &impossible))
                }
                (Ok(_), Err(not_yet @ NotOffered::NotYet { .. })) => {
                    return Err(Failure::not_yet(not_yet.to_string()));
                }
                (Err(cancelled), _) => Err(cancelled),
            });
        }
        let placed = outcomes.iter().filter_map(|outcome| match outcome {
            Ok(order) => Some(order),
            // There is no row yet: the abort that follows from the refusal writes it.
            Err(_) => None,
        });
        store::place_all(tx.db(), &placed.collect::<Vec<_>>()).await?;
        Ok(outcomes)
    }
}

/// Records that the money is captured: all of it, and no more. After this step the saga is never aborted.
#[derive(Debug)]
pub struct ConfirmOrder;

impl Step for ConfirmOrder {
    const NAME: &'static str = "confirm_order";
    type On = PaymentCaptured;
    type Done = OrderConfirmed;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, payment: PaymentCaptured) -> StepResult<Self> {
        let now = tx.now();
        store::confirm(tx.db(), payment.order_id, payment.amount, now).await?;
        done(OrderConfirmed { order_id: payment.order_id, total: payment.amount })
    }
}

/// Closes the order when the goods are both sold and delivered.
#[derive(Debug)]
pub struct CompleteOrder;

impl Step for CompleteOrder {
    const NAME: &'static str = "complete_order";
    type On = (StockCommitted, ShipmentDelivered);
    type Done = OrderCompleted;
    type Refused = Never;

    async fn run(
        &self,
        tx: &mut Tx<'_>,
        (_, shipment): (StockCommitted, ShipmentDelivered),
    ) -> StepResult<Self> {
        let now = tx.now();
        store::complete(tx.db(), shipment.order_id, now).await?;
        done(OrderCompleted { order_id: shipment.order_id })
    }
}
