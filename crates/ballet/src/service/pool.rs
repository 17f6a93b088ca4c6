//! Connections to the database, and waiting for it.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgPool};

use super::StartError;
use crate::Settings;

/// How to reach the database, without limits of time.
pub(super) fn options(settings: &Settings, service: &str) -> Result<PgConnectOptions, StartError> {
    let options: PgConnectOptions =
        settings.database_url()?.parse().map_err(StartError::DatabaseUrl)?;
    Ok(options.application_name(service).options([
        // Planning and compiling cost more than our short statements.
        ("jit", "off"),
        // Who waits for a saga's lock has to see what its holder committed.
        ("default_transaction_isolation", "read committed"),
    ]))
}

/// The connections for everything but migrations, with limits of time.
pub(super) fn pool(settings: &Settings, options: &PgConnectOptions) -> PgPool {
    let bounded = options.clone().options([
        ("statement_timeout", "30s"),
        ("lock_timeout", "3s"),
        ("idle_in_transaction_session_timeout", "60s"),
    ]);
    PgPoolOptions::new()
        .max_connections(settings.database_connections)
        // A connection in constant use needs no test; one that has been idle may have died with
        // the server.
        .test_before_acquire(false)
        .before_acquire(|db, meta| {
            Box::pin(async move {
                Ok(meta.idle_for < Duration::from_secs(1) || db.ping().await.is_ok())
            })
        })
        .acquire_timeout(Duration::from_secs(10))
        .connect_lazy_with(bounded)
}

/// Waits for a database that is not up yet; a refusal does not pass by itself.
pub(super) async fn wait_until_reachable(pool: &PgPool) -> Result<(), StartError> {
    let mut pause = Duration::from_millis(200);
    loop {
        let Err(error) = sqlx::query("select 1").execute(pool).await else { return Ok(()) };
        let code = error.as_database_error().and_then(|error| error.code()).map(String::from);
        // Invalid authorization, unknown database, missing right.
        if code.is_some_and(|code| code.starts_with("28") || code == "3D000" || code == "42501") {
            return Err(StartError::Database(error));
        }
        tracing::warn!("the database is not reachable yet, trying again in {pause:?}: {error}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
    }
}
