//! The step `authorize_payment` and its compensation.

use std::sync::Arc;

use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, LookUp, RequestResult, call, known,
};
use ballet::{Compensated, Failure, Tx, compensated, done, refused};
use common::cards::{Authorization, Authorize, Provider, Settle, Void};
use shop_events::OrderId;
use shop_events::inventory::StockReserved;
use shop_events::orders::OrderPlaced;
use shop_events::payments::{PaymentAuthorized, PaymentDeclined, PaymentVoided};

use crate::state::PaymentState;
use crate::store::payment as store;

/// Asks the provider to hold the order's total, once the goods are held.
#[derive(Debug, Clone)]
pub struct AuthorizePayment(pub Arc<dyn Provider>);

impl CallStep for AuthorizePayment {
    const NAME: &'static str = "authorize_payment";
    type On = (OrderPlaced, StockReserved);
    type Done = PaymentAuthorized;
    type Refused = PaymentDeclined;
    type Request = Authorize;
    type Answer = Authorization;

    async fn request(
        &self,
        _: &mut Tx<'_>,
        (order, _): (OrderPlaced, StockReserved),
    ) -> RequestResult<Self> {
        let OrderPlaced { order_id, total: amount, card_token, .. } = order;
        call(Authorize { order_id: order_id.0, amount, card_token })
    }

    async fn call(&self, key: CallKey, request: &Authorize) -> Result<Authorization, Failure> {
        self.0.authorize(key, request).await
    }

    async fn look_up(
        &self,
        key: CallKey,
        request: &Authorize,
    ) -> Result<LookUp<Authorization>, Failure> {
        self.0.look_up_authorization(key, request).await
    }

    async fn answered(
        &self,
        tx: &mut Tx<'_>,
        request: Authorize,
        answer: Authorization,
    ) -> CallStepResult<Self> {
        let (order_id, amount, now) = (OrderId(request.order_id), request.amount, tx.now());
        match answer {
            Authorization::Approved { reference } => {
                store::insert(tx.db(), &request, &reference, now).await?;
                done(PaymentAuthorized { order_id, amount })
            }
            Authorization::Declined { reason } => refused(PaymentDeclined { order_id, reason }),
        }
    }
}

impl CallCompensate for AuthorizePayment {
    type Compensated = PaymentVoided;
    type UndoRequest = Settle;
    type UndoAnswer = Void;

    /// A capture of the same saga is undone first, so captured money is paid back. If the row is still `captured`, a
    /// person has paid it back. Either way there is nothing to void.
    async fn compensate_request(
        &self,
        tx: &mut Tx<'_>,
        authorized: PaymentAuthorized,
    ) -> CompensateRequestResult<Self> {
        let payment = store::of_order(tx.db(), authorized.order_id).await?;
        match payment.state {
            PaymentState::Captured | PaymentState::Refunded => known(Compensated::Silently),
            PaymentState::Authorized | PaymentState::Voided => call(payment.settle()),
        }
    }

    async fn compensate_call(&self, key: CallKey, request: &Settle) -> Result<Void, Failure> {
        self.0.void(key, request).await
    }

    /// An authorisation that has ended counts as voided.
    async fn compensate_answered(
        &self,
        tx: &mut Tx<'_>,
        request: Settle,
        _: Void,
    ) -> CallCompensateResult<Self> {
        let (order_id, now) = (OrderId(request.order_id), tx.now());
        store::advance(tx.db(), order_id, PaymentState::Voided, now).await?;
        compensated(PaymentVoided { order_id })
    }
}
