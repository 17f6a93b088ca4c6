//! A database that is away, freezes, or gets another password. The gateway serves without it.

use ballet_stage::{Database, Link, Postgres, Proxy, wait_until};
use sqlx::{Connection, Executor, PgConnection};

use crate::support::gateway::{Folder, Gateway, LIMIT};
use crate::support::service::{ROUTE, TestService};

fn config(service: &TestService, url: &str, timeout: &str) -> String {
    let database = format!("[database]\nurl = \"{url}\"\ntimeout = \"{timeout}\"\n");
    format!("{database}{}{ROUTE}", service.upstream("a"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_goes_away_and_comes_back_is_noticed() {
    let database = Database::new(Postgres::shared().await.unwrap(), "away").await.unwrap();
    let link = Proxy::to(database.url()).await.unwrap();
    let (service, folder) = (TestService::ok().await, Folder::new());
    let config = config(&service, link.url(), "500ms");
    let gateway = Gateway::start(&folder, &config).await;
    gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
    for (state, database) in [(Link::Silent, "away: "), (Link::Open, "ok")] {
        link.set(state);
        // Requests are answered whatever the database does.
        let what = format!("{state:?} to be noticed");
        let noticed = wait_until(&what, LIMIT, || async {
            assert_eq!(reqwest::get(gateway.at("/a")).await.unwrap().status(), 200);
            let ready = reqwest::get(format!("{}/readyz", gateway.private)).await;
            let text = ready.map_err(|error| error.to_string())?.text().await;
            let text = text.map_err(|error| error.to_string())?;
            if text.contains(&format!("\"database\":\"{database}")) {
                Ok(Some(()))
            } else {
                Err(text)
            }
        });
        noticed.await.unwrap();
    }
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

/// The other machine vanishes in the middle of a statement. Another one takes its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_froze_in_a_statement_takes_no_connection_for_good() {
    let database = Database::new(Postgres::shared().await.unwrap(), "froze").await.unwrap();
    let link = Proxy::to(database.url()).await.unwrap();
    let (service, folder) = (TestService::ok().await, Folder::new());
    let config = config(&service, link.url(), "2s").replace("\"2s\"", "\"2s\"\nconnections = 1");
    let mut gateway = Gateway::start(&folder, &config).await;
    gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
    // The tables are there. The next gateway looks for expired keys as soon as it runs.
    gateway.signal("-KILL");
    assert!(!gateway.ended().await);
    let mut holder = PgConnection::connect(database.url()).await.unwrap();
    holder.execute("begin; lock table gateway.idempotent_request").await.unwrap();
    let gateway = Gateway::start(&folder, &config).await;
    a_statement_waits(&database).await;
    link.set(Link::Silent);
    drop(holder);
    gateway.private_says("/readyz", 200, "\"database\":\"away: ").await;
    link.set(Link::Open);
    gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
}

/// The same while the tables are created.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_froze_at_the_start_does_not_hold_the_gateway_up() {
    let database = Database::new(Postgres::shared().await.unwrap(), "start").await.unwrap();
    let link = Proxy::to(database.url()).await.unwrap();
    let (service, folder) = (TestService::ok().await, Folder::new());
    let mut holder = PgConnection::connect(database.url()).await.unwrap();
    holder.execute("begin; create schema gateway").await.unwrap();
    let gateway = Gateway::start(&folder, &config(&service, link.url(), "1s")).await;
    a_statement_waits(&database).await;
    link.set(Link::Silent);
    drop(holder);
    link.set(Link::Open);
    gateway.private_says("/readyz", 200, "\"database\":\"ok\"").await;
}

#[tokio::test]
async fn t228_a_replaced_password_of_the_database_is_taken_from_its_file() {
    let database = Database::new(Postgres::shared().await.unwrap(), "rotated").await.unwrap();
    let (service, folder) = (TestService::ok().await, Folder::new());
    folder.write("database.url", database.url());
    let gateway = Gateway::start(&folder, &config(&service, "file:database.url", "2s")).await;
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
