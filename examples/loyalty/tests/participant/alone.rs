//! The service in Python with its broker and its database, and nobody else.

use std::process::Stdio;
use std::time::Duration;

use ballet::core::{System, topology};
use ballet_stage::{Servers, TestEnv, python, wait_until};
use serde_json::Value;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, PgConnection};
use tokio::process::{Child, Command};

use crate::contract::in_python;
use crate::faults;

pub(crate) const TRIGGER: &str = "orders.order_placed.v1";
pub(crate) const SOON: Duration = Duration::from_secs(60);

pub(crate) async fn env(name: &str) -> TestEnv {
    let servers = Servers::shared().await.expect("servers");
    let system = System { name: "shop", parts: vec![in_python().part] };
    let definitions = topology::definitions(&system, |_| String::new());
    let env = TestEnv::new(servers, name, &definitions, &["loyalty"]).await;
    env.expect("a test environment")
}

/// It ends when this is dropped.
pub(crate) async fn start(env: &TestEnv) -> Child {
    Command::new(python().await.expect("a Python with pika and psycopg"))
        .args(["-m", "loyalty"])
        .current_dir(faults::original())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AMQP_URL", env.amqp_url("loyalty"))
        .env("DATABASE_URL", env.database_url("loyalty"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("a process")
}

pub(crate) async fn database(env: &TestEnv) -> PgConnection {
    PgConnection::connect(env.database_url("loyalty")).await.expect("a database")
}

/// Waits for this many dead letters.
pub(crate) async fn dead_letters(env: &TestEnv, count: usize) -> Vec<Value> {
    wait_until(&format!("{count} dead letters"), SOON, || async {
        let found = env.management().peek("loyalty.dead", 100).await;
        let found = found.map_err(|error| error.to_string())?;
        if found.len() == count { Ok(Some(found)) } else { Err(format!("{found:?}")) }
    })
    .await
    .expect("dead letters")
}

/// Waits until a query counts this many.
pub(crate) async fn until_counted(env: &TestEnv, count: i64, query: &'static str) {
    let pool = PgPoolOptions::new().max_connections(1);
    let pool = pool.connect_lazy(env.database_url("loyalty")).expect("a URL");
    wait_until(&format!("{query} to be {count}"), SOON, || async {
        let found: i64 = sqlx::query_scalar(query).fetch_one(&pool).await?;
        Ok::<_, sqlx::Error>((found == count).then_some(()))
    })
    .await
    .expect("counted");
}
