//! Creates and empties the tables.

use std::time::Duration;

use ballet_store::database::connection::set;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection, PgPool};
use tokio::time::timeout;

const SCHEMA: &str = include_str!("schema.sql");
/// The version of the tables that are derived from the journal. Tables of another version are built again.
const VERSION: i32 = 11;
/// The key of the lock for creating the tables ("blt" and the console's number).
const LOCK: i64 = 0x62_6c_74_30;
/// Nobody waits longer for a page.
const STATEMENT_LIMIT: &str = "10s";
const CONNECTIONS: u32 = 12;
/// sqlx's own test has no limit, and a connection to a machine without power is never closed.
const TEST: Duration = Duration::from_secs(2);

/// Tables of another version are built again from the journal.
pub(crate) async fn prepare(options: PgConnectOptions) -> Result<PgPool, sqlx::Error> {
    // Plans are made for each value, since one for any text would read all sagas.
    let settings = [
        ("statement_timeout", STATEMENT_LIMIT),
        ("jit", "off"),
        ("plan_cache_mode", "force_custom_plan"),
    ];
    let options = options.application_name("ballet console");
    let pool = PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .test_before_acquire(false)
        .after_connect(move |db, _| Box::pin(async move { set(db, &settings).await }))
        .before_acquire(|db, _| Box::pin(async move { Ok(answers(db).await) }))
        .after_release(|db, _| Box::pin(async move { Ok(answers(db).await) }))
        .connect_with(options)
        .await?;
    make_alone(&mut *pool.acquire().await?).await?;
    Ok(pool)
}

/// Builds the tables again for another journal, unless another console has done so.
pub(crate) async fn begin_again(pool: &PgPool, next: i64) -> Result<(), sqlx::Error> {
    let mut db = pool.acquire().await?;
    let old = "update console.progress set version = 0 where next = $1";
    sqlx::query(old).bind(next).execute(&mut *db).await?;
    make_alone(&mut db).await
}

async fn make_alone(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    // Two consoles that start at once would both create them.
    sqlx::query("select pg_advisory_lock($1)").bind(LOCK).execute(&mut *db).await?;
    let made = make(db).await;
    sqlx::query("select pg_advisory_unlock($1)").bind(LOCK).execute(&mut *db).await?;
    made
}

async fn make(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    if version(db).await? != VERSION {
        db.execute(
            "drop table if exists console.progress, console.gap, console.entry, console.changed, \
                    console.saga, console.key, console.seen_type, console.flow, console.moment, \
                    console.audit, console.violation",
        )
        .await?;
        version(db).await?;
    }
    Ok(())
}

async fn answers(db: &mut PgConnection) -> bool {
    matches!(timeout(TEST, db.ping()).await, Ok(Ok(())))
}

async fn version(db: &mut PgConnection) -> Result<i32, sqlx::Error> {
    db.execute(SCHEMA).await?;
    let new = "insert into console.progress (version) values ($1) on conflict do nothing";
    sqlx::query(new).bind(VERSION).execute(&mut *db).await?;
    sqlx::query_scalar("select version from console.progress").fetch_one(db).await
}
