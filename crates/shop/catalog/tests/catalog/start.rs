//! The start of catalog in databases where it may not do all that it needs.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::world::{asleep, settings};

/// Runs a statement as the server's administrator, with the name of the database, which is also that
/// of its owner, in place of `{}`.
async fn as_administrator(url: &str, statement: &str) {
    let mut db = PgConnection::connect(url).await.expect("a session");
    let (name,): (String,) =
        sqlx::query_as("select current_database()::text").fetch_one(&mut db).await.expect("a name");
    let statement = statement.replace("{}", &name);
    db.execute(AssertSqlSafe(statement)).await.expect("done");
}

/// What keeps it from starting.
fn said(error: &dyn std::error::Error) -> String {
    let source = error.source().map(|source| said(source)).unwrap_or_default();
    format!("{error}: {source}")
}

#[tokio::test]
async fn a_missing_right_to_the_extension_is_named_with_what_to_do() {
    let env = asleep("poor").await;
    let url = env.admin_database_url("catalog");
    as_administrator(url, "alter database {} owner to current_user").await;
    as_administrator(url, "grant connect, temporary on database {} to {}").await;
    as_administrator(url, "create schema ballet authorization {}").await;
    as_administrator(url, "grant all on schema public to {}").await;
    let failed = catalog::service().start(settings(&env)).await.expect_err("it starts");
    let said = said(&failed);
    assert!(said.contains("may not create the extension pg_trgm in the database"), "{said}");
    assert!(said.contains("run `create extension pg_trgm` there as an administrator"), "{said}");

    // As it says.
    as_administrator(url, "create extension pg_trgm").await;
    let running = catalog::service().start(settings(&env)).await.expect("started");
    running.stop().await;
    env.close().await.expect("closed");
}
