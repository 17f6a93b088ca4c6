//! The step `charge_fare`, after the ride.

use std::sync::Arc;
use std::time::Duration;

use ballet::calls::{CallKey, CallStep, CallStepResult, RequestResult, call};
use ballet::{Failure, Never, Tx, done};
use cards::{Capture, Provider, ProviderError, Settle};
use rides_events::RideId;
use rides_events::dispatch::{FareCharged, RideCompleted};

use crate::store::payment;

/// Captures the quoted price from the hold. If the processor refuses, the rider owes the price, because the ride has
/// taken place.
#[derive(Debug, Clone)]
pub struct ChargeFare(pub Arc<dyn Provider>);

impl CallStep for ChargeFare {
    const NAME: &'static str = "charge_fare";
    type On = RideCompleted;
    type Done = FareCharged;
    type Refused = Never;
    type Request = Settle;
    type Answer = Capture;

    async fn request(&self, tx: &mut Tx<'_>, completed: RideCompleted) -> RequestResult<Self> {
        let RideCompleted { ride_id, fare, .. } = completed;
        call(payment::find_held(tx.db(), ride_id).await?.settle(fare))
    }

    async fn call(&self, key: CallKey, request: &Settle) -> Result<Capture, Failure> {
        self.0.capture(key, request).await.map_err(ProviderError::failure)
    }

    fn looks_up(&self) -> bool {
        self.0.looks_up()
    }

    async fn look_up(&self, key: CallKey, request: &Settle) -> Result<Option<Capture>, Failure> {
        self.0.look_up_capture(key, request).await.map_err(ProviderError::failure)
    }

    fn keys_kept(&self) -> Option<Duration> {
        self.0.keys_kept()
    }

    async fn answered(
        &self,
        tx: &mut Tx<'_>,
        request: Settle,
        answer: Capture,
    ) -> CallStepResult<Self> {
        let now = tx.now();
        let settled = payment::settle(tx.db(), &request, &answer, now).await?;
        let payment::Settlement { paid, owed } = settled;
        done(FareCharged { ride_id: RideId(request.order_id), paid, owed })
    }
}
