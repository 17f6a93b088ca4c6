//! Records the starts and ends of sessions.

use ballet::{Failure, Projection, Tx};
use streaming_events::playback::{PlaybackEnded, PlaybackStarted};

use crate::store::sessions;

/// Counts a session that starts as a view.
#[derive(Debug)]
pub(crate) struct NoteStart;

impl Projection for NoteStart {
    const NAME: &'static str = "note_start";
    type On = PlaybackStarted;

    async fn apply(&self, tx: &mut Tx<'_>, started: PlaybackStarted) -> Result<(), Failure> {
        sessions::started(tx.db(), &started).await
    }
}

/// Records how long a session was watched, by its end. A difference to its heartbeats becomes a correction.
#[derive(Debug)]
pub(crate) struct NoteEnd;

impl Projection for NoteEnd {
    const NAME: &'static str = "note_end";
    type On = PlaybackEnded;

    async fn apply(&self, tx: &mut Tx<'_>, ended: PlaybackEnded) -> Result<(), Failure> {
        sessions::ended(tx.db(), &ended).await
    }
}
