//! Prepares the database before the service works: tables, today's partitions, a process number.
//!
//! If the database goes away during the start, the start begins again and waits, as it does for a
//! database that was down from the beginning.

use std::time::Duration;

use ballet_amqp::tls;
use ballet_core::envelope::Limits;
use ballet_store::copies::fills as copy_fills;
use ballet_store::copies::republications;
use ballet_store::copies::source::Source;
use ballet_store::database::connection::{in_time, is_lock_timeout};
use ballet_store::database::home;
use ballet_store::database::home::Home;
use ballet_store::database::hosts::Hosts;
use ballet_store::outbox::tables as outbox_tables;
use ballet_store::process;
use ballet_store::schema::migrate;
use ballet_store::schema::migration::Migration;
use sqlx::migrate::MigrateError;
use sqlx::{PgConnection, PgPool};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::declare::handler::failure::server_is_away;
use crate::declare::participant::copies::{CopyEntry, ShareEntry};
use crate::engine::shared_clock::ProcessClocks;
use crate::service::error::StartError;
use crate::service::pool;
use crate::upkeep::database::clock;
use crate::upkeep::database::partitions;

/// If the database is not reached within this time, readiness reports it as away.
const REPORT_AFTER: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct PrepareInputs<'a> {
    pub(super) pool: &'a PgPool,
    pub(super) hosts: &'a Hosts,
    pub(super) home: Option<Home>,
    pub(super) migrations: &'a [Migration],
    pub(super) shares: &'a [ShareEntry],
    pub(super) copies: &'a [CopyEntry],
    pub(super) limits: &'a Limits,
    pub(super) time: &'a ProcessClocks,
    pub(super) waits: &'a watch::Sender<Option<String>>,
}

pub(super) struct ProcessPlace {
    pub(super) process: i64,
    /// The session that holds its lock.
    pub(super) session: PgConnection,
    /// The first outbox table to write to.
    pub(super) table: i16,
}

impl PrepareInputs<'_> {
    pub(super) async fn run(&self) -> Result<ProcessPlace, StartError> {
        loop {
            self.reach().await?;
            let error = match Box::pin(self.attempt()).await {
                Err(error) if is_temporary(&error) => error,
                done => return done,
            };
            let (what, waits) = match &error {
                StartError::Database(error) if is_lock_timeout(error) => {
                    let what = "somebody holds a lock that the start needs";
                    (what, Some(what.to_owned()))
                }
                _ => ("the database was lost during the start", away()),
            };
            self.waits.send_replace(waits);
            tracing::warn!("{what}; starting again: {error}");
            sleep(PAUSE).await;
        }
    }

    async fn reach(&self) -> Result<(), StartError> {
        let mut reached = Box::pin(pool::wait_until_reachable(self.hosts));
        let done = tokio::select! {
            done = &mut reached => done,
            () = sleep(REPORT_AFTER) => {
                self.waits.send_replace(away());
                reached.await
            }
        };
        self.waits.send_replace(None);
        done.map_err(|error| match &error {
            // Some servers require our certificate only after the handshake.
            StartError::Database(refused) => tls::problem(&refused.to_string(), "DATABASE_CA_FILE")
                .map_or(error, StartError::DatabaseTls),
            _ => error,
        })
    }

    async fn attempt(&self) -> Result<ProcessPlace, StartError> {
        let db = migrate::connect(&self.hosts.options()).await?;
        migrate::migrate(db, self.migrations).await?;
        self.check_home().await?;
        let asked = clock::ask(self.pool, &self.time.shared).await;
        asked.map_err(StartError::Database)?;
        let prepared = partitions::prepare(self.pool, self.limits, &self.time.clock).await;
        prepared.map_err(StartError::Database)?;
        self.register().await?;
        let begin = async {
            let session = process::connect(self.hosts).await?;
            process::begin(session).await
        };
        let (process, mut session) = begin.await.map_err(StartError::Database)?;
        let mut db = self.pool.acquire().await.map_err(StartError::Database)?;
        check_limits(&mut db).await?;
        check_lock(&mut session, &mut db, process).await?;
        let table = in_time(outbox_tables::take(&mut db, process)).await;
        let table = table.map_err(StartError::Database)?;
        Ok(ProcessPlace { process, session, table })
    }

    /// Refuses the database of another running system.
    async fn check_home(&self) -> Result<(), StartError> {
        let Some(own) = &self.home else { return Ok(()) };
        let mut db = self.pool.acquire().await.map_err(StartError::Database)?;
        match in_time(home::claim(&mut db, own)).await.map_err(StartError::Database)? {
            None => Ok(()),
            Some(whose) => {
                Err(StartError::Elsewhere { whose: whose.to_string(), own: own.to_string() })
            }
        }
    }

    /// Records the shared entities and the copies, for the command and for the replicas together.
    async fn register(&self) -> Result<(), StartError> {
        if self.shares.is_empty() && self.copies.is_empty() {
            return Ok(());
        }
        let mut db = self.pool.acquire().await.map_err(StartError::Database)?;
        for ShareEntry { part, .. } in self.shares {
            in_time(Source::open(&mut db, part.view)).await.map_err(|error| {
                let (entity, view) = (part.entity, part.view);
                match server_is_away(&error) {
                    true => StartError::Database(error),
                    false => StartError::Source { entity, view, error },
                }
            })?;
            let registered = republications::register(&mut db, part.entity, part.view);
            in_time(registered).await.map_err(StartError::Database)?;
        }
        for CopyEntry { part, .. } in self.copies {
            let registered = copy_fills::register(&mut db, part.entity, part.owner);
            in_time(registered).await.map_err(StartError::Database)?;
        }
        Ok(())
    }
}

/// Checks that a session of a pool has the limits that were set for it.
async fn check_limits(db: &mut PgConnection) -> Result<(), StartError> {
    let limit = sqlx::query_scalar("select current_setting('lock_timeout')").fetch_one(db);
    let limit: String = in_time(limit).await.map_err(StartError::Database)?;
    if limit == pool::LOCK { Ok(()) } else { Err(StartError::Pooler) }
}

/// Checks that others see the lock by which the process shows that it is alive.
async fn check_lock(
    session: &mut PgConnection,
    db: &mut PgConnection,
    process: i64,
) -> Result<(), StartError> {
    let is_free = in_time(process::lock_is_free(&mut *db, process)).await;
    if !is_free.map_err(StartError::Database)? {
        return Ok(());
    }
    // It is gone with its session if the server was started again, or another one was promoted.
    match process::are_on_one_server(session, db).await {
        Ok(true) => Err(StartError::Pooler),
        Ok(false) => {
            let why = std::io::Error::other("another server has taken over");
            Err(StartError::Database(sqlx::Error::Io(why)))
        }
        Err(lost) => Err(StartError::Database(lost)),
    }
}

fn away() -> Option<String> {
    Some("away".to_owned())
}

/// Returns true if the error means that the database is away, or that a lock is not free, so a new attempt may
/// succeed.
fn is_temporary(error: &StartError) -> bool {
    match error {
        StartError::Database(error) => server_is_away(error) || is_lock_timeout(error),
        StartError::Migrate(
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _),
        ) => server_is_away(error),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use ballet_stage::{Database, Postgres};
    use sqlx::Executor;

    use super::*;

    #[tokio::test]
    async fn t126_a_pooler_that_shares_sessions_is_named_and_a_session_that_is_gone_is_not_its_fault()
     {
        let postgres = Postgres::shared().await.expect("a server");
        let database = Database::new(postgres, "lost_lock").await.expect("one");
        let options = database.url().parse().expect("a URL");
        let db = migrate::connect(&options).await.expect("a session");
        migrate::migrate(db, &[]).await.expect("the tables");
        let mut db = migrate::connect(&options).await.expect("a session");
        let session = migrate::connect(&options).await.expect("a session");
        let (process, mut session) = process::begin(session).await.expect("begun");
        check_lock(&mut session, &mut db, process).await.expect("it is held");
        // Where a pooler shares sessions, limits that one client has set are another's.
        let error = check_limits(&mut db).await.expect_err("this session has none");
        assert!(matches!(error, StartError::Pooler), "{error}");
        session.execute("select pg_advisory_unlock_all()").await.expect("given up");
        let error = check_lock(&mut session, &mut db, process).await.expect_err("it is free");
        assert!(matches!(error, StartError::Pooler), "{error}");
        let said = error.to_string();
        assert!(said.contains("pooler") && said.contains("session mode"), "{said}");

        let pid = sqlx::query_scalar("select pg_backend_pid()").fetch_one(&mut session);
        let pid: i32 = pid.await.expect("a number");
        let end = sqlx::query("select pg_terminate_backend($1)").bind(pid);
        end.execute(&mut db).await.expect("ended");
        let is_there = "select exists (select from pg_stat_activity where pid = $1)";
        while sqlx::query_scalar(is_there).bind(pid).fetch_one(&mut db).await.expect("an answer") {}
        let error = check_lock(&mut session, &mut db, process).await.expect_err("it is free");
        assert!(is_temporary(&error), "{error}");
    }
}
