//! The present, by the database's clock and the journal. A wrong clock would take new entries for old ones.

use jiff::Timestamp;
use sqlx::PgExecutor;

/// Returns the time of the database, and the time of the newest entry, which is never in the future.
pub(crate) async fn times(
    db: impl PgExecutor<'_>,
) -> Result<(Timestamp, Option<Timestamp>), sqlx::Error> {
    type At = jiff_sqlx::Timestamp;
    let (now, newest): (At, Option<At>) =
        sqlx::query_as("select now(), entry_at from console.progress").fetch_one(db).await?;
    let now = now.to_jiff();
    Ok((now, newest.map(|at| at.to_jiff().min(now))))
}
