//! The database of a service: its connection, version, clock, tables, and what has not gone on.

use std::collections::BTreeSet;

use anyhow::Result;
use ballet::internal::differences;
use ballet_ops::{outbox, stuck};
use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;

use crate::doctor::clock;
use crate::doctor::finding::Finding;
use crate::exit::{GIVE_DATABASES, words};
use crate::options::GlobalOptions;

/// The oldest version of Postgres that ballet works with.
const OLDEST: i32 = 140_000;

pub(super) async fn check(service: &str, options: &GlobalOptions) -> Vec<Finding> {
    let mut db = match options.connect(service).await {
        Ok(Some(db)) => db,
        Ok(None) => {
            let found = "the database's URL is not given";
            return vec![Finding::unknown("connection", service, found, GIVE_DATABASES)];
        }
        Err(error) => {
            let advice = "check DATABASE_URL: host, port, user, password and database";
            return vec![Finding::bad("connection", service, &words(&error), advice)];
        }
    };
    match inside(&mut db, service, options).await {
        Ok(findings) => findings,
        Err(error) => {
            let advice = "check that the service has started once, and that the user may read the schema \
                          ballet";
            vec![Finding::bad("tables", service, &words(&error), advice)]
        }
    }
}

async fn inside(
    db: &mut PgConnection,
    service: &str,
    options: &GlobalOptions,
) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let before = options.clock.now();
    let (version, text, micros): (i32, String, i64) = sqlx::query_as(
        "select current_setting('server_version_num')::int, current_setting('server_version'), \
         (extract(epoch from clock_timestamp()) * 1000000)::bigint",
    )
    .fetch_one(&mut *db)
    .await?;
    let after = options.clock.now();
    findings.push(postgres(service, version, &text));
    let there = Timestamp::from_microsecond(micros)?;
    findings.push(clock::judge(service, there, SignedDuration::ZERO, before, after));
    let wrong = differences(db).await?;
    findings.push(tables(service, &wrong));
    if wrong.is_empty() {
        findings.push(partitions(service, &partition_names(db).await?, after));
        findings.extend(left(db, service).await?);
    }
    Ok(findings)
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

/// The names of the partitions that take rows.
async fn partition_names(db: &mut PgConnection) -> Result<BTreeSet<String>> {
    let names: Vec<(String,)> = sqlx::query_as(
        "select c.relname::text from pg_inherits i join pg_class c on c.oid = i.inhrelid \
         where i.inhparent in ('ballet.inbox'::regclass, 'ballet.ledger'::regclass) \
         and not i.inhdetachpending",
    )
    .fetch_all(db)
    .await?;
    Ok(names.into_iter().map(|(name,)| name).collect())
}

/// There are partitions for the messages of today and of tomorrow.
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

/// What lies in the outbox, and what is stuck.
async fn left(db: &mut PgConnection, service: &str) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let unpublished = outbox::count(db, &outbox::Filter::default()).await?;
    if unpublished > 0 {
        let found = format!("{unpublished} events could not be published");
        let advice = "see why with `ballet outbox list`, mend it, and `ballet outbox retry`";
        findings.push(Finding::bad("outbox", service, &found, advice));
    }
    let stuck = stuck::list(db, 1000).await?.len();
    if stuck > 0 {
        let number = if stuck == 1000 { "1000 or more".to_owned() } else { stuck.to_string() };
        let found = format!("{number} messages or calls are stuck");
        let advice = "see why with `ballet sagas stuck`";
        findings.push(Finding::warning("stuck", service, &found, advice));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::State;

    #[test]
    fn a_day_without_a_partition_is_named() {
        let now: Timestamp = "2026-11-22T23:30:00Z".parse().expect("a time");
        let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect();
        let both = partitions("orders", &names(&["inbox_20261122", "inbox_20261123"]), now);
        assert_eq!(both.state, State::Well);
        let one = partitions("orders", &names(&["inbox_20261122", "inbox_20261124"]), now);
        assert_eq!(one.state, State::Bad);
        assert!(one.found.starts_with("ballet.inbox_20261123 is missing"), "{one:?}");
    }

    #[test]
    fn an_old_postgres_and_changed_tables_are_named() {
        assert_eq!(postgres("orders", 130_011, "13.11").state, State::Bad);
        assert_eq!(postgres("orders", 140_000, "14.0").state, State::Well);
        assert_eq!(tables("orders", &[]).state, State::Well);
        let changed = tables("orders", &["index a is missing".to_owned(), "b".to_owned()]);
        assert_eq!(changed.found, "index a is missing; and 1 more");
    }
}
