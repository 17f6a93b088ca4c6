//! Asks the database whether it works, over a connection of its own: those of the pools may be in
//! use, or broken.

use std::time::Duration;

use sqlx::{ConnectOptions, Executor, PgConnection};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::tables::hosts::Hosts;

/// Time limit for an answer. Nothing is behind a connection that does not answer in this time.
const LIMIT: Duration = Duration::from_secs(5);

/// After a fail-over a server may answer that takes no writes.
const TAKES_WRITES: &str = "select current_setting('transaction_read_only') = 'off'";
/// Needs new pages on disk, and leaves none. Half a megabyte, in rows too short to be compressed.
const NEEDS_ROOM: &str = "begin; create temp table ballet_probe on commit drop as \
     select repeat('x', 1900) from generate_series(1, 256); rollback";

/// Asks the database whether it works.
#[derive(Debug)]
pub(crate) struct Probe {
    hosts: Hosts,
    kept: Mutex<Option<PgConnection>>,
}

impl Probe {
    pub(crate) fn new(hosts: Hosts) -> Self {
        Self { hosts, kept: Mutex::default() }
    }

    /// Returns true if the database answers and is not read-only. Cheap.
    pub(crate) async fn answers(&self) -> bool {
        let asked = async {
            let mut kept = self.kept.lock().await;
            let mut db = match kept.take() {
                Some(db) => db,
                None => self.hosts.options().connect().await?,
            };
            let (works,): (bool,) = sqlx::query_as(TAKES_WRITES).fetch_one(&mut db).await?;
            *kept = Some(db);
            Ok::<_, sqlx::Error>(works)
        };
        matches!(timeout(LIMIT, asked).await, Ok(Ok(true)))
    }

    /// Returns true if the database takes a new connection and writes over it, and has room on its
    /// disk. Asked when work fails in a way that may be the database's fault.
    pub(crate) async fn works(&self) -> bool {
        let asked = async {
            let mut kept = self.kept.lock().await;
            drop(kept.take());
            let mut db = self.hosts.options().connect().await?;
            let (works,): (bool,) = sqlx::query_as(TAKES_WRITES).fetch_one(&mut db).await?;
            if works && let Err(error) = db.execute(NEEDS_ROOM).await {
                let code = error.as_database_error().and_then(|error| error.code());
                // insufficient_privilege: nobody may create temporary tables here.
                if code.as_deref() != Some("42501") {
                    return Err(error);
                }
                return Ok(works);
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
    use ballet_testkit::{Database, Link, Postgres, Proxy};

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
        let mut db = hosts.options().connect().await.expect("a connection");
        let probe = Probe::new(hosts);
        let revoke = "do $$ begin execute format('revoke temporary on database %I from public, %I',
            current_database(), current_user); end $$";
        db.execute(revoke).await.expect("revoked");
        let refused = db.execute(NEEDS_ROOM).await.expect_err("no temporary tables");
        let code = refused.as_database_error().and_then(|error| error.code());
        assert_eq!(code.as_deref(), Some("42501"));
        assert!(probe.works().await);
        let read_only =
            "do $$ begin execute format('alter role %I set default_transaction_read_only = on',
            current_user); end $$";
        db.execute("rollback").await.expect("rolled back");
        db.execute(read_only).await.expect("set");
        assert!(!probe.works().await);
    }
}
