//! The step `hold_fare` and its compensation.

use std::sync::Arc;

use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, LookUp, RequestResult, call,
};
use ballet::{Failure, Tx, compensated, copies, done, refused};
use common::cards::{Authorization, Authorize, Capture, Provider, Settle, Void};
use rides_events::dispatch::{
    DriverWanted, FareHeld, FareReleased, PaymentDeclined, RideRequested,
};
use rides_events::riders::Rider;
use rides_events::{Money, RideId};
use serde::{Deserialize, Serialize};

use crate::payment::Payment;
use crate::store::{payment, ride};

/// Asks the processor to hold the price. Then the search for a driver begins.
#[derive(Debug, Clone)]
pub(crate) struct HoldFare(pub(crate) Arc<dyn Provider>);

/// The request to the card processor when a ride is over or cancelled.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReleaseRequest {
    /// Release the whole hold.
    All(Settle),
    /// Capture the fare, or the fee for a late cancellation, and release the rest.
    AllBut(Settle),
}

/// The card processor's answer to a [`ReleaseRequest`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReleaseAnswer {
    /// The answer to [`ReleaseRequest::All`].
    All(Void),
    /// The answer to [`ReleaseRequest::AllBut`].
    AllBut(Capture),
}

impl ReleaseRequest {
    /// Captures the amount due, if any, and releases the rest.
    pub(crate) fn of(held: Payment, due: Money) -> Self {
        if due.amount_minor > 0 {
            return Self::AllBut(held.settle(due));
        }
        let all = held.held;
        Self::All(held.settle(all))
    }

    pub(crate) async fn ask(
        &self,
        provider: &dyn Provider,
        key: CallKey,
    ) -> Result<ReleaseAnswer, Failure> {
        match self {
            Self::All(held) => provider.void(key, held).await.map(ReleaseAnswer::All),
            Self::AllBut(due) => provider.capture(key, due).await.map(ReleaseAnswer::AllBut),
        }
    }

    pub(crate) async fn settle(
        self,
        tx: &mut Tx<'_>,
        answer: ReleaseAnswer,
    ) -> Result<(RideId, payment::Settlement), Failure> {
        let now = tx.now();
        let (Self::All(request) | Self::AllBut(request)) = self;
        let settled = match answer {
            ReleaseAnswer::All(Void::Voided | Void::EndedBefore) => {
                payment::release(tx.db(), &request, now).await?
            }
            ReleaseAnswer::AllBut(answer) => {
                payment::settle(tx.db(), &request, &answer, now).await?
            }
        };
        Ok((RideId(request.order_id), settled))
    }
}

impl CallStep for HoldFare {
    const NAME: &'static str = "hold_fare";
    type On = RideRequested;
    type Done = FareHeld;
    type Refused = PaymentDeclined;
    type Request = Authorize;
    type Answer = Authorization;

    async fn request(&self, tx: &mut Tx<'_>, requested: RideRequested) -> RequestResult<Self> {
        let RideRequested { ride_id, rider_id, price, .. } = requested;
        let rider = copies::get::<Rider>(tx.db(), &rider_id.to_string()).await?;
        let rider = rider.ok_or_else(|| {
            Failure::not_yet(format!("the copy of riders has no rider {rider_id}, who is to pay"))
        })?;
        let Some(rider) = rider.state else {
            let reason = "the rider is erased".to_owned();
            return refused(PaymentDeclined { ride_id, reason });
        };
        let card_token = rider.payment_token.into_inner();
        call(Authorize { order_id: ride_id.0, amount: price, card_token })
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
        let (ride_id, now) = (RideId(request.order_id), tx.now());
        let reference = match answer {
            Authorization::Approved { reference } => reference,
            Authorization::Declined { reason } => {
                return refused(PaymentDeclined { ride_id, reason });
            }
        };
        payment::insert(tx.db(), &request, &reference, now).await?;
        // A cancelled ride needs no driver, and its compensation releases the hold.
        if let Some(ride) = ride::search(tx.db(), ride_id, now).await? {
            let (rider_id, pickup) = (ride.quote.rider_id, ride.quote.pickup);
            let wanted = DriverWanted { ride_id, attempt: 1, rider_id, pickup, not: Vec::new() };
            tx.publish(&wanted).await?;
        }
        done(FareHeld { ride_id, amount: request.amount })
    }
}

impl CallCompensate for HoldFare {
    type Compensated = FareReleased;
    type UndoRequest = ReleaseRequest;
    type UndoAnswer = ReleaseAnswer;

    async fn compensate_request(
        &self,
        tx: &mut Tx<'_>,
        FareHeld { ride_id, amount }: FareHeld,
    ) -> CompensateRequestResult<Self> {
        let held = payment::find_held(tx.db(), ride_id).await?;
        let fee = ride::find(tx.db(), ride_id).await?.and_then(|ride| ride.fee);
        let due = fee.unwrap_or(Money { amount_minor: 0, ..amount });
        call(ReleaseRequest::of(held, due))
    }

    async fn compensate_call(
        &self,
        key: CallKey,
        request: &ReleaseRequest,
    ) -> Result<ReleaseAnswer, Failure> {
        request.ask(&*self.0, key).await
    }

    async fn compensate_answered(
        &self,
        tx: &mut Tx<'_>,
        request: ReleaseRequest,
        answer: ReleaseAnswer,
    ) -> CallCompensateResult<Self> {
        let (ride_id, payment::Settlement { paid, owed }) = request.settle(tx, answer).await?;
        compensated(FareReleased { ride_id, paid, owed })
    }
}
