//! The step `deliver_shipment`.

use std::sync::Arc;

use ballet::calls::{CallKey, CallStep, CallStepResult, RequestResult, call};
use ballet::{Failure, Never, Tx, done};
use shop_events::shipping::{ShipmentDelivered, ShipmentDispatched};

use crate::carrier::{Carrier, Parcel, ParcelDelivered};
use crate::state::ShipmentState;
use crate::store::shipment as store;

/// Waits until the carrier has delivered the parcel.
#[derive(Debug, Clone)]
pub struct DeliverShipment(pub Arc<dyn Carrier>);

impl CallStep for DeliverShipment {
    const NAME: &'static str = "deliver_shipment";
    type On = ShipmentDispatched;
    type Done = ShipmentDelivered;
    type Refused = Never;
    type Request = Parcel;
    type Answer = ParcelDelivered;

    async fn request(&self, _: &mut Tx<'_>, shipment: ShipmentDispatched) -> RequestResult<Self> {
        let ShipmentDispatched { order_id, tracking, shipment_id: _ } = shipment;
        call(Parcel { order_id, tracking })
    }

    async fn call(&self, key: CallKey, parcel: &Parcel) -> Result<ParcelDelivered, Failure> {
        self.0.delivered(key, parcel).await
    }

    async fn answered(
        &self,
        tx: &mut Tx<'_>,
        parcel: Parcel,
        ParcelDelivered: ParcelDelivered,
    ) -> CallStepResult<Self> {
        let (order_id, delivered_at) = (parcel.order_id, tx.now());
        let shipment_id =
            store::advance(tx.db(), order_id, ShipmentState::Delivered, delivered_at).await?;
        done(ShipmentDelivered { order_id, shipment_id, delivered_at })
    }
}
