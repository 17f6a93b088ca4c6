//! The step `schedule_shipment` and its compensation.

use std::sync::Arc;

use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, LookUp, RequestResult, call,
};
use ballet::{Failure, Tx, compensated, done, refused};
use shop_events::orders::OrderPlaced;
use shop_events::payments::PaymentAuthorized;
use shop_events::shipping::{ShipmentCancelled, ShipmentRejected, ShipmentScheduled};

use crate::carrier::{Booking, BookingCancelled, BookingRequest, Carrier, Parcel};
use crate::state::ShipmentState;
use crate::store::shipment as store;

/// Books a carrier for the parcel, once the money is held.
#[derive(Debug, Clone)]
pub struct ScheduleShipment(pub Arc<dyn Carrier>);

impl CallStep for ScheduleShipment {
    const NAME: &'static str = "schedule_shipment";
    type On = (OrderPlaced, PaymentAuthorized);
    type Done = ShipmentScheduled;
    type Refused = ShipmentRejected;
    type Request = BookingRequest;
    type Answer = Booking;

    async fn request(
        &self,
        tx: &mut Tx<'_>,
        (order, _): (OrderPlaced, PaymentAuthorized),
    ) -> RequestResult<Self> {
        let OrderPlaced { order_id, ship_to, .. } = order;
        call(BookingRequest { order_id, shipment_id: tx.id_in_saga("shipment"), ship_to })
    }

    async fn call(&self, key: CallKey, request: &BookingRequest) -> Result<Booking, Failure> {
        self.0.book(key, request).await
    }

    async fn look_up(
        &self,
        key: CallKey,
        request: &BookingRequest,
    ) -> Result<LookUp<Booking>, Failure> {
        self.0.look_up_booking(key, request).await
    }

    async fn answered(
        &self,
        tx: &mut Tx<'_>,
        request: BookingRequest,
        answer: Booking,
    ) -> CallStepResult<Self> {
        let now = tx.now();
        let BookingRequest { order_id, shipment_id, .. } = request;
        match answer {
            Booking::Booked { tracking } => {
                store::insert(tx.db(), &request, &tracking, now).await?;
                done(ShipmentScheduled { order_id, shipment_id })
            }
            Booking::Refused { reason } => refused(ShipmentRejected { order_id, reason }),
        }
    }
}

impl CallCompensate for ScheduleShipment {
    type Compensated = ShipmentCancelled;
    type UndoRequest = Parcel;
    type UndoAnswer = BookingCancelled;

    async fn compensate_request(
        &self,
        tx: &mut Tx<'_>,
        scheduled: ShipmentScheduled,
    ) -> CompensateRequestResult<Self> {
        call(store::of_order(tx.db(), scheduled.order_id).await?.parcel())
    }

    async fn compensate_call(
        &self,
        key: CallKey,
        request: &Parcel,
    ) -> Result<BookingCancelled, Failure> {
        self.0.cancel(key, request).await
    }

    async fn compensate_answered(
        &self,
        tx: &mut Tx<'_>,
        request: Parcel,
        BookingCancelled: BookingCancelled,
    ) -> CallCompensateResult<Self> {
        let (order_id, now) = (request.order_id, tx.now());
        let shipment_id = store::advance(tx.db(), order_id, ShipmentState::Cancelled, now).await?;
        compensated(ShipmentCancelled { order_id, shipment_id })
    }
}
