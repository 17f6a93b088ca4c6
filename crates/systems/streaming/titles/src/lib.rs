//! Titles: the films and episodes that can be watched, where and when. A session needs a licence for its title. A
//! withdrawal revokes all licences of its title, also one that is granted at the same time.

#![warn(missing_docs)]

mod http;
mod new_title;
mod store;
mod title;

use ballet::bulk::Item;
use ballet::openapi::Document;
use ballet::{Does, Failure, Never, Rows, Tx, Undoes, compensated, done, refused};
use sqlx::PgConnection;
use streaming_events::accounts::ViewerAdmitted;
use streaming_events::playback::PlaybackEnded;
use streaming_events::titles::{
    PlaybackLicenseCancelled, PlaybackLicenseDenied, PlaybackLicenseGranted,
    PlaybackLicenseRevoked, Title, TitleLicensesRevoked, TitlePublished, TitleWithdrawn,
};
use streaming_events::{PlaybackSession, TitleWithdrawal};

use crate::store::{license, title as stored_title};
use crate::title::judge;

pub use crate::store::license::LicenseState;

/// The service `titles`: its steps in sagas, and the other events that it publishes.
#[ballet::service(
    "titles",
    saga = PlaybackSession,
    publishes(TitlePublished, PlaybackLicenseRevoked),
    shares(Title = "shared_title"),
    migrations = "../../../../migrations/titles",
    routes = |handle| http::api().router(handle)
)]
impl Titles {
    /// Grants a licence, if the title may be shown in the account's region at this time.
    #[compensatable(undo = cancel_license, touches = titles_of_sessions)]
    async fn grant_license(
        tx: &mut Tx<'_>,
        session: ViewerAdmitted,
    ) -> Does<PlaybackLicenseGranted, PlaybackLicenseDenied> {
        let ViewerAdmitted { session_id, title_id, .. } = session;
        let now = tx.now();
        // What is granted beside a withdrawal, its step revokes: both name the title.
        let stored = stored_title::find(tx.db(), title_id).await?;
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

    async fn titles_of_sessions(
        _: &mut PgConnection,
        sessions: &[Item<&ViewerAdmitted>],
    ) -> Result<Rows, Failure> {
        Ok(stored_title::rows(sessions.iter().map(|session| session.title_id)))
    }

    async fn cancel_license(
        tx: &mut Tx<'_>,
        granted: PlaybackLicenseGranted,
    ) -> Undoes<PlaybackLicenseCancelled> {
        let session_id = granted.session_id;
        license::end(tx.db(), session_id, LicenseState::Cancelled).await?;
        compensated(PlaybackLicenseCancelled { session_id })
    }

    /// Ends the licence of a session that is over.
    #[projects]
    async fn end_license(tx: &mut Tx<'_>, ended: PlaybackEnded) -> Result<(), Failure> {
        license::end(tx.db(), ended.session_id, LicenseState::Ended).await
    }

    /// The owner never aborts the saga, because a withdrawal is final.
    #[owns(TitleWithdrawal, originates(withdraw_title = TitleWithdrawn))]
    async fn abort_withdrawal(_: &mut Tx<'_>, _: &Never) -> Result<(), Failure> {
        Err(Failure::permanent("the withdrawal of a title is never aborted"))
    }

    /// Revokes all licences of the title, and publishes an event for each session.
    #[retriable(saga = TitleWithdrawal, touches = withdrawn_titles)]
    async fn revoke_licenses(
        tx: &mut Tx<'_>,
        withdrawn: TitleWithdrawn,
    ) -> Does<TitleLicensesRevoked> {
        let (withdrawal_id, title_id) = (withdrawn.withdrawal_id, withdrawn.title.title_id);
        let revoked = license::revoke_all(tx.db(), title_id).await?;
        let sessions = u64::try_from(revoked.len())?;
        for session_id in revoked {
            tx.publish(&PlaybackLicenseRevoked { withdrawal_id, session_id, title_id }).await?;
        }
        done(TitleLicensesRevoked { withdrawal_id, title_id, sessions })
    }

    async fn withdrawn_titles(
        _: &mut PgConnection,
        titles: &[Item<&TitleWithdrawn>],
    ) -> Result<Rows, Failure> {
        Ok(stored_title::rows(titles.iter().map(|withdrawn| withdrawn.title.title_id)))
    }
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
