//! The connection pool, and the wait for a database that is not up yet.

use std::time::Duration;

use ballet_amqp::{Backoff, tls};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};

use crate::service::error::StartError;
use crate::service::settings::error::SettingsError;
use crate::service::settings::settings::Settings;
use crate::tables::database::connect_options;
use crate::tables::schema;

/// The first and the longest pause between attempts to reach the database.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Time limit for a ping.
const PING: Duration = Duration::from_secs(2);

/// Returns the options to connect to the database, without timeouts.
pub(super) fn options(
    settings: &Settings,
    service: &str,
) -> Result<PgConnectOptions, SettingsError> {
    let options = connect_options(&settings.database_url()?, &settings.database_tls()?);
    let options = options.map_err(|error| {
        let why = match error {
            sqlx::Error::Configuration(why) => why.to_string(),
            other => other.to_string(),
        };
        SettingsError::new(format!(
            "DATABASE_URL is invalid: {why}; expected postgres://user:password@host:5432/database"
        ))
    })?;
    Ok(options.application_name(service).options([
        // Compiling costs more than our short statements.
        ("jit", "off"),
        // A transaction that waited for a saga's lock must see the rows that the previous holder
        // committed.
        ("default_transaction_isolation", "read committed"),
    ]))
}

/// Returns the connection pool, with timeouts. Migrations do not use it.
pub(super) fn pool(settings: &Settings, options: &PgConnectOptions) -> PgPool {
    let bounded = options.clone().options([
        ("statement_timeout", "30s"),
        ("lock_timeout", "3s"),
        ("idle_in_transaction_session_timeout", "60s"),
    ]);
    PgPoolOptions::new()
        .max_connections(settings.database_connections)
        // A connection in constant use needs no test. An idle one may have been lost with the
        // server.
        .test_before_acquire(false)
        .before_acquire(|db, meta| {
            Box::pin(async move { Ok(meta.idle_for < Duration::from_secs(1) || answers(db).await) })
        })
        // A caller may have abandoned a connection that no longer answers. Such a connection must
        // not stay in the pool.
        .after_release(|db, _| Box::pin(async move { Ok(answers(db).await) }))
        .acquire_timeout(Duration::from_secs(10))
        .connect_lazy_with(bounded)
}

/// Returns true if the server answers on this connection.
async fn answers(db: &mut PgConnection) -> bool {
    matches!(tokio::time::timeout(PING, db.ping()).await, Ok(Ok(())))
}

/// Waits for a database that is not up yet. Returns an error if the database refuses access, since
/// waiting does not help then.
pub(super) async fn wait_until_reachable(pool: &PgPool) -> Result<(), StartError> {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let Err(error) = sqlx::query("select 1").execute(pool).await else { return Ok(()) };
        let code = error.as_database_error().and_then(|error| error.code()).map(String::from);
        // Invalid authorization, unknown database, missing privilege, and settings that a pooler
        // does not pass on.
        let refusals = ["3D000", "42501", "08P01"];
        if code.is_some_and(|code| code.starts_with("28") || refusals.contains(&&*code)) {
            return Err(StartError::Database(error));
        }
        if let Some(problem) = tls::problem(&error.to_string(), "DATABASE_CA_FILE") {
            return Err(StartError::DatabaseTls(problem));
        }
        let pause = backoff.wait();
        tracing::warn!("the database cannot be reached yet; trying again in {pause:?}: {error}");
        tokio::time::sleep(pause).await;
    }
}

/// Logs manual changes to the framework's tables. They may make the service slow, or worse. A
/// person has to decide whether to stop it.
pub(super) async fn log_schema_differences(pool: &PgPool) {
    let differences = async { schema::differences(&mut *pool.acquire().await?).await };
    match differences.await {
        Ok(differences) => {
            for difference in differences {
                tracing::error!("the schema ballet was changed by hand: {difference}");
            }
        }
        Err(error) => tracing::warn!("the schema ballet could not be checked: {error}"),
    }
}
