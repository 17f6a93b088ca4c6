//! What is old and what is from the future, by the clock of the database and by the journal. A process with a wrong clock
//! would take what is new for old.

use jiff::Timestamp;
use sqlx::PgExecutor;

/// The time by the clock of the database, and that of the newest entry, which is not from the future.
pub(crate) async fn times(
    db: impl PgExecutor<'_>,
) -> Result<(Timestamp, Option<Timestamp>), sqlx::Error> {
    type At = jiff_sqlx::Timestamp;
    let (now, newest): (At, Option<At>) =
        sqlx::query_as("select now(), entry_at from console.progress").fetch_one(db).await?;
    let now = now.to_jiff();
    Ok((now, newest.map(|at| at.to_jiff().min(now))))
}
