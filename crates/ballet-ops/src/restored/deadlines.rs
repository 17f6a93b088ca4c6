//! Deadlines of a restored database, which may be long over for sagas that were decided in time.

use jiff::SignedDuration;
use sqlx::PgConnection;

/// Puts off the deadlines of all sagas that would pass before `grace` from now is over, so that the service
/// hears first what it decided. Returns their number.
///
/// # Errors
///
/// If the database does not answer.
pub async fn put_off_deadlines(
    db: &mut PgConnection,
    grace: SignedDuration,
) -> Result<u64, sqlx::Error> {
    let statement = "update ballet.deadline set due_at = ballet.now() + $1 * interval '1 second' \
                     where due_at < ballet.now() + $1 * interval '1 second'";
    let done = sqlx::query(statement).bind(grace.as_secs_f64()).execute(db).await?;
    Ok(done.rows_affected())
}
