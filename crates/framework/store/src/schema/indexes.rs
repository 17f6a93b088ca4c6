//! Indexes on tables that may be long. They are built after the migrations, beside the replicas that
//! write: a migration is a transaction, which would lock the table while it reads all of it.

use std::time::Duration;

use sqlx::PgConnection;

/// While this session lock is held, the session that holds it builds.
const BUILDING: i64 = 0x62_6c_74_69_6e_64_65_78;
/// The pause between attempts at the lock.
const PAUSE: Duration = Duration::from_millis(500);

struct Index {
    name: &'static str,
    create: &'static str,
    drop: &'static str,
}

/// Open calls are claimed by step, compensations apart. Closed ones stay in the table for months.
const CALL_DUE: Index = Index {
    name: "ballet.call_due",
    create: "create index concurrently call_due on ballet.call (step, undo, next_at) \
             where closed_at is null",
    drop: "drop index concurrently if exists ballet.call_due",
};

/// Builds the index that is missing, or that a lost session left half built. The lock ends with the
/// session.
pub async fn build(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    if is_valid(db, &CALL_DUE).await? == Some(true) {
        return Ok(());
    }
    // A replica that waited for the lock in a statement would have a snapshot, and the build waits for
    // those.
    while !try_lock(db).await? {
        // On the server, so that it sees this session at work.
        let pause = sqlx::query("select pg_sleep($1)").bind(PAUSE.as_secs_f64());
        pause.execute(&mut *db).await?;
    }
    let Index { name, create, drop } = CALL_DUE;
    match is_valid(db, &CALL_DUE).await? {
        Some(true) => return Ok(()),
        Some(false) => {
            sqlx::raw_sql(drop).execute(&mut *db).await?;
        }
        None => {}
    }
    tracing::info!("building the index {name}; this waits for transactions that are open");
    sqlx::raw_sql(create).execute(db).await?;
    Ok(())
}

/// Returns `None` if there is no such index.
async fn is_valid(db: &mut PgConnection, index: &Index) -> Result<Option<bool>, sqlx::Error> {
    let statement = "select indisvalid from pg_index where indexrelid = to_regclass($1)";
    sqlx::query_scalar(statement).bind(index.name).fetch_optional(db).await
}

async fn try_lock(db: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(BUILDING).fetch_one(db).await
}
