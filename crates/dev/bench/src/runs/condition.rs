//! The conditions in a contestant's databases: old rows, a held snapshot, locked tables.

use anyhow::Result;
use ballet_stage::{TableReader, TestEnv};
use ballet_store::inbox::messages;
use ballet_store::old_rows::{OF_INBOX, OF_LEDGER};
use futures_util::future::try_join_all;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::contestants::contestant::Contestant;
use crate::runs::stage::admin;
use crate::saga4::contract::SERVICES;

/// The number of rows that one statement adds.
const PORTION: u64 = 250_000;

/// Adds this many old rows to the inboxes and to the ledgers, spread over all databases.
pub(crate) async fn add_old_rows(contestant: Contestant, env: &TestEnv, rows: u64) -> Result<()> {
    let each = rows / SERVICES.len() as u64;
    try_join_all(SERVICES.map(|service| add_to(contestant, env, service, each))).await?;
    Ok(())
}

async fn add_to(contestant: Contestant, env: &TestEnv, service: &str, rows: u64) -> Result<()> {
    let mut db = admin(env, service).await?;
    // If the machine stops, the run has no figures anyway.
    sqlx::query("set synchronous_commit = off").execute(&mut db).await?;
    let (inbox, ledger) = statements(contestant);
    for statement in [inbox, ledger] {
        let mut from = 0;
        while from < rows {
            let to = rows.min(from + PORTION);
            // The oldest first, as they would have arrived, spread over the window that is kept.
            let statement = format!(
                "with row as (select id, now() - make_interval(secs => \
                     (1 - i::float8 / {rows}) * 6 * 86400 + 3600) as at from \
                     (select i, md5(i::text) as id from generate_series({from}, {to} - 1) i) s), \
                 old as (select at, (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') \
                     || '7' || substr(id, 1, 3) || '8' || substr(id, 4, 15))::uuid as id from row) \
                 {statement} from old"
            );
            sqlx::query(AssertSqlSafe(statement)).execute(&mut db).await?;
            from = to;
        }
    }
    sqlx::query("analyze").execute(&mut db).await?;
    Ok(())
}

const fn statements(contestant: Contestant) -> (&'static str, &'static str) {
    match contestant {
        Contestant::Ballet | Contestant::BalletBulk => (OF_INBOX, OF_LEDGER),
        Contestant::Twin | Contestant::Ceiling | Contestant::CeilingBulk => (
            "insert into inbox (message_id, received_at) select id, at",
            "insert into ledger (saga_id, step, outcome, recorded_at) select id, 'move', \
             '{\"account\":1,\"amount\":1,\"refused\":false,\"memo\":\"old\"}', at",
        ),
    }
}

/// The number of messages in the inboxes of all services. It measures progress on a backlog: no saga ends meanwhile,
/// because its later messages wait behind the backlog.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(crate) async fn handled(contestant: Contestant, env: &TestEnv) -> Result<f64> {
    let mut all = 0;
    for service in SERVICES {
        let mut db = admin(env, service).await?;
        let of_service: i64 = match contestant {
            Contestant::Ballet | Contestant::BalletBulk => messages::count(&mut db).await?,
            Contestant::Twin | Contestant::Ceiling | Contestant::CeilingBulk => {
                sqlx::query_scalar("select count(*) from inbox").fetch_one(&mut db).await?
            }
        };
        all += of_service;
    }
    Ok(all as f64)
}

/// Opens a transaction in each database that keeps vacuum from removing dead rows.
pub(crate) async fn hold_snapshots(env: &TestEnv) -> Result<Vec<PgConnection>> {
    let mut held = Vec::new();
    for service in SERVICES {
        let mut db = admin(env, service).await?;
        sqlx::query("begin isolation level repeatable read").execute(&mut db).await?;
        sqlx::query("select pg_current_xact_id()").execute(&mut db).await?;
        held.push(db);
    }
    Ok(held)
}

/// Lets a reader lock all tables of each database as `pg_dump` does. It holds no snapshot: that would slow down the
/// business updates of 1,000 rows, which no contestant can help.
pub(crate) async fn lock_tables(env: &TestEnv) -> Result<Vec<TableReader>> {
    Ok(try_join_all(SERVICES.map(|service| env.lock_tables(service))).await?)
}

/// The number of page reads of all tables but the business tables, in all databases.
pub(crate) async fn pages(env: &TestEnv) -> Result<i64> {
    let mut pages = 0;
    for service in SERVICES {
        let (of_service,): (i64,) = sqlx::query_as(
            "select coalesce(sum(heap_blks_hit + heap_blks_read + coalesce(idx_blks_hit, 0) \
                 + coalesce(idx_blks_read, 0)), 0)::bigint \
             from pg_statio_user_tables where relname not in ('account', 'entry')",
        )
        .fetch_one(&mut admin(env, service).await?)
        .await?;
        pages += of_service;
    }
    Ok(pages)
}
