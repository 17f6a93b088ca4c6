//! The database's clock: the one clock of all that processes share.

use std::time::Instant;

use jiff::Timestamp;
use sqlx::{PgConnection, PgPool};

use crate::database::connection::in_time;

/// A reading of the database's clock.
#[derive(Debug, Clone, Copy)]
pub struct ClockReading {
    pub now: Timestamp,
    /// False in a test, or where time is sped up on purpose.
    pub is_checked: bool,
}

/// The time by the clock that the service's processes share.
pub async fn now(db: &mut PgConnection) -> Result<Timestamp, sqlx::Error> {
    let now: jiff_sqlx::Timestamp = sqlx::query_scalar("select ballet.now()").fetch_one(db).await?;
    Ok(now.to_jiff())
}

/// Asks for the time. Returns it with the moments of question and answer.
pub async fn read(pool: &PgPool) -> Result<(ClockReading, Instant, Instant), sqlx::Error> {
    let mut db = in_time(pool.acquire()).await?;
    let asked = Instant::now();
    let select = "select ballet.now(), ballet.clock_is_checked()";
    let (now, is_checked): (jiff_sqlx::Timestamp, bool) =
        in_time(sqlx::query_as(select).fetch_one(&mut *db)).await?;
    Ok((ClockReading { now: now.to_jiff(), is_checked }, asked, Instant::now()))
}
