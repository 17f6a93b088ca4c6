//! The log lines of upkeep when it fails.

use crate::declare::handler::failure::{Failure, FailureKind};
use crate::engine::database::Database;

/// Logs what waits because of a failure, and notes a database that does not answer.
pub(crate) fn waits_for(database: &Database, what: &str, failure: &Failure) {
    if failure.kind() == FailureKind::ConnectionLost && !failure.is_stale_statement() {
        database.is_away(failure);
    }
    waits(database, what, failure);
}

/// Logs what waits because of a failure. The first task that notices an outage of the database logs
/// it, so later failures are only debug lines.
pub(crate) fn waits(database: &Database, what: &str, failure: &Failure) {
    database.renew_if_stale(Some(failure));
    if failure.kind() == FailureKind::ConnectionLost {
        tracing::debug!("{what}: {failure}");
    } else {
        tracing::warn!("{what}: {failure}");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ballet_amqp::TlsFiles;
    use ballet_stage::{Database as TestDatabase, Postgres};
    use ballet_store::database::hosts::Hosts;
    use ballet_store::database::renewal::Renewal;
    use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
    use sqlx::{Connection, Executor, PgConnection};
    use tokio::sync::watch;

    use super::*;

    #[tokio::test]
    async fn a_table_that_was_altered_renews_connections_and_is_no_outage() {
        let server = Postgres::shared().await.expect("a server");
        let place = TestDatabase::new(server, "altered").await.expect("one");
        let options: PgConnectOptions = place.url().parse().expect("a URL");
        let pool = || PgPoolOptions::new().connect_lazy_with(options.clone());
        let hosts = Hosts::parse(place.url(), &TlsFiles::default()).expect("a URL");
        let (_stop, stopping) = watch::channel(false);
        let pools = [pool(), pool(), pool()];
        let database = Database::new(pools, hosts, Renewal::default(), stopping);

        let mut db = PgConnection::connect(place.url()).await.expect("a session");
        db.execute("create table kept (id int)").await.expect("made");
        let all = "select * from kept";
        sqlx::query(all).fetch_all(&mut db).await.expect("rows");
        db.execute("alter table kept add note text").await.expect("altered");
        let error = sqlx::query(all).fetch_all(&mut db).await.expect_err("another result");
        waits_for(&database, "a look failed", &error.into());
        assert!(*database.state().borrow(), "it answers");
        assert!(database.renewal.is_stale(Duration::from_secs(60)), "made before");
        waits_for(&database, "a look failed", &Failure::from(sqlx::Error::PoolTimedOut));
        assert!(!*database.state().borrow(), "it is away");
    }
}
