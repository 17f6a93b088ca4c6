//! Any step in the form that takes its messages together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ballet::bulk::{BulkCompensateResult, BulkResult, BulkTx, Item};
use ballet::core::Trigger;
use ballet::{Compensate, Retry, Step, StepError};

/// A step that takes its messages together, and does with each what the step inside does. It names no rows (`touches`).
pub(crate) struct Together<S> {
    step: S,
    longest: Arc<AtomicUsize>,
}

impl<S> Together<S> {
    /// `longest` becomes the length of the longest run so far.
    pub(crate) fn new(step: S, longest: &Arc<AtomicUsize>) -> Self {
        Self { step, longest: Arc::clone(longest) }
    }
}

impl<S: Step> Step for Together<S> {
    const NAME: &'static str = S::NAME;
    const TOGETHER: bool = true;
    const RETRY: Retry = S::RETRY;
    type On = S::On;
    type Done = S::Done;
    type Refused = S::Refused;

    fn key(on: &<S::On as Trigger>::Single) -> Option<String> {
        S::key(on)
    }

    async fn run_all(&self, tx: &mut BulkTx<'_>, on: Vec<Item<S::On>>) -> BulkResult<Self> {
        self.longest.fetch_max(on.len(), Ordering::SeqCst);
        let mut outcomes = Vec::with_capacity(on.len());
        for item in on {
            let outcome = self.step.run(&mut tx.of(&item), item.event).await;
            outcomes.push(StepError::outcome(outcome)?);
        }
        Ok(outcomes)
    }
}

impl<S: Compensate> Compensate for Together<S> {
    type Compensated = S::Compensated;

    async fn compensate_all(
        &self,
        tx: &mut BulkTx<'_>,
        done: Vec<Item<S::Done>>,
    ) -> BulkCompensateResult<Self> {
        let mut answers = Vec::with_capacity(done.len());
        for item in done {
            answers.push(self.step.compensate(&mut tx.of(&item), item.event).await?);
        }
        Ok(answers)
    }
}
