//! Test environments: their end, and what is refused.

use std::time::Duration;

use ballet_stage::{Error, Method, Servers, TestEnv, wait_until};
use sqlx::{Connection, PgConnection};

use crate::topology::{SERVICES, shop};

const PATIENCE: Duration = Duration::from_secs(60);

async fn env(name: &str) -> TestEnv {
    let servers = Servers::shared().await.unwrap();
    TestEnv::new(servers, name, &shop(), SERVICES).await.unwrap()
}

#[tokio::test]
async fn a_dropped_bed_leaves_nothing_on_the_servers() {
    let servers = Servers::shared().await.unwrap();
    let env = env("dropped").await;
    let (vhost, database) = (env.vhost().to_owned(), env.database_url("orders").to_owned());
    let user = |url: &str| url::Url::parse(url).unwrap().username().to_owned();
    let (orders, ops) = (user(env.amqp_url("orders")), user(env.ops_amqp_url()));
    drop(env);
    // Busy servers take longer than a drop waits.
    for path in [["vhosts", &*vhost], ["users", &*orders], ["users", &*ops]] {
        let management = servers.rabbitmq().management();
        let gone = wait_until("a broker without it", PATIENCE, || async {
            match management.call(Method::GET, &path, None).await {
                Err(Error::Management(error)) if error.is_not_found() => Ok(Some(())),
                other => other.map(|_| None),
            }
        });
        gone.await.unwrap_or_else(|error| panic!("{path:?}: {error}"));
    }
    let gone = wait_until("a server without the database", PATIENCE, || async {
        Ok::<_, Error>(PgConnection::connect(&database).await.is_err().then_some(()))
    });
    gone.await.unwrap();
}

#[tokio::test]
async fn a_service_without_a_user_in_the_definitions_is_refused() {
    let servers = Servers::shared().await.unwrap();
    let error = TestEnv::new(servers, "unknown", &shop(), &["payments"]).await.unwrap_err();
    assert!(error.to_string().contains("no user for service payments"), "{error}");
}
