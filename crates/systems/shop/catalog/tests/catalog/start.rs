//! Tables in a database in which catalog's role lacks a needed right.

use ballet_stage::Servers;
use ballet_testkit::TestSystem;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

async fn asleep(name: &str) -> TestSystem {
    let servers = Servers::shared().await.expect("servers");
    TestSystem::asleep_on(servers, name, vec![catalog::Catalog::participant().part()]).await
}

/// Runs as the server's administrator. `{}` is the name of the database and of its role.
async fn as_administrator(url: &str, statement: &str) {
    let mut db = PgConnection::connect(url).await.expect("a session");
    let (name,): (String,) =
        sqlx::query_as("select current_database()::text").fetch_one(&mut db).await.expect("a name");
    let statement = statement.replace("{}", &name);
    db.execute(AssertSqlSafe(statement)).await.expect("done");
}

#[tokio::test]
async fn a_missing_right_to_the_extension_is_named_with_what_to_do() {
    let system = asleep("poor").await;
    let url = system.env.admin_database_url("catalog");
    for statement in [
        "alter database {} owner to current_user",
        "grant connect, temporary on database {} to {}",
        "grant all on schema public to {}",
    ] {
        as_administrator(url, statement).await;
    }
    let mut db = system.database("catalog").await;
    let refused = db.execute(common::search::WORDS).await.expect_err("it is created").to_string();
    assert!(refused.contains("may not create the extension pg_trgm in the database"), "{refused}");
    assert!(
        refused.contains("run `create extension pg_trgm` there as an administrator"),
        "{refused}"
    );

    as_administrator(url, "create extension pg_trgm").await;
    db.execute(common::search::WORDS).await.expect("as it says");
    system.close(0).await;
}
