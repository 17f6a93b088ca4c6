//! A database whose clock goes ahead on purpose, so that days pass in a moment.

use sqlx::{AssertSqlSafe, Executor, PgConnection};

/// Lets the database's clock be ahead by some seconds, `by` more than before. The leases of
/// processes, and the claims of calls that are being made, stay.
pub async fn set_ahead(db: &mut PgConnection, ahead: i64, by: i64) -> Result<(), sqlx::Error> {
    let statements = format!(
        "begin;
         create or replace function ballet.now() returns timestamptz
             language sql volatile parallel safe
             as 'select pg_catalog.clock_timestamp() + interval ''{ahead} seconds''';
         create or replace function ballet.clock_is_checked() returns boolean
             language sql volatile parallel safe as 'select false';
         update ballet.process_lease
             set lease_until = lease_until + interval '{by} seconds';
         update ballet.call set next_at = next_at + interval '{by} seconds'
             where call_key in (select call_key from ballet.call
                 where closed_at is null and owner <> 0 for update skip locked);
         commit"
    );
    db.execute(sqlx::raw_sql(AssertSqlSafe(statements))).await.map(drop)
}
