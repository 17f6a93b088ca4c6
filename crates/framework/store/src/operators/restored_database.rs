//! The record that the database was restored from a backup: aborts wait until the service has heard what it
//! missed.

use jiff::{SignedDuration, Timestamp};
use jiff_sqlx::ToSqlx;
use sqlx::PgConnection;

/// Whether aborts are to be put off now.
pub async fn holds_aborts(db: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let holds = "select exists (select from ballet.restored where hold_until > ballet.now())";
    sqlx::query_scalar(holds).fetch_one(db).await
}

/// Makes the service put off aborts for `longest`, unless [`end_hold`] comes first. `backup` is the
/// time after which the service does not know what it did.
pub async fn hold_aborts(
    db: &mut PgConnection,
    backup: Timestamp,
    longest: SignedDuration,
) -> Result<(), sqlx::Error> {
    // The losses of an earlier restore are still not known.
    let hold = "insert into ballet.restored (restored_at, hold_until, backup_at) \
                values (ballet.now(), ballet.now() + $1 * interval '1 second', $2) \
                on conflict (only_one) do update set restored_at = excluded.restored_at, \
                    hold_until = excluded.hold_until, \
                    backup_at = least(restored.backup_at, excluded.backup_at)";
    let hold = sqlx::query(hold).bind(longest.as_secs_f64()).bind(backup.to_sqlx());
    hold.execute(db).await.map(drop)
}

/// Until when aborts are put off. None if they are not.
pub async fn held_until(db: &mut PgConnection) -> Result<Option<Timestamp>, sqlx::Error> {
    let until = "select hold_until from ballet.restored where hold_until > ballet.now()";
    let until: Option<jiff_sqlx::Timestamp> = sqlx::query_scalar(until).fetch_optional(db).await?;
    Ok(until.map(jiff_sqlx::Timestamp::to_jiff))
}

/// Lets the service take aborts in.
pub async fn end_hold(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    let end = "update ballet.restored set hold_until = ballet.now()";
    sqlx::query(end).execute(db).await.map(drop)
}
