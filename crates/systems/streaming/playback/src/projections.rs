//! The events that end sessions from outside: another session, a smaller plan, a removed device, a withdrawn title.

use ballet::{Failure, Projection, Tx};
use streaming_events::accounts::{DeviceRemoved, PlanChanged, StreamSlotReserved};
use streaming_events::playback::EndReason;
use streaming_events::titles::PlaybackLicenseRevoked;

use crate::ending;
use crate::store::ending::SessionOwner;

/// Ends a session whose slot another session took. The other one starts only after this: it waits for the same event.
#[derive(Debug)]
pub(crate) struct EndDisplaced;

impl Projection for EndDisplaced {
    const NAME: &'static str = "end_displaced";
    type On = StreamSlotReserved;

    async fn apply(&self, tx: &mut Tx<'_>, reserved: StreamSlotReserved) -> Result<(), Failure> {
        match reserved.displaced {
            Some(displaced) => ending::end(tx, &[displaced], EndReason::Displaced).await,
            None => Ok(()),
        }
    }
}

/// Ends sessions when the plan has fewer streams.
#[derive(Debug)]
pub(crate) struct EndBeyondPlan;

impl Projection for EndBeyondPlan {
    const NAME: &'static str = "end_beyond_plan";
    type On = PlanChanged;

    async fn apply(&self, tx: &mut Tx<'_>, changed: PlanChanged) -> Result<(), Failure> {
        ending::end(tx, &changed.displaced, EndReason::Displaced).await
    }
}

/// Ends the sessions of a removed device.
#[derive(Debug)]
pub(crate) struct EndOnDevice;

impl Projection for EndOnDevice {
    const NAME: &'static str = "end_on_device";
    type On = DeviceRemoved;

    async fn apply(&self, tx: &mut Tx<'_>, removed: DeviceRemoved) -> Result<(), Failure> {
        let of = SessionOwner::Device(removed.account_id, removed.device_id);
        ending::end_all(tx, of, EndReason::Stopped).await
    }
}

/// Ends a session whose title was withdrawn.
#[derive(Debug)]
pub(crate) struct EndWithdrawn;

impl Projection for EndWithdrawn {
    const NAME: &'static str = "end_withdrawn";
    type On = PlaybackLicenseRevoked;

    async fn apply(&self, tx: &mut Tx<'_>, revoked: PlaybackLicenseRevoked) -> Result<(), Failure> {
        ending::end(tx, &[revoked.session_id], EndReason::Withdrawn).await
    }
}
