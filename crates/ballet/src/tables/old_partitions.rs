//! Drops the partitions that are older than the windows, but for those with open sagas.

use ballet_core::envelope::Limits;
use ballet_fault::{self as fault, FaultPoint};
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::tables::database::{begin, in_time};
use crate::tables::open_sagas::{self, Open, Stages};
use crate::tables::partitions::{Partitioned, Present, attach, bounds, present};

/// Drops old partitions.
pub(crate) async fn drop_old(
    db: &mut PgConnection,
    limits: &Limits,
    stages: &Stages,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let inbox = Partitioned::inbox(limits);
    for partition in old(db, &inbox, now).await? {
        forget_handled(db, &partition.name).await?;
        if partition.attached {
            detach(db, &inbox, &partition).await?;
        }
        drop_detached(db, &partition.name).await?;
    }
    let ledger = Partitioned::ledger(limits);
    let open = Open::new(stages, now - limits.unsettled_window);
    let mut kept = Vec::new();
    for partition in old(db, &ledger, now).await? {
        let Present { name, attached, half_detached } = &partition;
        if *attached && !half_detached && open_sagas::any(db, name, bounds(name), &open).await? {
            kept.push(partition.name);
            continue;
        }
        if *attached {
            detach(db, &ledger, &partition).await?;
        }
        // Something may have begun while it was being detached. Now nothing can.
        if open_sagas::any(db, name, bounds(name), &open).await? {
            attach(db, ledger.table, name, bounds(name)).await?;
            kept.push(partition.name);
            continue;
        }
        drop_detached(db, name).await?;
    }
    if let Some(oldest) = kept.first() {
        tracing::info!(
            partitions = kept.len(),
            oldest,
            "old partitions of the ledger are kept because they contain open sagas"
        );
    }
    Ok(())
}

async fn old(
    db: &mut PgConnection,
    partitioned: &Partitioned,
    now: Timestamp,
) -> Result<Vec<Present>, sqlx::Error> {
    let oldest = partitioned.wanted(now).into_iter().next().map(|wanted| wanted.name);
    let mut old = present(db, partitioned.table).await?;
    old.retain(|found| oldest.as_ref().is_some_and(|oldest| found.name < *oldest));
    Ok(old)
}

/// Deletes the failures of messages that the partition knows as handled. Without it they would look
/// as if they were still failing.
async fn forget_handled(db: &mut PgConnection, partition: &str) -> Result<(), sqlx::Error> {
    let statement = format!(
        "delete from ballet.failure f using ballet.{partition} i where i.message_id = f.message_id"
    );
    in_time(sqlx::query(AssertSqlSafe(statement)).execute(db)).await.map(drop)
}

/// Waits for readers of the table without blocking others. Cannot run in a transaction.
async fn detach(
    db: &mut PgConnection,
    Partitioned { table, .. }: &Partitioned,
    Present { name, half_detached, .. }: &Present,
) -> Result<(), sqlx::Error> {
    let how = if *half_detached { "finalize" } else { "concurrently" };
    let statement = format!("alter table ballet.{table} detach partition ballet.{name} {how}");
    in_time(sqlx::query(AssertSqlSafe(statement)).execute(db)).await.map(drop)
}

async fn drop_detached(db: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    let mut db = begin(db).await?;
    let dropped = "insert into ballet.dropped_partition (name) values ($1) on conflict do nothing";
    in_time(sqlx::query(dropped).bind(name).execute(&mut *db)).await?;
    let statement = format!("drop table ballet.{name}");
    in_time(sqlx::query(AssertSqlSafe(statement)).execute(&mut *db)).await?;
    fault::point(FaultPoint::BeforeTables, "partitions");
    in_time(db.commit()).await?;
    fault::point(FaultPoint::AfterTables, "partitions");
    Ok(())
}
