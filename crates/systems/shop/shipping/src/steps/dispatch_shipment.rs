//! The step `dispatch_shipment`.

use ballet::{Never, Step, StepResult, Tx, done};
use shop_events::orders::OrderConfirmed;
use shop_events::shipping::ShipmentDispatched;

use crate::state::ShipmentState;
use crate::store::shipment as store;

/// Hands the parcel over to the carrier.
#[derive(Debug)]
pub struct DispatchShipment;

impl Step for DispatchShipment {
    const NAME: &'static str = "dispatch_shipment";
    type On = OrderConfirmed;
    type Done = ShipmentDispatched;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, order: OrderConfirmed) -> StepResult<Self> {
        let (order_id, now) = (order.order_id, tx.now());
        let tracking = store::of_order(tx.db(), order_id).await?.tracking;
        let shipment_id = store::advance(tx.db(), order_id, ShipmentState::Dispatched, now).await?;
        done(ShipmentDispatched { order_id, shipment_id, tracking })
    }
}
