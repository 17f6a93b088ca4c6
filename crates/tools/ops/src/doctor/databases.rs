//! A service's database: its answers, version, clock and tables, and work that is stuck.

use std::collections::BTreeSet;
use std::time::Duration;

use ballet::Clock;
use ballet_core::Cause;
use ballet_store::inbox::stuck::{self, StuckEntry};
use ballet_store::{dead_events, partitions as kept};
use jiff::{SignedDuration, Timestamp};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, Executor, PgConnection};
use tokio::time::timeout;

use crate::databases::{Unconnected, connect_in_time};
use crate::doctor::clock;
use crate::standing::finding::{Finding, Hinders};
use crate::standing::service::{RECOVERY, findings_of};
use crate::words::counted;

/// The oldest version of Postgres that ballet works with.
const OLDEST: i32 = 140_000;
/// The first that notes the version of a database's collation.
const KNOWS_COLLATIONS: i32 = 150_000;

/// The checks of a healthy database take less.
const PATIENCE: Duration = Duration::from_secs(15);
/// The maximum number of failing messages and calls that are read.
const MOST: u32 = 1_000;
/// Limits each query. Only one that waits for a lock takes longer.
const SHORT: &str = "set lock_timeout = '2s'; set statement_timeout = '5s'";
const UNREADABLE: &str =
    "check that the service has started once, and that the user may read the schema ballet";

/// Looks at the service's state and failures. Takes at most [`PATIENCE`].
pub(super) async fn standing(
    service: &str,
    options: &PgConnectOptions,
) -> (Vec<Finding>, Vec<StuckEntry>) {
    let (mut findings, mut failing) = (Vec::new(), Vec::new());
    let look = async {
        let mut db = match connect_in_time(options).await {
            Ok(db) => db,
            Err(error) => return findings.push(unreachable(service, &error)),
        };
        let looked = async {
            db.execute(SHORT).await?;
            findings_of(service, &mut db, &mut findings).await?;
            failing = stuck::list(&mut db, MOST).await?;
            findings.extend(count_backlog(&mut db, service, failing.len()).await?);
            Ok::<_, sqlx::Error>(())
        };
        let looked = looked.await;
        db.close().await.ok();
        if let Err(error) = looked
            && !findings.iter().any(|one| one.cause == Cause::Lock)
        {
            let error = error.to_string();
            findings.push(Finding::bad(Cause::Tables, service, &error, UNREADABLE));
        }
    };
    if timeout(PATIENCE, look).await.is_err() {
        let found = format!("the database has not told all within {} s", PATIENCE.as_secs());
        let advice = "look whether its server works: pg_stat_activity shows what it waits for";
        let slow = Finding::bad(Cause::Database, service, &found, advice);
        findings.push(slow.hinders(Hinders::Service(service.to_owned())));
    }
    (findings, failing)
}

fn unreachable(service: &str, error: &Unconnected) -> Finding {
    let (cause, advice) = match error {
        Unconnected::Recovers(_) => (Cause::Recovery, RECOVERY),
        Unconnected::Refuses(_) => (Cause::DatabaseLogin, ADDRESS),
        Unconnected::Other(_) => (Cause::Database, ADDRESS),
    };
    let hinders = Hinders::Service(service.to_owned());
    Finding::bad(cause, service, &error.to_string(), advice).hinders(hinders)
}

const ADDRESS: &str = "check DATABASE_URL: host, port, user, password and database";

/// Checks what changes seldom.
pub(super) async fn rest(service: &str, options: &PgConnectOptions, clock: &Clock) -> Vec<Finding> {
    let mut findings = Vec::new();
    let look = async {
        // The other check reports an unreadable database.
        let Ok(mut db) = connect_in_time(options).await else { return };
        if let Err(error) = inside(&mut db, service, clock, &mut findings).await {
            let error = error.to_string();
            findings.push(Finding::bad(Cause::Tables, service, &error, UNREADABLE));
        }
        db.close().await.ok();
    };
    timeout(PATIENCE, look).await.ok();
    findings
}

async fn inside(
    db: &mut PgConnection,
    service: &str,
    clock: &Clock,
    findings: &mut Vec<Finding>,
) -> Result<(), sqlx::Error> {
    db.execute(SHORT).await?;
    let before = clock.now();
    let (version, text, micros): (i32, String, i64) = sqlx::query_as(
        "select current_setting('server_version_num')::int, current_setting('server_version'), \
         (extract(epoch from clock_timestamp()) * 1000000)::bigint",
    )
    .fetch_one(&mut *db)
    .await?;
    let after = clock.now();
    let there = Timestamp::from_microsecond(micros).unwrap_or_default();
    findings.push(postgres(service, version, &text));
    findings.push(clock::judge(service, there, SignedDuration::ZERO, before, after));
    findings.push(durability(db, service).await?);
    if version >= KNOWS_COLLATIONS {
        findings.extend(collation(db, service).await?);
    }
    findings.push(partitions(service, &kept::names(db).await?, clock.now()));
    Ok(())
}

/// A commit must be on disk when the service gets its answer. A database, a user or the server may have the setting.
async fn durability(db: &mut PgConnection, service: &str) -> Result<Finding, sqlx::Error> {
    let weak: Vec<(String,)> = sqlx::query_as(
        "select distinct name || ' is ' || setting from ( \
             select name, setting from pg_settings \
             where name in ('fsync', 'full_page_writes', 'synchronous_commit') \
             union all select split_part(set, '=', 1), split_part(set, '=', 2) \
             from pg_db_role_setting, unnest(setconfig) as set \
             where setdatabase in (0, (select oid from pg_database where datname = current_database())) \
                 and setrole in (0, (select nspowner from pg_namespace where nspname = 'ballet')) \
         ) as given where name in ('fsync', 'full_page_writes', 'synchronous_commit') \
             and setting in ('off', 'false', 'no', '0') order by 1",
    )
    .fetch_all(db)
    .await?;
    if weak.is_empty() {
        return Ok(Finding::well(
            Cause::Durability,
            service,
            "a commit is on disk when it is told",
        ));
    }
    let weak: Vec<String> = weak.into_iter().map(|(weak,)| weak).collect();
    let found = format!("{}: a crash of the server loses what was committed", weak.join(", "));
    let advice = "reset it for the server, the database and the service's user: with ALTER SYSTEM, \
                  ALTER DATABASE or ALTER ROLE";
    Ok(Finding::bad(Cause::Durability, service, &found, advice))
}

/// Another libc or ICU sorts text otherwise than the indexes of the database do.
async fn collation(db: &mut PgConnection, service: &str) -> Result<Option<Finding>, sqlx::Error> {
    let differs: bool = sqlx::query_scalar(
        "select datcollversion is not null \
             and datcollversion is distinct from pg_database_collation_actual_version(oid) \
         from pg_database where datname = current_database()",
    )
    .fetch_one(db)
    .await?;
    let found = "its collation version is not that of its server: text is sorted otherwise than its indexes do";
    let advice = "stop the service, rebuild its indexes (REINDEX DATABASE), then ALTER DATABASE ... REFRESH \
                  COLLATION VERSION";
    Ok(differs.then(|| Finding::bad(Cause::Collation, service, found, advice)))
}

fn postgres(service: &str, version: i32, text: &str) -> Finding {
    let found = format!("PostgreSQL {text}");
    if version < OLDEST {
        return Finding::bad(
            Cause::Version,
            service,
            &found,
            "upgrade it: ballet needs 14 or later",
        );
    }
    Finding::well(Cause::Version, service, &found)
}

/// Today's and tomorrow's messages need partitions.
fn partitions(service: &str, names: &BTreeSet<String>, now: Timestamp) -> Finding {
    let day = |ahead: i64| {
        let time = now + SignedDuration::from_hours(24 * ahead);
        format!("inbox_{}", time.strftime("%Y%m%d"))
    };
    let missing: Vec<String> =
        [day(0), day(1)].into_iter().filter(|name| !names.contains(name)).collect();
    if missing.is_empty() {
        return Finding::well(Cause::Partitions, service, "there are some for today and tomorrow");
    }
    let found = format!(
        "ballet.{} is missing: messages of that day are not taken",
        missing.join(", ballet.")
    );
    let advice =
        "look in the service's log why it cannot create it: another session may lock the table";
    Finding::bad(Cause::Partitions, service, &found, advice)
}

async fn count_backlog(
    db: &mut PgConnection,
    service: &str,
    stuck: usize,
) -> Result<Vec<Finding>, sqlx::Error> {
    let mut findings = Vec::new();
    let unpublished = dead_events::count(db, &dead_events::DeadEventFilter::default()).await?;
    if unpublished > 0 {
        let found = format!("{} could not be published", counted(unpublished, "event"));
        let advice = "see why with `ballet outbox list`, mend it, and `ballet outbox retry`";
        findings.push(Finding::bad(Cause::Outbox, service, &found, advice));
    }
    if stuck > 0 {
        let found = match stuck {
            1 => "1 message or call has failed, and waits".to_owned(),
            1000 => "1000 or more messages or calls have failed, and wait".to_owned(),
            number => format!("{number} messages or calls have failed, and wait"),
        };
        let advice = "see why with `ballet sagas stuck`";
        findings.push(Finding::warning(Cause::Stuck, service, &found, advice));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standing::finding::FindingState;

    #[test]
    fn a_day_without_a_partition_is_named() {
        let now: Timestamp = "2026-11-22T23:30:00Z".parse().expect("a time");
        let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect();
        let both = partitions("orders", &names(&["inbox_20261122", "inbox_20261123"]), now);
        assert_eq!(both.state, FindingState::Well);
        let one = partitions("orders", &names(&["inbox_20261122", "inbox_20261124"]), now);
        assert_eq!(one.state, FindingState::Bad);
        assert!(one.found.starts_with("ballet.inbox_20261123 is missing"), "{one:?}");
    }

    #[test]
    fn an_old_postgres_is_named() {
        assert_eq!(postgres("orders", 130_011, "13.11").state, FindingState::Bad);
        assert_eq!(postgres("orders", 140_000, "14.0").state, FindingState::Well);
    }
}
