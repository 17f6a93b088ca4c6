//! Migrations: the framework's tables, then the service's own. Replicas that start at the same time
//! wait for each other.

use std::collections::BTreeMap;

use sqlx::migrate::{MigrateError, Migration as Step, MigrationType, Migrator};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::database::connection::{KEEPALIVES, in_time, is_lock_timeout, set, sql_state};
use crate::schema::migration::Migration;

/// The migrations of the framework's own tables.
pub const FRAMEWORK: &[Migration] = &[
    Migration { name: "0001_ballet", sql: include_str!("../../migrations/0001_ballet.sql") },
    Migration { name: "0002_telemetry", sql: include_str!("../../migrations/0002_telemetry.sql") },
];

/// The table of the framework's migrations that have run.
const FRAMEWORK_TABLE: &str = "ballet._framework_migrations";

/// After this long without a statement of it, a process that migrates is taken for frozen.
const FROZEN: &str = "20s";

/// How long a migration waits for a lock, which lets nobody else in meanwhile. Then it is rolled
/// back and, after a pause, run again.
const LOCK_WAIT: &str = "set lock_timeout = '1s'";
const PAUSE_SECONDS: f64 = 1.0;

/// The first line of a migration that is no transaction as a whole, and can begin again where it ended.
const IN_PARTS: &str = "-- no-transaction";

/// Opens a connection for migrations only. Its statements have no time limit, since a migration,
/// and the wait for another replica's, may take long. The lock that makes other replicas wait ends
/// with the connection, which the server ends if this process is frozen between two statements.
pub async fn connect(options: &PgConnectOptions) -> Result<PgConnection, MigrateError> {
    // Override the defaults of the database and the role too.
    let unlimited = [
        ("statement_timeout", "0"),
        ("lock_timeout", "0"),
        ("idle_in_transaction_session_timeout", FROZEN),
        ("idle_session_timeout", FROZEN),
        // As for the statements of a service.
        ("default_transaction_isolation", "read committed"),
    ];
    let connect = async {
        let mut db = options.connect().await?;
        set(&mut db, &unlimited).await?;
        set(&mut db, &KEEPALIVES).await?;
        Ok::<_, sqlx::Error>(db)
    };
    Ok(in_time(connect).await?)
}

/// Refuses migrations that cannot be told apart, or have no number.
pub fn check(migrations: &[Migration]) -> Result<(), MigrateError> {
    let mut names = BTreeMap::new();
    for Migration { name, .. } in migrations {
        if let Some(other) = names.insert(number(name)?, name) {
            let said = format!(
                "the migrations {other} and {name} have one number: give the later one the next number that is free"
            );
            return Err(MigrateError::Source(said.into()));
        }
    }
    Ok(())
}

/// Applies the missing migrations.
pub async fn migrate(mut db: PgConnection, service: &[Migration]) -> Result<(), MigrateError> {
    in_time(sqlx::query(LOCK_WAIT).execute(&mut db)).await?;
    run(&mut db, FRAMEWORK, FRAMEWORK_TABLE).await?;
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
    // A replica of the previous version may start beside one of the next version.
    migrator.set_ignore_missing(true);
    loop {
        match migrator.run(&mut *db).await {
            Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _))
                if lost_a_lock(&error) =>
            {
                tracing::debug!("the migrations are run again: {error}");
            }
            Err(MigrateError::VersionMismatch(version)) => {
                return Err(other_text(db, table, version).await);
            }
            done => return done,
        }
        // Others may migrate meanwhile. The pause is on the server, so that it sees this session at work.
        let pause = sqlx::query("select pg_advisory_unlock_all(), pg_sleep($1)");
        pause.bind(PAUSE_SECONDS).execute(&mut *db).await?;
    }
}

/// Returns true if others held a lock for longer than it was waited for, or waited themselves (deadlock_detected).
fn lost_a_lock(error: &sqlx::Error) -> bool {
    is_lock_timeout(error) || sql_state(error).as_deref() == Some("40P01")
}

/// Says which database has a migration with another text, where that is noted, and what to do.
async fn other_text(db: &mut PgConnection, table: &str, version: i64) -> MigrateError {
    let asked = sqlx::query_scalar("select current_database()::text").fetch_one(db);
    let database: String = match in_time(asked).await {
        Ok(database) => database,
        Err(error) => return error.into(),
    };
    let what_to_do = match table {
        FRAMEWORK_TABLE => {
            "another version of ballet made this database; start that version, or give the \
             service a new, empty database"
        }
        _ => {
            "a migration that was run must not change; restore its text, and put the change into a \
             new migration"
        }
    };
    let said = format!(
        "the database {database} has migration {version} with another text than this program \
         ({table}): {what_to_do}"
    );
    MigrateError::Source(said.into())
}

fn step(migration: &Migration) -> Result<Step, MigrateError> {
    let (_, what) = parts(migration.name);
    let sql = sqlx::SqlStr::from_static(migration.sql);
    let version = number(migration.name)?;
    let in_parts = migration.sql.starts_with(IN_PARTS);
    Ok(Step::new(version, what.to_owned().into(), MigrationType::Simple, sql, in_parts))
}

fn number(name: &str) -> Result<i64, MigrateError> {
    let (number, _) = parts(name);
    number.parse().map_err(|_| {
        let said = format!("migration {name:?}: the name must start with a number");
        MigrateError::Source(said.into())
    })
}

/// The number of a migration, and what it does.
fn parts(name: &str) -> (&str, &str) {
    name.split_once('_').unwrap_or((name, ""))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ballet_stage::{Database, Postgres};
    use sqlx::Executor;
    use tokio::time::{sleep, timeout};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// A database, a session for migrations, and one of somebody else.
    async fn sessions(name: &str) -> (Database, PgConnection, PgConnection) {
        let postgres = Postgres::shared().await.expect("a server");
        let database = Database::new(postgres, name).await.expect("one");
        let options = database.url().parse().expect("a URL");
        let db = connect(&options).await.expect("a session");
        (database, db, connect(&options).await.expect("a session"))
    }

    async fn until_somebody_waits_for(table: &str, db: &mut PgConnection) {
        let asked = "select exists \
                     (select from pg_locks where relation = $1::regclass and not granted)";
        loop {
            let asked = sqlx::query_scalar(asked).bind(table).fetch_one(&mut *db);
            let is_wanted: bool = asked.await.expect("an answer");
            if is_wanted {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    #[tokio::test]
    async fn migrations_see_what_is_committed_meanwhile_whatever_a_role_has_set() {
        let postgres = Postgres::shared().await.expect("a server");
        let database = Database::new(postgres, "isolation").await.expect("one");
        let options: PgConnectOptions = database.url().parse().expect("a URL");
        let options = options.options([("default_transaction_isolation", "serializable")]);
        let mut db = connect(&options).await.expect("a session");
        let level = sqlx::query_scalar("select current_setting('transaction_isolation')");
        let level: String = level.fetch_one(&mut db).await.expect("an answer");
        assert_eq!(level, "read committed");
    }

    #[tokio::test]
    async fn a_migration_that_ends_a_deadlock_runs_again() {
        const BOTH: &[Migration] =
            &[Migration { name: "0001_both", sql: "lock table one; lock table another" }];
        let (_database, mut db, mut other) = sessions("deadlock").await;
        other.execute("create table one (); create table another ()").await.expect("made");
        let works = async {
            other.execute("begin; lock table another").await.expect("begun");
            until_somebody_waits_for("another", &mut other).await;
            // The server ends the other's wait, since it is the longer one.
            other.execute("lock table one").await.ok();
            other.execute("rollback").await.expect("ended");
        };
        let both = async { tokio::join!(run(&mut db, BOTH, "ballet._both_migrations"), works) };
        let (run, ()) = timeout(LONG, both).await.expect("in time");
        run.expect("run again");
    }
}
