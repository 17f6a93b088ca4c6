//! The step `start_playback`, which decides a session.

use ballet::{Failure, Never, Owner, Step, StepResult, Tx, done};
use streaming_events::PlaybackSession;
use streaming_events::accounts::StreamSlotReserved;
use streaming_events::playback::{PlaybackRefused, PlaybackStarted};
use streaming_events::titles::PlaybackLicenseGranted;

use crate::store::session;

/// The session's row decides whether it starts: the first change that is committed wins.
#[derive(Debug)]
pub struct SessionRow;

impl Owner for SessionRow {
    type Saga = PlaybackSession;

    async fn abort(&self, tx: &mut Tx<'_>, refused: &PlaybackRefused) -> Result<(), Failure> {
        let now = tx.now();
        session::refuse(tx.db(), refused, now).await
    }
}

/// Starts the session. It waits for the slot as well: whoever lost it does not live any more by then.
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
