//! The step `release_slot`, which completes a session.

use ballet::bulk::Item;
use ballet::{Failure, Never, Rows, Step, StepResult, Tx, done};
use sqlx::PgConnection;
use streaming_events::accounts::StreamSlotReleased;
use streaming_events::playback::PlaybackEnded;

use crate::store::slot::{self, SlotState};

/// Frees the slot of a session that is over.
#[derive(Debug)]
pub struct ReleaseSlot;

impl Step for ReleaseSlot {
    const NAME: &'static str = "release_slot";
    type On = PlaybackEnded;
    type Done = StreamSlotReleased;
    type Refused = Never;

    async fn touches(
        db: &mut PgConnection,
        sessions: &[Item<&PlaybackEnded>],
    ) -> Result<Rows, Failure> {
        let sessions = sessions.iter().map(|session| session.session_id);
        Ok(slot::rows(slot::accounts_of(db, sessions).await?))
    }

    async fn run(&self, tx: &mut Tx<'_>, session: PlaybackEnded) -> StepResult<Self> {
        let (session_id, now) = (session.session_id, tx.now());
        // A displaced session has lost its slot already, and a session of an erased account has no row.
        slot::end(tx.db(), session_id, SlotState::Released, now).await?;
        done(StreamSlotReleased { session_id })
    }
}
