//! The step `capture_payment` and its compensation.

use std::sync::Arc;

use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, LookUp, RequestResult, call,
};
use ballet::{Failure, Tx, compensated, done, refused};
use common::cards::{Capture, Provider, Refund, Settle};
use shop_events::OrderId;
use shop_events::payments::{PaymentCaptureFailed, PaymentCaptured, PaymentRefunded};
use shop_events::shipping::ShipmentScheduled;

use crate::state::PaymentState;
use crate::store::payment as store;

/// Asks the provider to capture the money, once the carrier is booked.
#[derive(Debug, Clone)]
pub struct CapturePayment(pub Arc<dyn Provider>);

impl CallStep for CapturePayment {
    const NAME: &'static str = "capture_payment";
    type On = ShipmentScheduled;
    type Done = PaymentCaptured;
    type Refused = PaymentCaptureFailed;
    type Request = Settle;
    type Answer = Capture;

    async fn request(&self, tx: &mut Tx<'_>, shipment: ShipmentScheduled) -> RequestResult<Self> {
        call(store::of_order(tx.db(), shipment.order_id).await?.settle())
    }

    async fn call(&self, key: CallKey, request: &Settle) -> Result<Capture, Failure> {
        self.0.capture(key, request).await
    }

    async fn look_up(&self, key: CallKey, request: &Settle) -> Result<LookUp<Capture>, Failure> {
        self.0.look_up_capture(key, request).await
    }

    async fn answered(
        &self,
        tx: &mut Tx<'_>,
        request: Settle,
        answer: Capture,
    ) -> CallStepResult<Self> {
        let Settle { order_id, amount, reference: _ } = request;
        let (order_id, now) = (OrderId(order_id), tx.now());
        match answer {
            Capture::Captured => {
                store::advance(tx.db(), order_id, PaymentState::Captured, now).await?;
                done(PaymentCaptured { order_id, amount })
            }
            // A refusal leaves no rows, and the void that follows ends the payment.
            Capture::Failed { reason } => refused(PaymentCaptureFailed { order_id, reason }),
        }
    }
}

impl CallCompensate for CapturePayment {
    type Compensated = PaymentRefunded;
    type UndoRequest = Settle;
    type UndoAnswer = Refund;

    async fn compensate_request(
        &self,
        tx: &mut Tx<'_>,
        captured: PaymentCaptured,
    ) -> CompensateRequestResult<Self> {
        call(store::of_order(tx.db(), captured.order_id).await?.settle())
    }

    async fn compensate_call(&self, key: CallKey, request: &Settle) -> Result<Refund, Failure> {
        self.0.refund(key, request).await
    }

    async fn compensate_answered(
        &self,
        tx: &mut Tx<'_>,
        request: Settle,
        _: Refund,
    ) -> CallCompensateResult<Self> {
        let Settle { order_id, amount, reference: _ } = request;
        let (order_id, now) = (OrderId(order_id), tx.now());
        store::advance(tx.db(), order_id, PaymentState::Refunded, now).await?;
        compensated(PaymentRefunded { order_id, amount })
    }
}
