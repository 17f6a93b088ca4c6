//! Ends the licences of sessions that are over.

use ballet::{Failure, Projection, Tx};
use streaming_events::playback::PlaybackEnded;

use crate::store::license::{self, LicenseState};

/// Ends the licence of a session that is over.
#[derive(Debug)]
pub(crate) struct EndLicense;

impl Projection for EndLicense {
    const NAME: &'static str = "end_license";
    type On = PlaybackEnded;

    async fn apply(&self, tx: &mut Tx<'_>, ended: PlaybackEnded) -> Result<(), Failure> {
        license::end(tx.db(), ended.session_id, LicenseState::Ended).await
    }
}
