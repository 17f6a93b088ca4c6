//! The step `reserve_slot` and its compensation.

use ballet::bulk::Item;
use ballet::{
    Compensate, CompensateResult, Failure, Rows, Step, StepResult, Tx, compensated, done, refused,
};
use sqlx::PgConnection;
use streaming_events::accounts::{StreamSlotCancelled, StreamSlotDenied, StreamSlotReserved};
use streaming_events::playback::PlaybackRequested;

use crate::store::slot::{self, SlotOutcome, SlotState};

/// Takes a slot of the account's plan. At the limit the plan refuses, or the oldest session loses its slot.
#[derive(Debug)]
pub struct ReserveSlot;

impl Step for ReserveSlot {
    const NAME: &'static str = "reserve_slot";
    type On = PlaybackRequested;
    type Done = StreamSlotReserved;
    type Refused = StreamSlotDenied;

    async fn touches(
        _: &mut PgConnection,
        sessions: &[Item<&PlaybackRequested>],
    ) -> Result<Rows, Failure> {
        Ok(slot::rows(sessions.iter().map(|session| session.account_id)))
    }

    async fn run(&self, tx: &mut Tx<'_>, session: PlaybackRequested) -> StepResult<Self> {
        let PlaybackRequested { session_id, account_id, title_id, .. } = session;
        let now = tx.now();
        match slot::take(tx.db(), &session, now).await? {
            SlotOutcome::Taken { region, max_age, displaced } => done(StreamSlotReserved {
                session_id,
                account_id,
                title_id,
                region,
                max_age,
                displaced,
            }),
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
