//! The template database with the framework's tables and their partitions.
//!
//! A service needs some 200 statements for the tables. A copy takes a tenth of the time.

use ballet::core::envelope::Limits;
use ballet_store::partitions;
use ballet_store::schema::migrate;
use sha2::{Digest, Sha256};
use sqlx::PgConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use url::Url;

use crate::error::{Error, Result, machine};
use crate::servers::postgres_access::{run, sql};
use crate::servers::scram::verifier;
use crate::{random, urls};

/// Other processes wait for this advisory lock.
const MAKING: &str = "select pg_advisory_lock(hashtext('ballet prepared database'))";
const MADE: &str = "select pg_advisory_unlock(hashtext('ballet prepared database'))";

/// Makes the template if necessary, and returns its name. A role of the same name owns the tables, also in copies. The
/// template stays on the server.
pub(crate) async fn template(session: &mut PgConnection, admin: &Url) -> Result<String> {
    let name = name();
    if exists(session, admin, &name).await? {
        return Ok(name);
    }
    run(session, admin, "waiting for the prepared database", MAKING.to_owned()).await?;
    let made = match exists(session, admin, &name).await {
        Ok(false) => make(session, admin, &name).await,
        known => known.map(drop),
    };
    run(session, admin, "making the prepared database", MADE.to_owned()).await?;
    made.map(|()| name)
}

/// Grants the rights of the tables' owner to the copy's owner. Changing the tables' owner would take a session in the
/// copy, and half of the processor time of a service's start.
pub(crate) fn hand_over(copy: &str, template: &str) -> String {
    format!("grant {template} to {copy}")
}

/// It changes with the framework's migrations.
fn name() -> String {
    let mut hash = Sha256::new();
    for migration in migrate::FRAMEWORK {
        hash.update(migration.sql.as_bytes());
    }
    let digest: String = hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("ballet_prepared_{digest}")
}

async fn exists(session: &mut PgConnection, admin: &Url, name: &str) -> Result<bool> {
    let found = "select exists (select from pg_database where datname = $1)";
    let found = sqlx::query_scalar(found).bind(name).fetch_one(session).await;
    found.map_err(|error| sql("looking for the prepared database", admin, &error))
}

/// It gets its name only when whole, since a process may die in between.
async fn make(session: &mut PgConnection, admin: &Url, name: &str) -> Result<()> {
    let (draft, password) = (format!("{name}_draft"), random::hex::<12>()?);
    let before = [
        format!("drop database if exists {draft} with (force)"),
        format!("drop role if exists {name}"),
        format!("create role {name} login password '{}'", verifier(&password)?),
        format!("grant {name} to current_user"),
        format!("create database {draft} template template0"),
        format!("revoke all on database {draft} from public"),
        format!("grant create, connect on database {draft} to {name}"),
    ];
    for statement in before {
        run(session, admin, "making the prepared database", statement).await?;
    }
    let at = urls::for_user(admin, name, &password, &draft);
    // A migration's future cannot move between threads as the caller's may.
    let filled = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(machine("make a prepared database"))?.block_on(fill(&at))
    });
    filled.await.map_err(|ended| machine("make a prepared database")(ended.into()))??;
    let after = [
        format!("alter role {name} nologin"),
        format!("alter database {draft} allow_connections false"),
        format!("alter database {draft} rename to {name}"),
    ];
    for statement in after {
        run(session, admin, "making the prepared database", statement).await?;
    }
    Ok(())
}

async fn fill(at: &Url) -> Result<()> {
    let options: PgConnectOptions =
        at.as_str().parse().map_err(|error| sql("reading the URL", at, &error))?;
    let failed = |error: &dyn std::fmt::Display| Error::Server {
        what: "making the framework's tables".to_owned(),
        place: urls::masked(at),
        cause: error.to_string(),
        advice: "are the migrations of ballet in order?",
    };
    let session = migrate::connect(&options).await.map_err(|error| failed(&error))?;
    migrate::migrate(session, &[]).await.map_err(|error| failed(&error))?;
    let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
    let now = ballet::Clock::system().now();
    let made = partitions::make(&pool, &Limits::default(), now).await;
    pool.close().await;
    made.map_err(|error| failed(&error))
}
