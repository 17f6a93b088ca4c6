//! A database that is unavailable, freezes, or gets another password. The gateway serves without it.

use ballet_stage::{Database, Link, Postgres, Proxy, wait_until};
use sqlx::{Connection, Executor, PgConnection};

use crate::support::gateway::{Folder, Gateway, LIMIT};
use crate::support::service::{ROUTE, TestService};

fn config(service: &TestService, url: &str, timeout: &str) -> String {
    let database = format!("[database]\nurl = \"{url}\"\ntimeout = \"{timeout}\"\n");
    format!("{database}{}{ROUTE}", service.upstream("a"))
}

/// Waits until a statement in this database waits for a lock.
async fn a_statement_waits(database: &Database) {
    let waiting = "select exists (select from pg_stat_activity \
                   where datname = current_database() and wait_event_type = 'Lock')";
    wait_until("a statement that waits", LIMIT, || async {
        let mut db = PgConnection::connect(database.url()).await?;
        let waits: bool = sqlx::query_scalar(waiting).fetch_one(&mut db).await?;
        Ok::<_, sqlx::Error>(waits.then_some(()))
    })
    .await
    .unwrap();
}

/// The other machine vanishes in the middle of a statement, and another takes its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_froze_in_a_statement_takes_no_connection_for_good() {
    let database = Database::new(Postgres::shared().await.unwrap(), "froze").await.unwrap();
    let link = Proxy::to(database.url()).await.unwrap();
    let service = TestService::ok().await;
    let config = config(&service, link.url(), "2s").replace("\"2s\"", "\"2s\"\nconnections = 1");
    let mut gateway = Gateway::start(&config).await;
    gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
    // The tables exist. The next gateway looks for expired keys as soon as it runs.
    gateway.signal("-KILL");
    assert!(!gateway.ended().await);
    let mut holder = PgConnection::connect(database.url()).await.unwrap();
    holder.execute("begin; lock table gateway.idempotent_request").await.unwrap();
    let gateway = Gateway::start(&config).await;
    a_statement_waits(&database).await;
    link.set(Link::Silent);
    drop(holder);
    gateway.private_says("/readyz", 200, "\"database\":\"away: ").await;
    link.set(Link::Open);
    gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
}

#[tokio::test]
async fn t228_a_replaced_password_of_the_database_is_taken_from_its_file() {
    let database = Database::new(Postgres::shared().await.unwrap(), "rotated").await.unwrap();
    let (service, folder) = (TestService::ok().await, Folder::new());
    folder.write("database.url", database.url());
    let gateway = Gateway::start_in(&folder, &config(&service, "file:database.url", "2s")).await;
    gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
    let mut url = reqwest::Url::parse(database.url()).unwrap();
    let user = url.username().to_owned();
    let mut db = PgConnection::connect(database.url()).await.unwrap();
    let change = format!("alter role \"{user}\" password 'of-tomorrow'");
    db.execute(sqlx::AssertSqlSafe(change)).await.unwrap();
    let end = "select pg_terminate_backend(pid) from pg_stat_activity \
               where usename = current_user and pid <> pg_backend_pid()";
    db.execute(end).await.unwrap();
    gateway.private_says("/readyz", 200, "\"database\":\"away: ").await;
    wait_until("the reason in the log", LIMIT, || async {
        let log = gateway.log();
        let is_said = log.contains("password authentication failed");
        if is_said { Ok(Some(())) } else { Err(log) }
    })
    .await
    .unwrap();
    url.set_password(Some("of-tomorrow")).unwrap();
    folder.write("database.url", url.as_str());
    gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
}
