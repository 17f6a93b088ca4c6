//! What a service needs of its database before it works: tables, today's partitions, a number.
//!
//! Whatever is lost on the way, a database that goes away during the start is waited for as one
//! that is down from the beginning: the start begins again.

use std::time::Duration;

use ballet_amqp::tls;
use ballet_core::envelope::Limits;
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{PgConnection, PgPool};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::declare::clock::Clock;
use crate::declare::failure::server_is_away;
use crate::declare::migration::Migration;
use crate::service::error::StartError;
use crate::service::pool;
use crate::tables::{migrate, process};
use crate::upkeep::partitions;

/// A start that takes longer than this to reach its database says that it is away.
const NOTICED: Duration = Duration::from_secs(1);
/// From one attempt to the next.
const PAUSE: Duration = Duration::from_secs(1);
/// For everything that is asked before the migrations.
const REACHED: Duration = Duration::from_secs(40);
/// How often it is looked whether the server still works at a migration.
const LOOK: Duration = Duration::from_secs(5);
/// So many times in a row it does not: then we hear no more of it.
const MISSED: u32 = 3;

/// What there has to be in the database.
pub(super) struct Prepare<'a> {
    pub(super) pool: &'a PgPool,
    pub(super) options: &'a PgConnectOptions,
    pub(super) migrations: &'a [Migration],
    pub(super) limits: &'a Limits,
    pub(super) clock: &'a Clock,
    /// For readiness.
    pub(super) away: &'a watch::Sender<bool>,
}

impl Prepare<'_> {
    /// The process's number, and the session that holds it.
    pub(super) async fn run(&self) -> Result<(i64, PgConnection), StartError> {
        loop {
            self.reach().await?;
            let error = match self.attempt().await {
                Err(error) if passes(&error) => error,
                done => return done,
            };
            self.away.send_replace(true);
            tracing::warn!("the database was lost during the start, which begins again: {error}");
            sleep(PAUSE).await;
        }
    }

    async fn reach(&self) -> Result<(), StartError> {
        let reached = async {
            loop {
                // On a connection that was lost unheard it would wait for ever.
                if let Ok(done) = timeout(REACHED, pool::wait_until_reachable(self.pool)).await {
                    return done;
                }
            }
        };
        tokio::pin!(reached);
        let done = tokio::select! {
            done = &mut reached => done,
            () = sleep(NOTICED) => {
                self.away.send_replace(true);
                reached.await
            }
        };
        self.away.send_replace(false);
        done.map_err(|error| match &error {
            // Some want a certificate of ours only after the handshake.
            StartError::Database(refused) => tls::problem(&refused.to_string(), "DATABASE_CA_FILE")
                .map_or(error, StartError::DatabaseTls),
            _ => error,
        })
    }

    async fn attempt(&self) -> Result<(i64, PgConnection), StartError> {
        let mut db = migrate::connect(self.options).await?;
        let pid = migrate::pid(&mut db).await?;
        tokio::select! {
            done = migrate::migrate(db, self.migrations) => done?,
            lost = self.lost(pid) => return Err(StartError::Database(lost)),
        }
        let prepared = partitions::prepare(self.pool, self.limits, self.clock).await;
        prepared.map_err(StartError::Database)?;
        pool::look_at_schema(self.pool).await;
        let mut db = self.pool.acquire().await.map_err(StartError::Database)?;
        let owner = process::draw(&mut db).await.map_err(StartError::Database)?;
        let session = process::hold(self.options, owner).await.map_err(StartError::Database)?;
        if process::is_gone(&mut db, owner).await.map_err(StartError::Database)? {
            return Err(StartError::Pooler);
        }
        Ok((owner, session))
    }

    /// Returns when nothing more is to be heard of the server's process that migrates. A migration
    /// may take hours without a word, and nothing closes a connection of which the other end has
    /// lost its power: another connection tells.
    async fn lost(&self, pid: i32) -> sqlx::Error {
        let mut missed = 0;
        while missed < MISSED {
            sleep(LOOK).await;
            match timeout(LOOK, migrate::works(self.pool, pid)).await {
                Ok(Ok(true)) => missed = 0,
                Ok(Ok(false)) => missed += 1,
                Ok(Err(_)) | Err(_) => {
                    // Nobody knows; it may be at work.
                    self.away.send_replace(true);
                    continue;
                }
            }
            self.away.send_replace(false);
        }
        let why = "the server does not work at the migrations any more, and has not answered";
        sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, why))
    }
}

/// Whether the database is away, rather than ours not fitting it.
fn passes(error: &StartError) -> bool {
    match error {
        StartError::Database(error)
        | StartError::Migrate(
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _),
        ) => server_is_away(error),
        _ => false,
    }
}
