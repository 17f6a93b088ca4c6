//! The connection pools, and the wait for a database that is not up yet.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Backoff, tls};
use ballet_store::database::connection::{set, sql_state};
use ballet_store::database::hosts::Hosts;
use ballet_store::database::renewal::Renewal;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Executor, PgConnection, PgPool, Row};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::engine::database::{Database, WAIT_OF_REQUEST};
use crate::service::error::StartError;
use crate::service::settings::error::SettingsError;
use crate::service::settings::settings::Settings;

/// Time limit for the test of a connection.
const TEST: Duration = Duration::from_secs(2);
/// Connections for the sweeper, marks, deadlines and the like.
const UPKEEP: u32 = 4;
/// Connections outside of the pools: the process's session and the probe.
const APART: u32 = 2;
/// How long lanes and upkeep wait for a connection.
const WAIT: Duration = Duration::from_secs(10);

/// The time limits of a statement, and of what happens in a transaction between two of them. A handler may
/// have more time.
const STATEMENT: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(60);
/// How long a statement waits for a lock, as Postgres says it.
pub(super) const LOCK: &str = "3s";

/// The minimum number of connections of a service with this many lanes. One is left for requests.
pub(super) fn fewest_connections(lanes: u16) -> u32 {
    u32::from(lanes) + UPKEEP + APART + 1
}

/// Returns the servers of the database, without timeouts.
pub(super) fn options(settings: &Settings, service: &str) -> Result<Hosts, SettingsError> {
    let hosts = Hosts::parse(&settings.database_url()?, &settings.tls.database()?);
    let hosts = hosts.map_err(|error| SettingsError::new(invalid(error)))?;
    Ok(hosts.with(|options| options.application_name(service)).setting([
        // Compiling costs more than our short statements.
        ("jit", "off".to_owned()),
        // A transaction that waited for a saga's lock must see the rows that the previous holder
        // committed.
        ("default_transaction_isolation", "read committed".to_owned()),
    ]))
}

fn invalid(error: sqlx::Error) -> String {
    let why = match error {
        sqlx::Error::Configuration(why) => why.to_string(),
        other => other.to_string(),
    };
    format!("DATABASE_URL is invalid: {why}; expected postgres://user:password@host:5432/database")
}

/// Returns the connection pools, with timeouts, and the servers with the settings of the pools. Migrations
/// do not use them. Upkeep has `more` connections for what may keep one for long.
pub(super) fn database(
    settings: &Settings,
    hosts: &Hosts,
    more: u32,
    stopping: watch::Receiver<bool>,
) -> (Arc<Database>, Hosts) {
    // A handler may take all of its time in one statement, or between two.
    let handler = settings.handler_time();
    let (statement, idle) = (STATEMENT.max(handler), IDLE.max(handler + IDLE / 2));
    let bounded = hosts.setting([
        ("statement_timeout", format!("{}s", statement.as_secs())),
        ("lock_timeout", LOCK.to_owned()),
        ("idle_in_transaction_session_timeout", format!("{}s", idle.as_secs())),
    ]);
    let lanes = u32::from(settings.lanes);
    // The look for the server that takes writes has a connection, too.
    let apart = APART + u32::from(hosts.are_several());
    let requests = settings.database_connections().saturating_sub(lanes + UPKEEP + apart).max(1);
    let renewal = Renewal::default();
    let pool = |most, wait| pool(&bounded, most, wait, &renewal);
    let pools = [pool(lanes, WAIT), pool(requests, WAIT_OF_REQUEST), pool(UPKEEP + more, WAIT)];
    (Arc::new(Database::new(pools, bounded.clone(), renewal, stopping)), bounded)
}

fn pool(hosts: &Hosts, most: u32, wait: Duration, renewal: &Renewal) -> PgPool {
    let (renewal, settings) = (renewal.clone(), hosts.settings());
    PgPoolOptions::new()
        .max_connections(most)
        .after_connect(move |db, _| {
            let settings = Arc::clone(&settings);
            Box::pin(async move { set(db, &settings).await })
        })
        // A connection in constant use needs no test. An idle one may have been lost with the
        // server.
        .test_before_acquire(false)
        .before_acquire(move |db, meta| {
            let is_stale = renewal.is_stale(meta.age);
            let is_fresh = meta.idle_for < Duration::from_secs(1);
            Box::pin(async move { Ok(!is_stale && (is_fresh || is_clean(db).await)) })
        })
        // A caller may have abandoned a connection that no longer answers, or that is still inside
        // a transaction. Such a connection must not stay in the pool.
        .after_release(|db, _| Box::pin(async move { Ok(is_clean(db).await) }))
        .acquire_timeout(wait)
        .connect_lazy_with(hosts.options())
}

/// Returns true if the server answers on this connection, outside of any transaction.
///
/// sqlx does not know of a transaction whose `begin` was cancelled, for example because the caller
/// of a request hung up (transact-rs/sqlx#4385). The next user of the connection would work inside
/// that transaction. So the server is asked: a transaction has begun before its second statement.
async fn is_clean(db: &mut PgConnection) -> bool {
    // Without arguments it is a simple query, which is not prepared.
    let asked = async {
        let row = db.fetch_one("select now() = statement_timestamp()").await?;
        row.try_get::<bool, _>(0)
    };
    matches!(timeout(TEST, asked).await, Ok(Ok(true)))
}

/// Waits for a database that is not up yet. Returns an error if the database refuses access, since
/// waiting does not help then.
pub(super) async fn wait_until_reachable(hosts: &Hosts) -> Result<(), StartError> {
    let mut backoff = Backoff::DATABASE;
    let mut told = String::new();
    loop {
        // A connection that was lost silently never answers.
        let connected = timeout(WAIT, hosts.connect()).await;
        let connected = connected.unwrap_or_else(|_elapsed| {
            let silent = format!("the server did not answer within {WAIT:?}");
            Err(sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, silent)))
        });
        let Err(error) = connected else { return Ok(()) };
        // Invalid authorization, unknown database, missing privilege, and settings that a pooler
        // does not pass on.
        let refusals = ["3D000", "42501", "08P01"];
        if sql_state(&error)
            .is_some_and(|code| code.starts_with("28") || refusals.contains(&&*code))
        {
            return Err(StartError::Database(error));
        }
        if let Some(problem) = tls::problem(&error.to_string(), "DATABASE_CA_FILE") {
            return Err(StartError::DatabaseTls(problem));
        }
        let why = error.to_string();
        if told != why {
            tracing::warn!("the database cannot be reached yet; trying again: {why}");
            told = why;
        }
        tokio::time::sleep(backoff.wait()).await;
    }
}
