//! A hut is held here and given back here; a guide is hired and dismissed by a call.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, RequestResult, call,
};
use ballet::{Does, Failure, Never, Participant, Tx, Undoes, compensated, done};

use crate::trip::{Rental, Trip, TripBooked};

ballet_testkit::events! {
    HutHeld = "huts.hut_held.v1" { city: String }
    HutLeft = "huts.hut_left.v1" { city: String }
    GuideHired = "huts.guide_hired.v1" { city: String }
    GuidePaidOff = "huts.guide_paid_off.v1" { city: String }
}

/// A hut is held here; its guide is asked by letter.
#[derive(Clone, Default)]
pub(crate) struct Huts {
    /// Nobody can leave while it snows.
    pub(crate) snow: Arc<AtomicBool>,
    /// The guide has moved away, or takes his time.
    pub(crate) letters: Rental,
    pub(crate) gone: Arc<AtomicBool>,
    /// He has the letter, and has not answered.
    pub(crate) takes: Arc<AtomicBool>,
}

#[ballet::service("huts", saga = Trip)]
impl Huts {
    #[compensatable(undo = leave_hut)]
    async fn hold_hut(_: &mut Tx<'_>, trip: TripBooked) -> Does<HutHeld> {
        done(HutHeld { city: trip.city })
    }

    async fn leave_hut(&self, _: &mut Tx<'_>, held: HutHeld) -> Undoes<HutLeft> {
        if self.snow.load(Ordering::SeqCst) {
            return Err(Failure::transient("it snows"));
        }
        compensated(HutLeft { city: held.city })
    }
}

struct HireGuide(Huts);

impl CallStep for HireGuide {
    const NAME: &'static str = "hire_guide";
    type On = HutHeld;
    type Done = GuideHired;
    type Refused = Never;
    type Request = String;
    type Answer = ();

    async fn request(&self, _: &mut Tx<'_>, held: HutHeld) -> RequestResult<Self> {
        call(held.city)
    }

    async fn call(&self, _: CallKey, _: &String) -> Result<(), Failure> {
        Ok(())
    }

    async fn answered(&self, _: &mut Tx<'_>, city: String, (): ()) -> CallStepResult<Self> {
        done(GuideHired { city })
    }
}

impl CallCompensate for HireGuide {
    type Compensated = GuidePaidOff;
    type UndoRequest = String;
    type UndoAnswer = ();

    async fn compensate_request(
        &self,
        _: &mut Tx<'_>,
        hired: GuideHired,
    ) -> CompensateRequestResult<Self> {
        call(hired.city)
    }

    async fn compensate_call(&self, key: CallKey, city: &String) -> Result<(), Failure> {
        if self.0.gone.load(Ordering::SeqCst) {
            return Err(Failure::transient("the guide has moved away"));
        }
        if self.0.takes.load(Ordering::SeqCst) {
            return Err(Failure::not_yet("the guide has the letter"));
        }
        self.0.letters.ask(key, city).await
    }

    async fn compensate_answered(
        &self,
        _: &mut Tx<'_>,
        city: String,
        (): (),
    ) -> CallCompensateResult<Self> {
        compensated(GuidePaidOff { city })
    }
}

impl Huts {
    pub(crate) fn guided(&self) -> Participant {
        let (hut, guide) = (HoldHut(Arc::new(self.clone())), HireGuide(self.clone()));
        Participant::new("huts").saga::<Trip>(|saga| saga.compensatable(hut).compensatable(guide))
    }
}
