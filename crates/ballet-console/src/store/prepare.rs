//! The tables, made and emptied.

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Executor, PgPool};

const SCHEMA: &str = include_str!("schema.sql");
/// The version of the tables that follow from the journal. Another one is built again.
const VERSION: i32 = 6;
/// The key of the lock under which the tables are made ("blt" and the console's number).
const LOCK: i64 = 0x62_6c_74_30;
/// Pages are read, and nobody waits longer for one.
const STATEMENT_LIMIT: &str = "10s";
const CONNECTIONS: u32 = 12;

/// Connects, and makes what is missing. Tables of another version are built again from the journal.
pub(crate) async fn prepare(options: PgConnectOptions) -> Result<PgPool, sqlx::Error> {
    // What is looked for decides how: a plan for any text reads all sagas.
    let settings = [
        ("statement_timeout", STATEMENT_LIMIT),
        ("jit", "off"),
        ("plan_cache_mode", "force_custom_plan"),
    ];
    let options = options.options(settings).application_name("ballet console");
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await?;
    let mut db = pool.acquire().await?;
    // Two that start at once would both make them.
    sqlx::query("select pg_advisory_lock($1)").bind(LOCK).execute(&mut *db).await?;
    let made = async {
        db.execute(SCHEMA).await?;
        let version: i32 =
            sqlx::query_scalar("select version from console.progress").fetch_one(&mut *db).await?;
        if version != VERSION {
            db.execute(
                "drop table if exists console.progress, console.gap, console.entry, console.changed, \
                        console.saga, console.key, console.seen_type, console.flow, console.moment",
            )
            .await?;
            db.execute(SCHEMA).await?;
        }
        Ok(())
    };
    let made: Result<(), sqlx::Error> = made.await;
    sqlx::query("select pg_advisory_unlock($1)").bind(LOCK).execute(&mut *db).await?;
    made?;
    drop(db);
    Ok(pool)
}

/// Forgets all that follows from the journal, so that it is read again from its beginning.
pub(crate) async fn empty(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut transaction = ballet_store::database::connection::begin(pool).await?;
    // An observer that writes holds this row, and finds that it was not its turn.
    let again = "update console.progress set next = 0, entry_at = null, written_at = null";
    transaction.execute(again).await?;
    // Whoever judges holds the first of them first, too.
    let tables = "truncate console.changed, console.gap, console.entry, console.saga, console.key, console.flow";
    transaction.execute(tables).await?;
    transaction.commit().await
}
