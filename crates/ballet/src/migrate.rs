//! Migrations: the framework's tables, then the service's own. Several replicas that start at once
//! wait for each other.

use sqlx::migrate::{MigrateError, Migration as Step, MigrationType, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

/// One migration of a service: the file's name without its ending, and its text.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// `NNNN_what_it_does`; they are applied in the order of the numbers.
    pub name: &'static str,
    /// The SQL.
    pub sql: &'static str,
}

const FRAMEWORK: &[Migration] = &[
    Migration {
        name: "0001_ballet",
        sql: include_str!("../../../migrations/ballet/0001_ballet.sql"),
    },
    Migration {
        name: "0002_deadline",
        sql: include_str!("../../../migrations/ballet/0002_deadline.sql"),
    },
    Migration {
        name: "0003_failure",
        sql: include_str!("../../../migrations/ballet/0003_failure.sql"),
    },
    Migration {
        name: "0004_receive",
        sql: include_str!("../../../migrations/ballet/0004_receive.sql"),
    },
];

/// Applies what is missing, on a connection of its own: building an index takes the time that it
/// takes, and so does waiting for the replica that builds it. When the connection ends, whatever
/// happened, so does the lock that keeps other replicas waiting.
pub(crate) async fn migrate(
    options: &PgConnectOptions,
    service: &[Migration],
) -> Result<(), MigrateError> {
    // A database's or role's own defaults do not count either.
    let unlimited = options.clone().options([
        ("statement_timeout", "0"),
        ("lock_timeout", "0"),
        ("idle_in_transaction_session_timeout", "0"),
    ]);
    let mut db = unlimited.connect().await?;
    run(&mut db, FRAMEWORK, "ballet._framework_migrations").await?;
    run(&mut db, service, "ballet._service_migrations").await?;
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
    // A replica of the version before may start beside one of the next.
    migrator.set_ignore_missing(true);
    migrator.run(db).await
}

fn step(migration: &Migration) -> Result<Step, MigrateError> {
    let (number, what) = migration.name.split_once('_').unwrap_or((migration.name, ""));
    let version = number.parse().map_err(|_| {
        MigrateError::Source(
            format!("migration {:?}: its name begins with a number", migration.name).into(),
        )
    })?;
    let sql = sqlx::SqlStr::from_static(migration.sql);
    Ok(Step::new(version, what.to_owned().into(), MigrationType::Simple, sql, false))
}
