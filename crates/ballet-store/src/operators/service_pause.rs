//! The pause of a service by a person. Its processes look here every other second. None takes messages while the row
//! is there, even if it was started later.

use std::fmt;

use jiff::Timestamp;
use sqlx::PgConnection;

/// The pause of a service: by whom, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePause {
    /// The person.
    pub by: String,
    /// Why.
    pub why: String,
    /// Since when.
    pub at: Timestamp,
}

impl fmt::Display for ServicePause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "paused by {}: {}", self.by, self.why)
    }
}

/// Whether the service of this database is paused now. A database of an earlier release cannot be.
pub async fn now(db: &mut PgConnection) -> Result<Option<ServicePause>, sqlx::Error> {
    let is_known = "select to_regclass('ballet.paused') is not null";
    if !sqlx::query_scalar(is_known).fetch_one(&mut *db).await? {
        return Ok(None);
    }
    in_own_database(db).await
}

/// The same for the service's own processes: their database has the table.
pub async fn in_own_database(db: &mut PgConnection) -> Result<Option<ServicePause>, sqlx::Error> {
    let paused = "select paused_by, why, paused_at from ballet.paused";
    let paused: Option<(String, String, jiff_sqlx::Timestamp)> =
        sqlx::query_as(paused).fetch_optional(db).await?;
    Ok(paused.map(|(by, why, at)| ServicePause { by, why, at: at.to_jiff() }))
}

/// Pauses the service. One that is paused stays so, with who was first: then this returns false.
pub async fn pause(db: &mut PgConnection, by: &str, why: &str) -> Result<bool, sqlx::Error> {
    let pause = "insert into ballet.paused (paused_by, why, paused_at) \
                 values ($1, $2, ballet.now()) on conflict do nothing";
    let done = sqlx::query(pause).bind(by).bind(why).execute(db).await?;
    Ok(done.rows_affected() > 0)
}

/// Lets the service go on. Returns false if it was not paused.
pub async fn resume(db: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let done = sqlx::query("delete from ballet.paused").execute(db).await?;
    Ok(done.rows_affected() > 0)
}
