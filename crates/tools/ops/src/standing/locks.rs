//! Tables of a service that somebody keeps locked. The check does not touch them.

use std::time::Duration;

use ballet_core::Cause;
use ballet_store::schema::hindrances::{TableLock, locks};
use sqlx::PgConnection;

use crate::standing::finding::{Finding, Hinders};

/// The service holds its own locks for moments only, so a longer one is somebody else's.
const HELD_FOR: Duration = Duration::from_secs(3);

pub(crate) async fn check(
    db: &mut PgConnection,
    service: &str,
) -> Result<Vec<Finding>, sqlx::Error> {
    let mut held = locks(db).await?;
    if !held.is_empty() {
        tokio::time::sleep(HELD_FOR).await;
        let later = locks(db).await?;
        // Its mode may have changed meanwhile.
        let of = |lock: &TableLock| (lock.transaction.clone(), lock.table.clone());
        held.retain(|lock| later.iter().any(|one| of(one) == of(lock)));
    }
    Ok(held.iter().map(|lock| finding(service, lock)).collect())
}

fn finding(service: &str, TableLock { table, holder, end, since, .. }: &TableLock) -> Finding {
    let found = format!("the table {table} is locked by {holder}; nobody else writes to it");
    let advice = format!("end that transaction; if nobody needs it: {end}");
    let lock = Finding::bad(Cause::Lock, service, &found, &advice).since(*since);
    lock.hinders(Hinders::Service(service.to_owned()))
}
