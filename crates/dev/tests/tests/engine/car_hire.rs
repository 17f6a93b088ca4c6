//! A car hire that remembers each request by its key, and answers queries about it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, LookUp, RequestResult, call,
};
use ballet::{Failure, Participant, SagaId, Tx, compensated, done, refused};
use ballet_stage::wait_until;

use crate::trip::{CarRefused, CarRented, CarReturned, Trip, TripBooked, TripCancelled};
use crate::world::{SOON, TripWorld};

/// The time for which it remembers a key, if not for ever.
pub(crate) const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

type Deals = dyn Fn(&str) -> Result<(), Failure> + Send + Sync;

#[derive(Clone)]
pub(crate) struct CarHire {
    pub(crate) deals: Arc<Deals>,
    pub(crate) kept: Option<Duration>,
    pub(crate) looks_up: bool,
    /// Whether each key was used to rent, and how often it was queried.
    pub(crate) rented: Arc<Mutex<HashMap<CallKey, usize>>>,
    pub(crate) returned: Arc<Mutex<Vec<CallKey>>>,
}

impl CarHire {
    pub(crate) fn new(deals: impl Fn(&str) -> Result<(), Failure> + Send + Sync + 'static) -> Self {
        Self {
            deals: Arc::new(deals),
            kept: None,
            looks_up: true,
            rented: Arc::default(),
            returned: Arc::default(),
        }
    }

    pub(crate) fn cars(&self) -> Participant {
        let step = self.clone();
        Participant::new("cars").saga::<Trip>(move |saga| saga.compensatable(step))
    }

    pub(crate) fn rented(&self) -> usize {
        self.rented.lock().expect("not poisoned").len()
    }

    /// Acts as if an earlier attempt had been taken, and its answer lost.
    pub(crate) fn rent_unheard(&self, key: CallKey) {
        self.rented.lock().expect("not poisoned").insert(key, 1);
    }
}

impl CallStep for CarHire {
    const NAME: &'static str = "rent_car";
    type On = TripBooked;
    type Done = CarRented;
    type Refused = CarRefused;
    type Request = String;
    type Answer = bool;

    async fn request(&self, _: &mut Tx<'_>, trip: TripBooked) -> RequestResult<Self> {
        call(trip.city)
    }

    async fn call(&self, key: CallKey, city: &String) -> Result<bool, Failure> {
        (self.deals)(city)?;
        *self.rented.lock().expect("not poisoned").entry(key).or_default() += 1;
        Ok(true)
    }

    async fn look_up(&self, key: CallKey, _: &String) -> Result<LookUp<bool>, Failure> {
        if !self.looks_up {
            return Ok(LookUp::Unable);
        }
        let rented = self.rented.lock().expect("not poisoned");
        Ok(rented.contains_key(&key).then_some(true).into())
    }

    fn keys_kept(&self) -> Option<Duration> {
        self.kept
    }

    async fn answered(&self, _: &mut Tx<'_>, car: String, rented: bool) -> CallStepResult<Self> {
        if rented { done(CarRented { car }) } else { refused(CarRefused {}) }
    }
}

impl CallCompensate for CarHire {
    type Compensated = CarReturned;
    type UndoRequest = String;
    type UndoAnswer = ();

    async fn compensate_request(
        &self,
        _: &mut Tx<'_>,
        rented: CarRented,
    ) -> CompensateRequestResult<Self> {
        call(rented.car)
    }

    async fn compensate_call(&self, key: CallKey, car: &String) -> Result<(), Failure> {
        (self.deals)(&format!("back from {car}"))?;
        self.returned.lock().expect("not poisoned").push(key);
        Ok(())
    }

    async fn compensate_answered(
        &self,
        _: &mut Tx<'_>,
        car: String,
        (): (),
    ) -> CallCompensateResult<Self> {
        compensated(CarReturned { car })
    }
}

pub(crate) async fn book(world: &TripWorld, city: &str) -> SagaId {
    let saga = world.new_saga();
    world.publish(saga, &TripBooked { city: city.into() }).await;
    saga
}

/// Waits until the cars' service knows the abort.
pub(crate) async fn cancel(world: &TripWorld, saga: SagaId) {
    world.publish(saga, &TripCancelled { reason: "too late".into() }).await;
    let tombstone = format!("ballet.ledger where saga_id = '{saga}' and entry = 'aborted'");
    world.until_count("cars", &tombstone, 1).await;
}

/// Makes the calls, of which there are this many, more than a day old, and waits for earlier attempts.
pub(crate) async fn let_the_calls_age(world: &TripWorld, count: i64) {
    wait_until("an age without an attempt that began before", SOON, || async {
        let age = "update ballet.call set created_at = now() - interval '25 hours' \
                   where owner = 0 and attempts > 0";
        world.execute("cars", age).await;
        let old = "ballet.call where created_at < now() - interval '24 hours'";
        Ok::<_, String>((world.count("cars", old).await == count).then_some(()))
    })
    .await
    .expect("old calls");
}
