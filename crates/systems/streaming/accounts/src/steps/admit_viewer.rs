//! The step `admit_viewer` and its compensation.

use ballet::bulk::Item;
use ballet::{
    Compensate, CompensateResult, Failure, Never, Rows, Step, StepResult, Tx, compensated_silently,
    done, refused,
};
use sqlx::PgConnection;
use streaming_events::accounts::{StreamSlotDenied, ViewerAdmitted};
use streaming_events::playback::PlaybackRequested;

use crate::store::slot::{self, SlotState};

/// Says which titles the account may watch, if the device is one of the account. The session takes no slot yet.
#[derive(Debug)]
pub struct AdmitViewer;

impl Step for AdmitViewer {
    const NAME: &'static str = "admit_viewer";
    type On = PlaybackRequested;
    type Done = ViewerAdmitted;
    type Refused = StreamSlotDenied;

    async fn touches(
        _: &mut PgConnection,
        sessions: &[Item<&PlaybackRequested>],
    ) -> Result<Rows, Failure> {
        Ok(slot::rows(sessions.iter().map(|session| session.account_id)))
    }

    async fn run(&self, tx: &mut Tx<'_>, session: PlaybackRequested) -> StepResult<Self> {
        let PlaybackRequested { session_id, title_id, .. } = session;
        let now = tx.now();
        match slot::want(tx.db(), &session, now).await? {
            Ok((region, max_age)) => done(ViewerAdmitted { session_id, title_id, region, max_age }),
            Err(reason) => refused(StreamSlotDenied { session_id, reason, streams: None }),
        }
    }
}

impl Compensate for AdmitViewer {
    type Compensated = Never;

    async fn compensate(
        &self,
        tx: &mut Tx<'_>,
        admitted: ViewerAdmitted,
    ) -> CompensateResult<Self> {
        let now = tx.now();
        slot::end(tx.db(), admitted.session_id, SlotState::Cancelled, now).await?;
        compensated_silently()
    }
}
