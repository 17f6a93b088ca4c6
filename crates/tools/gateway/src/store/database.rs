//! The connection to the database, without which the gateway starts and works with fewer functions.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, Executor, PgPool, SqlStr};
use tokio::time::timeout;

use crate::config::file;
use crate::store::idempotent_requests;
use crate::upstream::servers::without_brackets;

const MIGRATIONS: [(i64, &str, &str); 2] = [
    (1, "gateway", include_str!("../../migrations/0001_gateway.sql")),
    (
        2,
        "rates are counted in each gateway",
        include_str!("../../migrations/0002_rates_are_counted_in_each_gateway.sql"),
    ),
];
const PAUSE: Duration = Duration::from_secs(1);
const TEST: Duration = Duration::from_secs(2);
/// The maximum number of statements that create the tables, each with the limit of any other.
const MIGRATION_STATEMENTS: u32 = 12;
const LOOK_EVERY: Duration = Duration::from_secs(5);
const CLEAN_EVERY: Duration = Duration::from_secs(30);
/// The maximum number of old rows removed by one statement, since large answers take long.
const PORTION: u32 = 50;

/// The database does not answer, or refuses.
#[derive(Debug, thiserror::Error)]
#[error("the gateway's database: {0}")]
pub(crate) struct DatabaseAway(String);

#[derive(Debug)]
pub(crate) struct Database {
    pool: PgPool,
    patience: Duration,
    file: Option<(PathBuf, Mutex<String>)>,
    prepared: AtomicBool,
    /// The reason of the last failure, until a statement succeeds.
    failure: Mutex<Option<String>>,
}

fn options(url: &str) -> Result<PgConnectOptions, String> {
    let options: Result<PgConnectOptions, _> = url.trim().parse();
    let options = options.map_err(|error| format!("database.url is not understood: {error}"))?;
    // sqlx would look an address in brackets up as a name.
    let host = without_brackets(options.get_host()).to_owned();
    Ok(options.host(&host).extra_float_digits(None))
}

impl Database {
    /// `config` is the config file.
    pub(crate) fn new(settings: &file::DatabaseConfig, config: &Path) -> Result<Self, String> {
        let mut url = settings.url.reveal()?;
        let mut file = None;
        if let Some(name) = url.strip_prefix("file:") {
            let path = config.parent().unwrap_or(Path::new("")).join(name);
            url = std::fs::read_to_string(&path)
                .map_err(|error| format!("database.url: {}: {error}", path.display()))?;
            file = Some((path, Mutex::new(url.clone())));
        }
        let patience = settings.timeout.0;
        let pool = PgPoolOptions::new()
            .max_connections(settings.connections.max(1))
            .acquire_timeout(patience)
            // After the startup, since a pooler refuses both there, or drops them. A statement that no request waits
            // for is not worth finishing.
            .after_connect(move |db, _| {
                let limit = patience.as_millis();
                let set = format!("set statement_timeout = {limit}; set jit = off");
                Box::pin(
                    async move { db.execute(sqlx::raw_sql(AssertSqlSafe(set))).await.map(drop) },
                )
            })
            // A request may have given up on this connection's statement, and its server may be gone without notice.
            // sqlx's own test has no limit, and keeps the connection's place in the pool.
            .after_release(|db, _| {
                Box::pin(async move { Ok(matches!(timeout(TEST, db.ping()).await, Ok(Ok(())))) })
            })
            .connect_lazy_with(options(&url)?);
        let (prepared, failure) = (AtomicBool::new(false), Mutex::default());
        Ok(Self { pool, patience, file, prepared, failure })
    }

    /// Open connections stay, and new ones use the new login.
    fn read_again(&self) {
        let Some((path, last)) = &self.file else { return };
        let Ok(url) = std::fs::read_to_string(path) else { return };
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == url {
            return;
        }
        match options(&url) {
            Ok(options) => self.pool.set_connect_options(options),
            Err(why) => tracing::warn!("{}: the last URL stays: {why}", path.display()),
        }
        *last = url;
    }

    pub(crate) fn is_away(&self) -> bool {
        !self.prepared.load(Ordering::Acquire)
            || self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Runs statements within the time that a request can wait.
    pub(crate) async fn ask<T>(
        &self,
        statement: impl AsyncFnOnce(&PgPool) -> Result<T, sqlx::Error>,
    ) -> Result<T, DatabaseAway> {
        if !self.prepared.load(Ordering::Acquire) {
            return Err(DatabaseAway("it has not been reached yet".to_owned()));
        }
        let outcome = match timeout(self.patience, statement(&self.pool)).await {
            Ok(outcome) => outcome.map_err(|error| DatabaseAway(error.to_string())),
            Err(_) => Err(DatabaseAway(format!("no answer within {:?}", self.patience))),
        };
        self.note(outcome.as_ref().err());
        outcome
    }

    fn note(&self, failure: Option<&DatabaseAway>) {
        let mut last = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let said = failure.map(ToString::to_string);
        match (&said, &*last) {
            // The first reason and each new one: after a restart the server may refuse the login.
            (Some(why), before) if before.as_ref() != Some(why) => {
                tracing::warn!("{why}; requests with an Idempotency-Key are refused meanwhile");
            }
            (None, Some(_)) => tracing::info!("the gateway's database is back"),
            _ => {}
        }
        *last = said;
    }

    /// Creates the tables once the database is reachable. Then it checks the connection regularly, and removes old
    /// rows.
    pub(crate) async fn keep(self: Arc<Self>) {
        self.read_again();
        while let Err(away) = self.migrate().await {
            self.note(Some(&away));
            tokio::time::sleep(PAUSE).await;
            self.read_again();
        }
        self.prepared.store(true, Ordering::Release);
        self.note(None);
        let mut cleaned_at: Option<Instant> = None;
        loop {
            self.read_again();
            // So that readiness and metrics know before a request does.
            let look = self.ask(async |pool| sqlx::query("select 1").execute(pool).await).await;
            if look.is_ok() && cleaned_at.is_none_or(|at| at.elapsed() >= CLEAN_EVERY) {
                self.clean().await;
                cleaned_at = Some(Instant::now());
            }
            tokio::time::sleep(if look.is_ok() { LOOK_EVERY } else { PAUSE }).await;
        }
    }

    /// A failure says nothing of the database.
    async fn clean(&self) {
        loop {
            let removed = idempotent_requests::remove_old(&self.pool, PORTION);
            // The server ends a statement after `patience`.
            match timeout(self.patience * 2, removed).await {
                Ok(Ok(count)) if count >= u64::from(PORTION) => {}
                Ok(Ok(_)) => return,
                Ok(Err(error)) => return tracing::warn!("old rows stay for now: {error}"),
                Err(_) => return tracing::warn!("old rows stay for now: no answer"),
            }
        }
    }

    async fn migrate(&self) -> Result<(), DatabaseAway> {
        let migrations = MIGRATIONS.map(|(number, what, sql)| {
            let sql = SqlStr::from_static(sql);
            Migration::new(number, what.into(), MigrationType::Simple, sql, false)
        });
        let mut migrator = Migrator::with_migrations(migrations.into());
        migrator.dangerous_set_table_name("gateway._migrations");
        migrator.create_schema("gateway");
        // A gateway of the previous release may start beside one of the next.
        migrator.set_ignore_missing(true);
        let migrated = async {
            let mut connection = self.pool.acquire().await?;
            // After a failure the connection holds the migrations' lock.
            connection.close_on_drop();
            migrator.run_direct(None, &mut *connection, false).await
        };
        let limit = self.patience * MIGRATION_STATEMENTS;
        match timeout(limit, migrated).await {
            Ok(outcome) => outcome.map_err(|error| DatabaseAway(error.to_string())),
            Err(_) => Err(DatabaseAway(format!("its tables were not created within {limit:?}"))),
        }
    }
}
