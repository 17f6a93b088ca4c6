//! The database of a service: its connection, version, clock, tables, and work that is stuck.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use ballet_store::inbox::stuck;
use ballet_store::operators::service_pause;
use ballet_store::process::{UnreadyProcess, WhyUnready, unready};
use ballet_store::schema::differences::differences;
use ballet_store::{dead_events, partitions as kept};
use jiff::{SignedDuration, Timestamp};
use sqlx::{Executor, PgConnection};
use tokio::time::timeout;

use crate::base::exit::{GIVE_DATABASES, error_text};
use crate::base::options::GlobalOptions;
use crate::base::ui;
use crate::operator::doctor::clock;
use crate::operator::doctor::finding::Finding;
use crate::operator::doctor::locks;

/// The oldest version of Postgres that ballet works with.
const OLDEST: i32 = 140_000;

/// The longest time that the checks of a healthy database take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The limits of each query. Only a query that waits for a lock takes longer.
const SHORT: &str = "set lock_timeout = '2s'; set statement_timeout = '5s'";

/// Looks at the database of a service. This takes no longer than [`PATIENCE`].
pub(super) async fn check(service: &str, options: &GlobalOptions) -> Vec<Finding> {
    let mut findings = Vec::new();
    if timeout(PATIENCE, look(service, options, &mut findings)).await.is_err() {
        let found = format!("the database has not told all within {} s", PATIENCE.as_secs());
        let advice = "look whether its server works: pg_stat_activity shows what it waits for";
        findings.push(Finding::bad("connection", service, &found, advice));
    }
    findings
}

async fn look(service: &str, options: &GlobalOptions, findings: &mut Vec<Finding>) {
    let mut db = match options.connect(service).await {
        Ok(Some(db)) => db,
        Ok(None) => {
            let found = "the database's URL is not given";
            findings.push(Finding::unknown("connection", service, found, GIVE_DATABASES));
            return;
        }
        Err(error) => {
            let advice = "check DATABASE_URL: host, port, user, password and database";
            findings.push(Finding::bad("connection", service, &error_text(&error), advice));
            return;
        }
    };
    match server(&mut db, service, options).await {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(unreadable(service, &error)),
    }
    // First: a lock may be why other checks fail.
    match locks::check(&mut db, service).await {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(unreadable(service, &error.into())),
    }
    if let Err(error) = inside(&mut db, service, options, findings).await {
        findings.push(unreadable(service, &error));
    }
}

fn unreadable(service: &str, error: &anyhow::Error) -> Finding {
    let advice =
        "check that the service has started once, and that the user may read the schema ballet";
    Finding::bad("tables", service, &error_text(error), advice)
}

/// The server's version, clock and durability.
async fn server(
    db: &mut PgConnection,
    service: &str,
    options: &GlobalOptions,
) -> Result<Vec<Finding>> {
    db.execute(SHORT).await?;
    let before = options.clock.now();
    let (version, text, micros): (i32, String, i64) = sqlx::query_as(
        "select current_setting('server_version_num')::int, current_setting('server_version'), \
         (extract(epoch from clock_timestamp()) * 1000000)::bigint",
    )
    .fetch_one(&mut *db)
    .await?;
    let after = options.clock.now();
    let there = Timestamp::from_microsecond(micros)?;
    Ok(vec![
        postgres(service, version, &text),
        clock::judge(service, there, SignedDuration::ZERO, before, after),
        durability(db, service).await?,
    ])
}

async fn inside(
    db: &mut PgConnection,
    service: &str,
    options: &GlobalOptions,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let wrong = differences(db).await?;
    findings.push(tables(service, &wrong));
    if wrong.is_empty() {
        if let Some(paused) = service_pause::now(db).await? {
            let found = format!("it takes no messages: it is {paused}");
            let advice = format!("when that is over: `{} inbox resume {service}`", ui::ballet());
            findings.push(Finding::warning("paused", service, &found, &advice));
        }
        for UnreadyProcess { process, why } in unready(db).await? {
            let found = format!("its process {process} is not ready: {why}");
            let advice = match why {
                WhyUnready::Frozen => {
                    "let it go on, or kill it and start it again: what it has not done is not lost"
                }
                WhyUnready::Told(_) => "mend what it says; its log has more",
            };
            findings.push(Finding::bad("ready", service, &found, advice));
        }
        findings.push(partitions(service, &kept::names(db).await?, options.clock.now()));
        findings.extend(count_backlog(db, service).await?);
    }
    Ok(())
}

/// Checks that a commit is on disk when the service hears of it. A setting of a database, a user or the server counts
/// alike.
async fn durability(db: &mut PgConnection, service: &str) -> Result<Finding> {
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
        return Ok(Finding::well("durability", service, "a commit is on disk when it is told"));
    }
    let weak: Vec<String> = weak.into_iter().map(|(weak,)| weak).collect();
    let found = format!("{}: a crash of the server loses what was committed", weak.join(", "));
    let advice = "reset it for the server, the database and the service's user: with ALTER SYSTEM, \
                  ALTER DATABASE or ALTER ROLE";
    Ok(Finding::bad("durability", service, &found, advice))
}

fn postgres(service: &str, version: i32, text: &str) -> Finding {
    let found = format!("PostgreSQL {text}");
    if version < OLDEST {
        return Finding::bad("version", service, &found, "upgrade it: ballet needs 14 or later");
    }
    Finding::well("version", service, &found)
}

fn tables(service: &str, wrong: &[String]) -> Finding {
    let Some(first) = wrong.first() else {
        return Finding::well("tables", service, "as this version of ballet makes them");
    };
    let more = match wrong.len() {
        1 => String::new(),
        several => format!("; and {} more", several - 1),
    };
    let advice = "start a service of this version, which migrates them; what somebody changed by hand, \
                  change back";
    Finding::bad("tables", service, &format!("{first}{more}"), advice)
}

/// Checks that there are partitions for the messages of today and of tomorrow.
fn partitions(service: &str, names: &BTreeSet<String>, now: Timestamp) -> Finding {
    let day = |ahead: i64| {
        let time = now + SignedDuration::from_hours(24 * ahead);
        format!("inbox_{}", time.strftime("%Y%m%d"))
    };
    let missing: Vec<String> =
        [day(0), day(1)].into_iter().filter(|name| !names.contains(name)).collect();
    if missing.is_empty() {
        return Finding::well("partitions", service, "there are some for today and tomorrow");
    }
    let found = format!(
        "ballet.{} is missing: messages of that day are not taken",
        missing.join(", ballet.")
    );
    let advice =
        "look in the service's log why it cannot create it: another session may lock the table";
    Finding::bad("partitions", service, &found, advice)
}

/// Counts the unpublishable events in the outbox, and what is stuck.
async fn count_backlog(db: &mut PgConnection, service: &str) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let unpublished = dead_events::count(db, &dead_events::DeadEventFilter::default()).await?;
    if unpublished > 0 {
        let found = format!("{} could not be published", ui::counted(unpublished, "event"));
        let advice = "see why with `ballet outbox list`, mend it, and `ballet outbox retry`";
        findings.push(Finding::bad("outbox", service, &found, advice));
    }
    let stuck = stuck::list(db, 1000).await?.len();
    if stuck > 0 {
        let found = match stuck {
            1 => "1 message or call has failed, and waits".to_owned(),
            1000 => "1000 or more messages or calls have failed, and wait".to_owned(),
            number => format!("{number} messages or calls have failed, and wait"),
        };
        let advice = "see why with `ballet sagas stuck`";
        findings.push(Finding::warning("stuck", service, &found, advice));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::doctor::finding::FindingState;

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
    fn an_old_postgres_and_changed_tables_are_named() {
        assert_eq!(postgres("orders", 130_011, "13.11").state, FindingState::Bad);
        assert_eq!(postgres("orders", 140_000, "14.0").state, FindingState::Well);
        assert_eq!(tables("orders", &[]).state, FindingState::Well);
        let changed = tables("orders", &["index a is missing".to_owned(), "b".to_owned()]);
        assert_eq!(changed.found, "index a is missing; and 1 more");
    }
}
