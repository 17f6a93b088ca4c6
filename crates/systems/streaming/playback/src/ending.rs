//! Ends sessions: a mark in their rows, and a hint to their watches.

use ballet::{Failure, SagaId, Tx, look_now};
use streaming_events::SessionId;
use streaming_events::playback::EndReason;

use crate::WatchPlayback;
use crate::store::ending::{self, SessionOwner};

pub(crate) async fn end(
    tx: &mut Tx<'_>,
    sessions: &[SessionId],
    reason: EndReason,
) -> Result<(), Failure> {
    let marked = ending::mark(tx.db(), sessions, reason).await?;
    hint(tx, marked).await
}

/// Ends the sessions of an account, or of one of its devices.
pub(crate) async fn end_all(
    tx: &mut Tx<'_>,
    of: SessionOwner,
    reason: EndReason,
) -> Result<(), Failure> {
    let marked = ending::mark_all(tx.db(), of, reason).await?;
    hint(tx, marked).await
}

/// Makes the watches of these sessions look now. A session that has not started has no watch yet, which looks when it
/// begins.
async fn hint(tx: &mut Tx<'_>, sessions: Vec<SessionId>) -> Result<(), Failure> {
    for session_id in sessions {
        look_now::<WatchPlayback>(tx, SagaId(session_id.0)).await?;
    }
    Ok(())
}
