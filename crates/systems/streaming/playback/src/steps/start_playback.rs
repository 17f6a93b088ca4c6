//! The step `start_playback`, which decides a session.

use ballet::{Failure, Never, Owner, Step, StepResult, Tx, done};
use streaming_events::PlaybackSession;
use streaming_events::accounts::StreamSlotReserved;
use streaming_events::playback::{PlaybackRefused, PlaybackStarted};
use streaming_events::titles::PlaybackLicenseGranted;

use crate::store::session;

/// The owner of the saga. The first change committed to the session's row decides whether the session starts.
#[derive(Debug)]
pub struct SessionRow;

impl Owner for SessionRow {
    type Saga = PlaybackSession;

    async fn abort(&self, tx: &mut Tx<'_>, refused: &PlaybackRefused) -> Result<(), Failure> {
        let now = tx.now();
        session::refuse(tx.db(), refused, now).await
    }
}

/// Starts the session, which has a licence by the time it gets a slot. The session that lost the slot to it is marked to
/// end by then.
#[derive(Debug)]
pub struct StartPlayback;

impl Step for StartPlayback {
    const NAME: &'static str = "start_playback";
    type On = (StreamSlotReserved, PlaybackLicenseGranted);
    type Done = PlaybackStarted;
    type Refused = Never;

    async fn run(
        &self,
        tx: &mut Tx<'_>,
        (_, granted): (StreamSlotReserved, PlaybackLicenseGranted),
    ) -> StepResult<Self> {
        let PlaybackLicenseGranted { session_id, title_id, until, .. } = granted;
        let started_at = tx.now();
        session::start(tx.db(), &granted, started_at).await?;
        done(PlaybackStarted { session_id, title_id, started_at, until })
    }
}
