//! Connections to the database, and waiting for it.

use std::time::Duration;

use ballet_amqp::{Backoff, tls};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, PgConnection, PgPool};

use crate::service::error::StartError;
use crate::service::settings::settings::Settings;
use crate::tables::database::connect_options;
use crate::tables::schema;

/// How soon a database that is not up yet is asked again, at first and at the most.
const FIRST_LOOK: Duration = Duration::from_millis(200);
const LONGEST_LOOK: Duration = Duration::from_secs(5);
/// For the shortest of all questions.
const PING: Duration = Duration::from_secs(2);

/// How to reach the database, without limits of time.
pub(super) fn options(settings: &Settings, service: &str) -> Result<PgConnectOptions, StartError> {
    let options = connect_options(&settings.database_url()?, &settings.database_tls()?);
    let options = options.map_err(StartError::DatabaseUrl)?;
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
            Box::pin(async move { Ok(meta.idle_for < Duration::from_secs(1) || answers(db).await) })
        })
        // One that somebody gave up, since nobody answers on it any more, must not keep its place
        // in the pool for as long as that lasts.
        .after_release(|db, _| Box::pin(async move { Ok(answers(db).await) }))
        .acquire_timeout(Duration::from_secs(10))
        .connect_lazy_with(bounded)
}

/// Whether a connection still leads to the server.
async fn answers(db: &mut PgConnection) -> bool {
    matches!(tokio::time::timeout(PING, db.ping()).await, Ok(Ok(())))
}

/// Waits for a database that is not up yet; a refusal does not pass by itself.
pub(super) async fn wait_until_reachable(pool: &PgPool) -> Result<(), StartError> {
    let mut backoff = Backoff::new(FIRST_LOOK, LONGEST_LOOK);
    loop {
        let Err(error) = sqlx::query("select 1").execute(pool).await else { return Ok(()) };
        let code = error.as_database_error().and_then(|error| error.code()).map(String::from);
        // Invalid authorization, unknown database, missing right, and settings that a pooler does
        // not pass on.
        let refusals = ["3D000", "42501", "08P01"];
        if code.is_some_and(|code| code.starts_with("28") || refusals.contains(&&*code)) {
            return Err(StartError::Database(error));
        }
        if let Some(problem) = tls::problem(&error.to_string(), "DATABASE_CA_FILE") {
            return Err(StartError::DatabaseTls(problem));
        }
        let pause = backoff.wait();
        tracing::warn!("the database is not reachable yet, trying again in {pause:?}: {error}");
        tokio::time::sleep(pause).await;
    }
}

/// Says what somebody has changed by hand in the framework's tables. It may be slow now, or worse;
/// whether to stop is for a person to say.
pub(super) async fn look_at_schema(pool: &PgPool) {
    let looked = async { schema::differences(&mut *pool.acquire().await?).await };
    match looked.await {
        Ok(differences) => {
            for difference in differences {
                tracing::error!("the schema ballet was changed by hand: {difference}");
            }
        }
        Err(error) => tracing::warn!("the schema ballet could not be looked at: {error}"),
    }
}
