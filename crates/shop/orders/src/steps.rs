//! The steps of orders in the saga that it owns.

use ballet::{Failure, Never, Owner, Step, StepResult, Tx, done, refused};
use shop_events::cart::CartCheckedOut;
use shop_events::inventory::StockCommitted;
use shop_events::orders::{OrderCancelled, OrderCompleted, OrderConfirmed, OrderPlaced};
use shop_events::payments::PaymentCaptured;
use shop_events::shipping::ShipmentDelivered;
use shop_events::{OrderFulfillment, OrderId};

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

/// Places the order of a checkout, or cancels it if the checkout is invalid.
#[derive(Debug)]
pub struct AcceptCheckout;

impl Step for AcceptCheckout {
    const NAME: &'static str = "accept_checkout";
    type On = CartCheckedOut;
    type Done = OrderPlaced;
    type Refused = OrderCancelled;

    async fn run(&self, tx: &mut Tx<'_>, checkout: CartCheckedOut) -> StepResult<Self> {
        let saga_id = tx.saga_id().ok_or_else(|| Failure::permanent("a checkout has a saga"))?;
        let order_id = OrderId::from(saga_id.0);
        match checkout::place(order_id, checkout, tx.now()) {
            Ok(order) => {
                store::place(tx.db(), &order, None).await?;
                done(order)
            }
            // There is no row yet: the abort that follows from the refusal writes it.
            Err(impossible) => refused(cancel::impossible(order_id, &impossible)),
        }
    }
}

/// Records that the money is captured. From then on the saga is never aborted.
#[derive(Debug)]
pub struct ConfirmOrder;

impl Step for ConfirmOrder {
    const NAME: &'static str = "confirm_order";
    type On = PaymentCaptured;
    type Done = OrderConfirmed;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, payment: PaymentCaptured) -> StepResult<Self> {
        let now = tx.now();
        store::confirm(tx.db(), payment.order_id, now).await?;
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
