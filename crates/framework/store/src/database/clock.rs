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
    /// The last time that a process of the service took for settled, if one is known.
    pub settled: Option<Timestamp>,
}

/// Returns a condition in SQL: the time that a row waits for has come, or is later than any pause
/// or lease lasts. Such a time was written while the clock was ahead, and waiting for it would take
/// as long as the clock has leapt back since.
pub fn has_come(time: &str, now: &str) -> String {
    format!(
        "({time} <= {now} or {time} between {now} + interval '2 hours' and {now} + interval '50 years')"
    )
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
    type Columns = (jiff_sqlx::Timestamp, bool, Option<jiff_sqlx::Timestamp>);
    let select = "select ballet.now(), ballet.clock_is_checked(), \
                  (select max(settled_at) from ballet.process_lease)";
    let (now, is_checked, settled): Columns =
        in_time(sqlx::query_as(select).fetch_one(&mut *db)).await?;
    let settled = settled.map(jiff_sqlx::Timestamp::to_jiff);
    Ok((ClockReading { now: now.to_jiff(), is_checked, settled }, asked, Instant::now()))
}
