//! Steps lock the rows of accounts before they run.

use ballet::bulk::Item;
use ballet::{Failure, Rows};
use sqlx::PgConnection;
use streaming_events::accounts::StreamSlotReserved;
use streaming_events::playback::{PlaybackEnded, PlaybackRequested};
use streaming_events::titles::PlaybackLicenseGranted;

use crate::store::slot;

pub(crate) async fn of_requests(
    _: &mut PgConnection,
    sessions: &[Item<&PlaybackRequested>],
) -> Result<Rows, Failure> {
    Ok(slot::rows(sessions.iter().map(|session| session.account_id)))
}

pub(crate) async fn of_licenses(
    db: &mut PgConnection,
    licensed: &[Item<&PlaybackLicenseGranted>],
) -> Result<Rows, Failure> {
    slot::rows_of(db, licensed.iter().map(|licensed| licensed.session_id).collect()).await
}

pub(crate) async fn of_reserved(
    _: &mut PgConnection,
    reserved: &[Item<StreamSlotReserved>],
) -> Result<Rows, Failure> {
    Ok(slot::rows(reserved.iter().map(|reserved| reserved.account_id)))
}

pub(crate) async fn of_ended(
    db: &mut PgConnection,
    ended: &[Item<&PlaybackEnded>],
) -> Result<Rows, Failure> {
    slot::rows_of(db, ended.iter().map(|ended| ended.session_id).collect()).await
}
