//! Migrations: the framework's tables, then the service's own. Replicas that start at the same time
//! wait for each other.

use sqlx::migrate::{MigrateError, Migration as Step, MigrationType, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};

use crate::declare::migration::Migration;
use crate::tables::database::{KEEPALIVES, in_time};
use crate::tables::indexes;

/// A migration by the name of its file.
macro_rules! framework {
    ($name:literal) => {
        Migration {
            name: $name,
            sql: include_str!(concat!("../../../../migrations/ballet/", $name, ".sql")),
        }
    };
}

const FRAMEWORK: &[Migration] = &[
    framework!("0001_ballet"),
    framework!("0002_deadline"),
    framework!("0003_failure"),
    framework!("0004_receive"),
    framework!("0005_unsent_copy"),
    framework!("0006_sagas_apart"),
    framework!("0007_clock"),
    framework!("0008_memory"),
    framework!("0009_outbox_table"),
    framework!("0010_leases"),
    framework!("0011_copies"),
    framework!("0012_content"),
    framework!("0013_solved"),
];

/// Opens a connection for migrations only. It has no timeouts, because building an index may take
/// long, and so may waiting for the replica that builds it. The lock that makes other replicas wait
/// ends with the connection.
pub(crate) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, MigrateError> {
    // Override the defaults of the database and the role too.
    let unlimited = options.clone().options([
        ("statement_timeout", "0"),
        ("lock_timeout", "0"),
        ("idle_in_transaction_session_timeout", "0"),
    ]);
    Ok(in_time(unlimited.options(KEEPALIVES).connect()).await?)
}

/// Returns the id of the server process behind a connection.
pub(crate) async fn pid(db: &mut PgConnection) -> Result<i32, MigrateError> {
    let (pid,): (i32,) = in_time(sqlx::query_as("select pg_backend_pid()").fetch_one(db)).await?;
    Ok(pid)
}

/// Returns true if that server process is active, and not waiting for a command.
pub(crate) async fn works(pool: &PgPool, pid: i32) -> Result<bool, sqlx::Error> {
    let statement = "select exists (select from pg_stat_activity where pid = $1 \
                     and state = 'active')";
    let (works,): (bool,) = sqlx::query_as(statement).bind(pid).fetch_one(pool).await?;
    Ok(works)
}

/// Applies the missing migrations, and builds the missing indexes.
pub(crate) async fn migrate(
    mut db: PgConnection,
    service: &[Migration],
) -> Result<(), MigrateError> {
    run(&mut db, FRAMEWORK, "ballet._framework_migrations").await?;
    run(&mut db, service, "ballet._service_migrations").await?;
    indexes::build(&mut db).await?;
    Ok(db.close().await?)
}

async fn run(
    db: &mut PgConnection,
    migrations: &[Migration],
    table: &str,
) -> Result<(), MigrateError> {
    let steps = migrations.iter().map(step).collect::<Result<Vec<_>, _>>()?;
    let mut migrator = Migrator::with_migrations(steps);
    migrator.dangerous_set_table_name(table.to_owned());
    migrator.create_schema("ballet");
    // A replica of the previous version may start beside one of the next version.
    migrator.set_ignore_missing(true);
    migrator.run(db).await
}

fn step(migration: &Migration) -> Result<Step, MigrateError> {
    let (number, what) = migration.name.split_once('_').unwrap_or((migration.name, ""));
    let version = number.parse().map_err(|_| {
        MigrateError::Source(
            format!("migration {:?}: the name must start with a number", migration.name).into(),
        )
    })?;
    let sql = sqlx::SqlStr::from_static(migration.sql);
    Ok(Step::new(version, what.to_owned().into(), MigrationType::Simple, sql, false))
}
