//! The step `revoke_licenses`, which ends a withdrawal.

use ballet::bulk::Item;
use ballet::{Failure, Never, Owner, Rows, Step, StepResult, Tx, done};
use sqlx::PgConnection;
use streaming_events::TitleWithdrawal;
use streaming_events::titles::{PlaybackLicenseRevoked, TitleLicensesRevoked, TitleWithdrawn};

use crate::store::{license, title};

/// The owner of the saga, which is never aborted: a withdrawal is final.
#[derive(Debug)]
pub struct TitleWithdrawalOwner;

impl Owner for TitleWithdrawalOwner {
    type Saga = TitleWithdrawal;

    async fn abort(&self, _: &mut Tx<'_>, _: &Never) -> Result<(), Failure> {
        Err(Failure::permanent("the withdrawal of a title is never aborted"))
    }
}

/// Revokes all licences of the title, and publishes an event for each session.
#[derive(Debug)]
pub struct RevokeLicenses;

impl Step for RevokeLicenses {
    const NAME: &'static str = "revoke_licenses";
    type On = TitleWithdrawn;
    type Done = TitleLicensesRevoked;
    type Refused = Never;

    async fn touches(
        _: &mut PgConnection,
        titles: &[Item<&TitleWithdrawn>],
    ) -> Result<Rows, Failure> {
        Ok(title::rows(titles.iter().map(|withdrawn| withdrawn.title.title_id)))
    }

    async fn run(&self, tx: &mut Tx<'_>, withdrawn: TitleWithdrawn) -> StepResult<Self> {
        let (withdrawal_id, title_id) = (withdrawn.withdrawal_id, withdrawn.title.title_id);
        let revoked = license::revoke_all(tx.db(), title_id).await?;
        let sessions = u64::try_from(revoked.len())?;
        for session_id in revoked {
            tx.publish(&PlaybackLicenseRevoked { withdrawal_id, session_id, title_id }).await?;
        }
        done(TitleLicensesRevoked { withdrawal_id, title_id, sessions })
    }
}
