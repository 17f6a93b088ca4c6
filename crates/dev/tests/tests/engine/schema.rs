//! The framework's tables as its migrations make them.

use ballet_stage::{Database, Postgres};
use sqlx::{Connection, PgConnection};

#[tokio::test]
async fn t125_indexes_sort_by_bytes_and_rows_have_an_identity() {
    let postgres = Postgres::shared().await.expect("a Postgres");
    let databases = Database::prepared(postgres, "schema", &["hotel"]).await.expect("a database");
    let mut db = PgConnection::connect(databases["hotel"].url()).await.expect("connected");
    // Another libc or ICU sorts otherwise, and an index of keys would miss some.
    let by_language = "select count(*) from pg_index join pg_class c on c.oid = indexrelid \
                       where c.relnamespace = 'ballet'::regnamespace \
                       and 'default'::regcollation = any (indcollation)";
    let count: i64 = sqlx::query_scalar(by_language).fetch_one(&mut db).await.expect("a count");
    assert_eq!(count, 0, "indexes of the framework in the order of a language");

    // A server that is replaced by logical replication refuses to delete their rows. Outbox tables are truncated.
    let undeletable = "select count(*) from pg_class c where relnamespace = 'ballet'::regnamespace \
                       and relkind = 'r' and relname !~ '^outbox_[0-9]+$' and relreplident <> 'f' \
                       and not exists (select from pg_index where indrelid = c.oid and indisprimary)";
    let count: i64 = sqlx::query_scalar(undeletable).fetch_one(&mut db).await.expect("a count");
    assert_eq!(count, 0, "tables of the framework without an identity of their rows");
}
