//! The hold on a restored service: aborts and deadlines wait until it has what it missed.

use anyhow::Result;
use ballet_store::deadlines::put_off_all;
use ballet_store::operators::restored_database::hold_aborts;
use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;

/// Meanwhile no abort is handled and no deadline passes, so the service first gets its own decisions.
pub(super) const GRACE: SignedDuration = SignedDuration::from_hours(1);

/// Puts off aborts and deadlines from now on, in the database of this backup. Returns the number of deadlines.
pub(super) async fn hold(db: &mut PgConnection, backup: Timestamp) -> Result<u64> {
    hold_aborts(db, backup, GRACE).await?;
    Ok(put_off_all(db, GRACE).await?)
}
