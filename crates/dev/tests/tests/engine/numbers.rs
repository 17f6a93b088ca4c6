//! Numbers come back from ledger, outbox and calls bit by bit.

use std::sync::{Arc, Mutex};

use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, RequestResult, call, known,
};
use ballet::{
    Compensate, CompensateResult, Failure, Never, Participant, SagaId, Step, StepResult, Tx,
    compensated, compensated_silently, done,
};

use crate::trip::{Trip, TripCancelled};
use crate::world::{TripWorld, part};

ballet_testkit::events! {
    SampleTaken = "desk.sample_taken.v1" { values: Vec<f64> }
    Measured = "lab.measured.v1" { values: Vec<f64> }
    MeasureUndone = "lab.measure_undone.v1" { values: Vec<f64> }
    Sent = "lab.sent.v1" { values: Vec<f64> }
}

/// The values that the outside was sent.
type Outside = Arc<Mutex<Vec<u64>>>;

fn lab(outside: &Outside) -> Participant {
    let outside = Arc::clone(outside);
    Participant::new("lab")
        .saga::<Trip>(|saga| saga.compensatable(Measure).compensatable(Send { outside }))
}

struct Measure;

impl Step for Measure {
    const NAME: &'static str = "measure";
    type On = SampleTaken;
    type Done = Measured;
    type Refused = Never;

    async fn run(&self, _: &mut Tx<'_>, sample: SampleTaken) -> StepResult<Self> {
        done(Measured { values: sample.values })
    }
}

impl Compensate for Measure {
    type Compensated = MeasureUndone;

    async fn compensate(&self, _: &mut Tx<'_>, measured: Measured) -> CompensateResult<Self> {
        compensated(MeasureUndone { values: measured.values })
    }
}

struct Send {
    outside: Outside,
}

impl CallStep for Send {
    const NAME: &'static str = "send";
    type On = Measured;
    type Done = Sent;
    type Refused = Never;
    type Request = Vec<f64>;
    type Answer = Vec<f64>;

    async fn request(&self, _: &mut Tx<'_>, measured: Measured) -> RequestResult<Self> {
        call(measured.values)
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
    type Compensated = Never;
    type UndoRequest = ();
    type UndoAnswer = ();

    async fn compensate_request(&self, _: &mut Tx<'_>, _: Sent) -> CompensateRequestResult<Self> {
        known(compensated_silently())
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
async fn there_and_back(world: &TripWorld, saga: SagaId, values: &[f64]) -> [Vec<u64>; 3] {
    let sample = SampleTaken { values: values.to_vec() };
    world.publish(saga, &sample).await;
    let sent: Sent = world.event(saga).await;
    world.publish(saga, &TripCancelled { reason: "the customer".into() }).await;
    let undone: MeasureUndone = world.event(saga).await;
    let measured = world.events::<Measured>(saga).await.remove(0);
    [bits(&measured.values), bits(&sent.values), bits(&undone.values)]
}

#[tokio::test(flavor = "multi_thread")]
async fn t181_every_finite_number_comes_back_bit_by_bit() {
    let outside = Outside::default();
    let world = TripWorld::new("numbers", vec![part(lab(&outside), &[])]).await;
    let samples = samples(16_007);
    let mut changed = 0;
    for values in samples.chunks(4_002) {
        let expected = bits(values);
        for found in there_and_back(&world, world.new_saga(), values).await {
            assert_eq!(found.len(), expected.len());
            changed += found.iter().zip(&expected).filter(|(found, given)| found != given).count();
        }
    }
    assert_eq!(changed, 0, "of {} numbers in three events", samples.len());
    let outside = outside.lock().expect("not poisoned");
    let differs = outside.iter().zip(bits(&samples)).filter(|(sent, given)| **sent != *given);
    assert_eq!((outside.len(), differs.count()), (samples.len(), 0));
}
