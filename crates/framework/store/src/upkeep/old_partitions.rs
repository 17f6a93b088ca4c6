//! Drops the partitions that are older than the windows, but for those with open sagas.
//!
//! No clock alone decides, since one that leapt ahead would drop everybody's memory. A partition
//! with rows goes only when enough newer ones have rows, too.

use ballet_core::envelope::Limits;
use ballet_core::fault::{self, FaultPoint};
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::database::connection::{begin, in_time};
use crate::ledger::open_sagas;
use crate::ledger::open_sagas::{OpenSagas, Stages};
use crate::schema::partitions::{PartitionedTable, PresentPartition, attach, present};
use crate::upkeep::chores::Chores;

struct OldPartition {
    partition: PresentPartition,
    /// Whether it may go with its rows.
    with_rows: bool,
}

/// Drops old partitions.
pub async fn drop_old(
    db: &mut PgConnection,
    limits: &Limits,
    stages: &Stages,
    now: Timestamp,
    chores: &mut Chores,
) -> Result<(), sqlx::Error> {
    let inbox = PartitionedTable::inbox(limits);
    for old in old(db, &inbox, now).await? {
        let name = old.partition.name.clone();
        chores.took(&name, drop_from_inbox(db, &inbox, &old).await)?;
    }
    let ledger = PartitionedTable::ledger(limits);
    let open = OpenSagas::new(stages, now - limits.unsettled_window);
    let mut kept = Vec::new();
    for old in old(db, &ledger, now).await? {
        let name = old.partition.name.clone();
        let dropped = drop_from_ledger(db, &ledger, &old, &open).await;
        if chores.took(&name, dropped)? == Some(false) {
            kept.push(name);
        }
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

async fn drop_from_inbox(
    db: &mut PgConnection,
    inbox: &PartitionedTable,
    OldPartition { partition, with_rows }: &OldPartition,
) -> Result<(), sqlx::Error> {
    let name = &partition.name;
    forget_handled(db, name).await?;
    if partition.attached {
        detach(db, inbox, partition).await?;
    }
    if !with_rows && has_rows(db, name).await? {
        return attach(db, inbox.table, name, inbox.bounds(name)).await;
    }
    drop_detached(db, name).await
}

/// Returns false if the partition is kept.
async fn drop_from_ledger(
    db: &mut PgConnection,
    ledger: &PartitionedTable,
    OldPartition { partition, with_rows }: &OldPartition,
    open: &OpenSagas<'_>,
) -> Result<bool, sqlx::Error> {
    let PresentPartition { name, attached, half_detached } = partition;
    let bounds = ledger.bounds(name);
    if *attached && !half_detached && open_sagas::any(db, name, bounds, open).await? {
        return Ok(false);
    }
    if *attached {
        detach(db, ledger, partition).await?;
    }
    // Something may have begun while it was being detached. Now nothing can.
    let has_too_much = !with_rows && has_rows(db, name).await?;
    if has_too_much || open_sagas::any(db, name, bounds, open).await? {
        attach(db, ledger.table, name, bounds).await?;
        return Ok(false);
    }
    drop_detached(db, name).await?;
    Ok(true)
}

/// Returns the partitions that are older than the window, and are empty or have enough rows after
/// them. Detached and half detached ones are among them, to go or come back.
async fn old(
    db: &mut PgConnection,
    partitioned: &PartitionedTable,
    now: Timestamp,
) -> Result<Vec<OldPartition>, sqlx::Error> {
    let Some(oldest) = partitioned.wanted(now).into_iter().next() else { return Ok(Vec::new()) };
    let present = present(db, partitioned.table).await?;
    if present.iter().all(|it| it.name >= oldest.name) {
        return Ok(Vec::new());
    }
    let mut names: Vec<&String> =
        present.iter().filter(|it| it.attached).map(|it| &it.name).collect();
    names.sort_unstable();
    let (mut newer, mut before) = (0, None);
    for name in names.into_iter().rev() {
        newer += usize::from(has_rows(db, name).await?);
        if newer == partitioned.newer() {
            before = Some(name.clone());
            break;
        }
    }
    let mut old = Vec::new();
    for partition in present {
        if partition.name >= oldest.name {
            continue;
        }
        let with_rows = before.as_ref().is_some_and(|before| partition.name < *before);
        let is_whole = partition.attached && !partition.half_detached;
        if with_rows || !is_whole || !has_rows(db, &partition.name).await? {
            old.push(OldPartition { partition, with_rows });
        }
    }
    Ok(old)
}

async fn has_rows(db: &mut PgConnection, partition: &str) -> Result<bool, sqlx::Error> {
    let statement = format!("select exists (select from ballet.{partition})");
    let query = sqlx::query_as(AssertSqlSafe(statement));
    let (has_rows,): (bool,) = in_time(query.fetch_one(db)).await?;
    Ok(has_rows)
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
    PartitionedTable { table, .. }: &PartitionedTable,
    PresentPartition { name, half_detached, .. }: &PresentPartition,
) -> Result<(), sqlx::Error> {
    let how = if *half_detached { "finalize" } else { "concurrently" };
    let statement = format!("alter table ballet.{table} detach partition ballet.{name} {how}");
    in_time(sqlx::query(AssertSqlSafe(statement)).execute(db)).await.map(drop)
}

/// Drops a table. Its name is kept if there are rows in it, since only then something is forgotten.
async fn drop_detached(db: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    let mut db = begin(db).await?;
    // Another replica may attach it just now.
    let lock = format!("lock table ballet.{name} in access exclusive mode");
    in_time(sqlx::query(AssertSqlSafe(lock)).execute(&mut *db)).await?;
    if has_rows(&mut db, name).await? {
        let dropped =
            "insert into ballet.dropped_partition (name) values ($1) on conflict do nothing";
        in_time(sqlx::query(dropped).bind(name).execute(&mut *db)).await?;
    }
    let statement = format!("drop table ballet.{name}");
    in_time(sqlx::query(AssertSqlSafe(statement)).execute(&mut *db)).await?;
    fault::point(FaultPoint::BeforeTables, "partitions");
    in_time(db.commit()).await?;
    fault::point(FaultPoint::AfterTables, "partitions");
    Ok(())
}
