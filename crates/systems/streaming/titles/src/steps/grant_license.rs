//! The step `grant_license` and its compensation.

use ballet::bulk::Item;
use ballet::{
    Compensate, CompensateResult, Failure, Rows, Step, StepResult, Tx, compensated, done, refused,
};
use sqlx::PgConnection;
use streaming_events::accounts::ViewerAdmitted;
use streaming_events::titles::{
    PlaybackLicenseCancelled, PlaybackLicenseDenied, PlaybackLicenseGranted,
};

use crate::store::license::{self, LicenseState};
use crate::store::title;
use crate::title::judge;

/// Grants a session a licence, if its title may be shown in the account's region at this time.
#[derive(Debug)]
pub struct GrantLicense;

impl Step for GrantLicense {
    const NAME: &'static str = "grant_license";
    type On = ViewerAdmitted;
    type Done = PlaybackLicenseGranted;
    type Refused = PlaybackLicenseDenied;

    async fn touches(
        _: &mut PgConnection,
        sessions: &[Item<&ViewerAdmitted>],
    ) -> Result<Rows, Failure> {
        Ok(title::rows(sessions.iter().map(|session| session.title_id)))
    }

    async fn run(&self, tx: &mut Tx<'_>, session: ViewerAdmitted) -> StepResult<Self> {
        let ViewerAdmitted { session_id, title_id, .. } = session;
        let now = tx.now();
        // The row is locked, so that either a withdrawal sees this licence, or this step sees the withdrawal.
        let stored = title::find_to_license(tx.db(), title_id).await?;
        match judge(stored.as_ref(), session.region, session.max_age, now) {
            Ok((until, length_seconds)) => {
                let granted =
                    PlaybackLicenseGranted { session_id, title_id, until, length_seconds };
                license::grant(tx.db(), &granted, now).await?;
                done(granted)
            }
            Err(reason) => refused(PlaybackLicenseDenied { session_id, title_id, reason }),
        }
    }
}

impl Compensate for GrantLicense {
    type Compensated = PlaybackLicenseCancelled;

    async fn compensate(
        &self,
        tx: &mut Tx<'_>,
        granted: PlaybackLicenseGranted,
    ) -> CompensateResult<Self> {
        let session_id = granted.session_id;
        license::end(tx.db(), session_id, LicenseState::Cancelled).await?;
        compensated(PlaybackLicenseCancelled { session_id })
    }
}
