//! Asks the database whether it works, over a connection of its own, since those of the pools may
//! be in use, or broken.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ballet_core::Cause;
use sqlx::{Executor, PgConnection};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::database::connection::sql_state;
use crate::database::hosts::Hosts;

/// Time limit for an answer. Nothing is behind a connection that does not answer in this time.
const LIMIT: Duration = Duration::from_secs(5);

/// After a fail-over a server may answer that takes no writes.
const TAKES_WRITES: &str =
    "select current_setting('transaction_read_only') = 'off', pg_is_in_recovery()";
/// Needs half a megabyte on the disk, for a sort, and leaves nothing there or in the catalogs. From
/// Postgres 17 on a sort of a single column of text does not count its memory, and stays there, so
/// this has two.
pub const NEEDS_ROOM: &str = "begin; set local work_mem = '64kB'; \
     select sum(length(wide) + n) from (select repeat('x', 1900) || n as wide, n \
     from generate_series(1, 256) as n order by 1) as sorted; rollback";

/// Asks the database whether it works.
#[derive(Debug)]
pub struct Probe {
    hosts: Hosts,
    kept: Mutex<Option<PgConnection>>,
    refusal: Refusal,
}

/// Why a server that is there does not let the service work, if that is known.
#[derive(Debug, Clone, Default)]
pub struct Refusal(Arc<std::sync::Mutex<Option<(Cause, String)>>>);

impl Refusal {
    fn set(&self, why: Option<(Cause, String)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Returns the cause, as it was when the server was asked last, with a sentence.
    pub fn why(&self) -> Option<(Cause, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether the server recovers, or is a standby.
pub async fn recovers(db: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select pg_is_in_recovery()").fetch_one(db).await
}

/// Returns the cause that an error of a new connection names.
pub fn cause_of_refusal(error: &sqlx::Error) -> Option<Cause> {
    let code = sql_state(error)?;
    // Operator intervention; invalid authorization: no such user, or another password.
    let classes = [("57P", Cause::Recovery), ("28", Cause::DatabaseLogin)];
    classes.into_iter().find(|(class, _)| code.starts_with(class)).map(|(_, cause)| cause)
}

fn refusal(error: &sqlx::Error) -> Option<(Cause, String)> {
    let (cause, why) = (cause_of_refusal(error)?, error.as_database_error()?.message());
    let said = match cause {
        Cause::Recovery => format!("takes no writes: its server recovers, or stops: {why}"),
        _ => format!(
            "refuses the login: {why}. Set the database's URL to the new password (DATABASE_URL; the file \
             of DATABASE_URL_FILE) and start again"
        ),
    };
    Some((cause, said))
}

impl Probe {
    pub fn new(hosts: Hosts) -> Self {
        Self { hosts, kept: Mutex::default(), refusal: Refusal::default() }
    }

    /// Returns why the server refuses to work, which its later answers change.
    pub fn refusal(&self) -> &Refusal {
        &self.refusal
    }

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let connected = self.hosts.connect().await;
        self.refusal.set(connected.as_ref().err().and_then(refusal));
        connected
    }

    async fn takes_writes(&self, db: &mut PgConnection) -> Result<bool, sqlx::Error> {
        let (works, recovers): (bool, bool) = sqlx::query_as(TAKES_WRITES).fetch_one(db).await?;
        let said = "takes no writes: its server is a standby, or recovers";
        let recovery = || (Cause::Recovery, said.to_owned());
        self.refusal.set(recovers.then(recovery));
        Ok(works)
    }

    /// Returns true if the database answers and is not read-only. Cheap.
    pub async fn answers(&self) -> bool {
        let asked = async {
            let mut kept = self.kept.lock().await;
            let mut db = match kept.take() {
                Some(db) => db,
                None => self.connect().await?,
            };
            let works = self.takes_writes(&mut db).await?;
            *kept = Some(db);
            Ok::<_, sqlx::Error>(works)
        };
        matches!(timeout(LIMIT, asked).await, Ok(Ok(true)))
    }

    /// Returns true if the database takes a new connection and writes over it, and has room on its
    /// disk. Asked when a failure may be the database's fault.
    pub async fn works(&self) -> bool {
        let asked = async {
            let mut kept = self.kept.lock().await;
            drop(kept.take());
            let mut db = self.connect().await?;
            let works = self.takes_writes(&mut db).await?;
            if works {
                db.execute(NEEDS_ROOM).await?;
            }
            *kept = Some(db);
            Ok::<_, sqlx::Error>(works)
        };
        match timeout(LIMIT, asked).await {
            Ok(Ok(works)) => works,
            Ok(Err(error)) => {
                tracing::debug!("the database does not work: {error}");
                false
            }
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use ballet_amqp::TlsFiles;
    use ballet_stage::{Database, Link, Postgres, Proxy};

    use super::*;

    fn hosts(url: &str) -> Hosts {
        Hosts::parse(url, &TlsFiles::default()).expect("a URL")
    }

    #[tokio::test]
    async fn t183_a_database_that_never_answers_is_told_within_seconds() {
        let postgres = Postgres::shared().await.expect("Postgres");
        let database = Database::new(postgres, "probe").await.expect("a database");
        let proxy = Proxy::to(database.url()).await.expect("a proxy");
        let probe = Probe::new(hosts(proxy.url()));
        assert!(probe.answers().await && probe.works().await && probe.answers().await);
        proxy.set(Link::Silent);
        for _ in 0..2 {
            let begun = Instant::now();
            assert!(!probe.answers().await && !probe.works().await);
            assert!(begun.elapsed() < 3 * LIMIT, "{:?}", begun.elapsed());
        }
        proxy.set(Link::Open);
        assert!(probe.works().await && probe.answers().await);
    }

    #[tokio::test]
    async fn who_may_create_no_temporary_tables_may_work_all_the_same() {
        let postgres = Postgres::shared().await.expect("Postgres");
        let database = Database::new(postgres, "no_temp").await.expect("a database");
        let hosts = hosts(database.url());
        let mut db = hosts.connect().await.expect("a connection");
        let probe = Probe::new(hosts);
        let revoke = "do $$ begin execute format('revoke temporary on database %I from public, %I',
            current_database(), current_user); end $$";
        db.execute(revoke).await.expect("revoked");
        assert!(probe.works().await);
        let read_only =
            "do $$ begin execute format('alter role %I set default_transaction_read_only = on',
            current_user); end $$";
        db.execute(read_only).await.expect("set");
        assert!(!probe.works().await);
    }
}
