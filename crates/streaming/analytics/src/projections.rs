//! What playback says of sessions.

use ballet::{Failure, Projection, Tx};
use streaming_events::playback::{PlaybackEnded, PlaybackStarted};

use crate::store::sessions;

/// A session that starts is a view.
#[derive(Debug)]
pub(crate) struct NoteStart;

impl Projection for NoteStart {
    const NAME: &'static str = "note_start";
    type On = PlaybackStarted;

    async fn apply(&self, tx: &mut Tx<'_>, started: PlaybackStarted) -> Result<(), Failure> {
        sessions::started(tx.db(), &started).await
    }
}

/// The end of a session says how long it was watched. What its heartbeats say otherwise is a correction.
#[derive(Debug)]
pub(crate) struct NoteEnd;

impl Projection for NoteEnd {
    const NAME: &'static str = "note_end";
    type On = PlaybackEnded;

    async fn apply(&self, tx: &mut Tx<'_>, ended: PlaybackEnded) -> Result<(), Failure> {
        sessions::ended(tx.db(), &ended).await
    }
}
