//! Tables of a service that somebody keeps locked. The check touches none of these tables.

use std::collections::BTreeMap;
use std::time::Duration;

use ballet_core::Cause;
use jiff::Timestamp;
use sqlx::PgConnection;

use crate::standing::finding::{Finding, Hinders};

/// A lock that is held for longer holds up the service, which holds its own for moments only.
const HELD_FOR: Duration = Duration::from_secs(3);

/// The sessions that hold them, and since when their transactions run, by table and server process.
type Locks = BTreeMap<(String, i32), (String, Option<Timestamp>)>;

pub(crate) async fn check(
    db: &mut PgConnection,
    service: &str,
) -> Result<Vec<Finding>, sqlx::Error> {
    let mut locks = strong_locks(db).await?;
    if !locks.is_empty() {
        tokio::time::sleep(HELD_FOR).await;
        let later = strong_locks(db).await?;
        locks.retain(|lock, _| later.contains_key(lock));
    }
    Ok(locks.iter().map(|(lock, session)| finding(service, lock, session)).collect())
}

/// The locks on tables and sequences that keep others from writing.
async fn strong_locks(db: &mut PgConnection) -> Result<Locks, sqlx::Error> {
    let statement = "
        select n.nspname || '.' || c.relname, l.pid, concat_ws(', ',
            nullif(a.application_name, ''), a.usename, a.client_addr::text, a.state), a.xact_start
        from pg_locks l join pg_class c on c.oid = l.relation
            join pg_namespace n on n.oid = c.relnamespace
            left join pg_stat_activity a on a.pid = l.pid
        where l.locktype = 'relation' and l.granted and l.pid <> pg_backend_pid()
            and l.database = (select oid from pg_database where datname = current_database())
            and l.mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
            and c.relkind in ('r', 'p', 'S') and n.nspname not like 'pg\\_%'";
    let rows: Vec<(String, i32, String, Option<jiff_sqlx::Timestamp>)> =
        sqlx::query_as(statement).fetch_all(db).await?;
    let lock = |(table, pid, session, since): (_, _, _, Option<jiff_sqlx::Timestamp>)| {
        ((table, pid), (session, since.map(jiff_sqlx::Timestamp::to_jiff)))
    };
    Ok(rows.into_iter().map(lock).collect())
}

fn finding(
    service: &str,
    (table, pid): &(String, i32),
    (session, since): &(String, Option<Timestamp>),
) -> Finding {
    let by = if session.is_empty() { String::new() } else { format!(" ({session})") };
    let found = format!(
        "the table {table} is locked by the server process {pid}{by}; nobody else writes to it"
    );
    let advice =
        format!("end that transaction; if nobody needs it: select pg_terminate_backend({pid})");
    let lock = Finding::bad(Cause::Lock, service, &found, &advice).since(*since);
    lock.hinders(Hinders::Service(service.to_owned()))
}
