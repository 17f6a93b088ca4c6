//! The step `charge_fare`, after the ride.

use std::sync::Arc;

use ballet::calls::{CallKey, CallStep, CallStepResult, LookUp, RequestResult, call};
use ballet::{Failure, Never, Tx, done};
use common::cards::Provider;
use rides_events::dispatch::{FareCharged, RideCompleted};

use crate::hold_fare::{ReleaseAnswer, ReleaseRequest};
use crate::store::payment;

/// Captures the fare from the hold, or releases the hold if the ride costs nothing. If the processor refuses, the
/// rider owes the fare.
#[derive(Debug, Clone)]
pub(crate) struct ChargeFare(pub(crate) Arc<dyn Provider>);

impl CallStep for ChargeFare {
    const NAME: &'static str = "charge_fare";
    type On = RideCompleted;
    type Done = FareCharged;
    type Refused = Never;
    type Request = ReleaseRequest;
    type Answer = ReleaseAnswer;

    async fn request(&self, tx: &mut Tx<'_>, completed: RideCompleted) -> RequestResult<Self> {
        let RideCompleted { ride_id, fare, .. } = completed;
        call(ReleaseRequest::of(payment::find_held(tx.db(), ride_id).await?, fare))
    }

    async fn call(&self, key: CallKey, request: &ReleaseRequest) -> Result<ReleaseAnswer, Failure> {
        request.ask(&*self.0, key).await
    }

    async fn look_up(
        &self,
        key: CallKey,
        request: &ReleaseRequest,
    ) -> Result<LookUp<ReleaseAnswer>, Failure> {
        let ReleaseRequest::AllBut(due) = request else {
            // A hold is released under the same key as often as one asks.
            return request.ask(&*self.0, key).await.map(LookUp::Answered);
        };
        Ok(match self.0.look_up_capture(key, due).await? {
            LookUp::Answered(captured) => LookUp::Answered(ReleaseAnswer::AllBut(captured)),
            LookUp::Nothing => LookUp::Nothing,
            LookUp::Unable => LookUp::Unable,
        })
    }

    async fn answered(
        &self,
        tx: &mut Tx<'_>,
        request: ReleaseRequest,
        answer: ReleaseAnswer,
    ) -> CallStepResult<Self> {
        let (ride_id, payment::Settlement { paid, owed }) = request.settle(tx, answer).await?;
        done(FareCharged { ride_id, paid, owed })
    }
}
