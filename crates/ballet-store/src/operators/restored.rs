//! That the database was restored from a backup, and aborts wait until it has heard what it missed.

use sqlx::PgConnection;

/// Whether aborts are to be put off now.
pub async fn holds_aborts(db: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let holds = "select exists (select from ballet.restored where hold_until > ballet.now())";
    sqlx::query_scalar(holds).fetch_one(db).await
}
