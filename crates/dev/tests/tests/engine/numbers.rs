//! Numbers come back from ledger, outbox and calls bit by bit.

use std::sync::{Arc, Mutex};

use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, RequestResult, call, known,
};
use ballet::{Failure, Never, Participant, SagaId, Tx, compensated, compensated_silently, done};

use crate::trip::{Trip, TripCancelled};
use crate::world::{TripWorld, part};

ballet_testkit::events! {
    SampleTaken = "desk.sample_taken.v1" { values: Vec<f64> }
    Sent = "lab.sent.v1" { values: Vec<f64> }
    SendUndone = "lab.send_undone.v1" { values: Vec<f64> }
}

/// The values that the outside was sent.
type Outside = Arc<Mutex<Vec<u64>>>;

fn lab(outside: &Outside) -> Participant {
    let outside = Arc::clone(outside);
    Participant::new("lab").saga::<Trip>(|saga| saga.compensatable(Send { outside }))
}

struct Send {
    outside: Outside,
}

impl CallStep for Send {
    const NAME: &'static str = "send";
    type On = SampleTaken;
    type Done = Sent;
    type Refused = Never;
    type Request = Vec<f64>;
    type Answer = Vec<f64>;

    async fn request(&self, _: &mut Tx<'_>, sample: SampleTaken) -> RequestResult<Self> {
        call(sample.values)
    }

    async fn call(&self, _: CallKey, values: &Vec<f64>) -> Result<Vec<f64>, Failure> {
        self.outside.lock().expect("not poisoned").extend(bits(values));
        Ok(values.clone())
    }

    async fn answered(
        &self,
        _: &mut Tx<'_>,
        _: Vec<f64>,
        values: Vec<f64>,
    ) -> CallStepResult<Self> {
        done(Sent { values })
    }
}

impl CallCompensate for Send {
    type Compensated = SendUndone;
    type UndoRequest = ();
    type UndoAnswer = ();

    async fn compensate_request(
        &self,
        _: &mut Tx<'_>,
        sent: Sent,
    ) -> CompensateRequestResult<Self> {
        known(compensated(SendUndone { values: sent.values }))
    }

    async fn compensate_call(&self, _: CallKey, (): &()) -> Result<(), Failure> {
        Ok(())
    }

    async fn compensate_answered(
        &self,
        _: &mut Tx<'_>,
        (): (),
        (): (),
    ) -> CallCompensateResult<Self> {
        compensated_silently()
    }
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Finite numbers: the ends of the range, and bit patterns from a generator (SplitMix64).
fn samples(count: usize) -> Vec<f64> {
    let edges = [
        0.0,
        -0.0,
        5e-324,
        -5e-324,
        f64::MIN_POSITIVE,
        f64::MAX,
        f64::MIN,
        1e308,
        f64::EPSILON,
        0.1,
        1.0 / 3.0,
        9_007_199_254_740_993.0,
        2.225_073_858_507_201e-308,
    ];
    let mut seed = 0_u64;
    let random = std::iter::from_fn(move || {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(f64::from_bits(z ^ (z >> 31)))
    });
    edges.into_iter().chain(random).filter(|value| value.is_finite()).take(count).collect()
}

/// Publishes a sample, and undoes everything once it was sent. Returns the numbers of each event.
async fn there_and_back(world: &TripWorld, saga: SagaId, values: &[f64]) -> [Vec<u64>; 2] {
    let sample = SampleTaken { values: values.to_vec() };
    world.publish(saga, &sample).await;
    let sent: Sent = world.event(saga).await;
    world.publish(saga, &TripCancelled { reason: "the customer".into() }).await;
    let undone: SendUndone = world.event(saga).await;
    [bits(&sent.values), bits(&undone.values)]
}

#[tokio::test(flavor = "multi_thread")]
async fn t181_every_finite_number_comes_back_bit_by_bit() {
    let outside = Outside::default();
    let world = TripWorld::new("numbers", vec![part(lab(&outside), &[])]).await;
    let samples = samples(4_002);
    let expected = bits(&samples);
    let found = there_and_back(&world, world.new_saga(), &samples).await;
    assert!(found.iter().all(|found| *found == expected), "the numbers of an event have changed");
    assert!(*outside.lock().expect("not poisoned") == expected, "other numbers were sent");
}
