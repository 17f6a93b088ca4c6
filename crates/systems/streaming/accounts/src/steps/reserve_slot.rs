//! The step `reserve_slot` and its compensation.

use ballet::bulk::Item;
use ballet::{
    Compensate, CompensateResult, Failure, Rows, Step, StepResult, Tx, compensated, done, refused,
};
use sqlx::PgConnection;
use streaming_events::accounts::{StreamSlotCancelled, StreamSlotDenied, StreamSlotReserved};
use streaming_events::titles::PlaybackLicenseGranted;

use crate::store::slot::{self, SlotOutcome, SlotState};

/// Takes a slot of the account's plan for a session that may show its title. A device plays one title. At the limit the
/// plan refuses, or the oldest session loses its slot.
#[derive(Debug)]
pub struct ReserveSlot;

impl Step for ReserveSlot {
    const NAME: &'static str = "reserve_slot";
    type On = PlaybackLicenseGranted;
    type Done = StreamSlotReserved;
    type Refused = StreamSlotDenied;

    async fn touches(
        db: &mut PgConnection,
        licensed: &[Item<&PlaybackLicenseGranted>],
    ) -> Result<Rows, Failure> {
        let sessions = licensed.iter().map(|licensed| licensed.session_id);
        Ok(slot::rows(slot::accounts_of(db, sessions).await?))
    }

    async fn run(&self, tx: &mut Tx<'_>, licensed: PlaybackLicenseGranted) -> StepResult<Self> {
        let (session_id, now) = (licensed.session_id, tx.now());
        match slot::take(tx.db(), session_id, now).await? {
            SlotOutcome::Taken { account_id, displaced } => {
                done(StreamSlotReserved { session_id, account_id, displaced })
            }
            SlotOutcome::Denied { reason, streams } => {
                refused(StreamSlotDenied { session_id, reason, streams })
            }
        }
    }
}

impl Compensate for ReserveSlot {
    type Compensated = StreamSlotCancelled;

    async fn compensate_touches(
        _: &mut PgConnection,
        reserved: &[Item<StreamSlotReserved>],
    ) -> Result<Rows, Failure> {
        Ok(slot::rows(reserved.iter().map(|reserved| reserved.account_id)))
    }

    async fn compensate(
        &self,
        tx: &mut Tx<'_>,
        reserved: StreamSlotReserved,
    ) -> CompensateResult<Self> {
        let (session_id, now) = (reserved.session_id, tx.now());
        slot::end(tx.db(), session_id, SlotState::Cancelled, now).await?;
        compensated(StreamSlotCancelled { session_id })
    }
}
