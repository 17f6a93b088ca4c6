//! A database with the framework's tables, for a test of its own.

use ballet_stage::{Database, Postgres};
use sqlx::PgConnection;

use crate::schema::migrate::{connect, migrate};

/// The database, which ends with what is returned, and a session there.
pub(crate) async fn migrated(name: &str) -> (Database, PgConnection) {
    let postgres = Postgres::shared().await.expect("a server");
    let database = Database::new(postgres, name).await.expect("one");
    let options = database.url().parse().expect("a URL");
    migrate(connect(&options).await.expect("a session"), &[]).await.expect("the tables");
    let db = connect(&options).await.expect("a session");
    (database, db)
}
