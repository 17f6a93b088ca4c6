//! Test environments: their end, and what is refused.

use ballet_stage::{Servers, TestEnv};
use sqlx::{Connection, PgConnection};

use crate::topology::{SERVICES, shop};

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
    for path in [["vhosts", &*vhost], ["users", &*orders], ["users", &*ops]] {
        let gone =
            servers.rabbitmq().management().call(ballet_stage::Method::GET, &path, None).await;
        assert!(gone.unwrap_err().to_string().contains("404"), "{path:?}");
    }
    assert!(PgConnection::connect(&database).await.is_err());
}

#[tokio::test]
async fn a_service_without_a_user_in_the_definitions_is_refused() {
    let servers = Servers::shared().await.unwrap();
    let error = TestEnv::new(servers, "unknown", &shop(), &["payments"]).await.unwrap_err();
    assert!(error.to_string().contains("no user for service payments"), "{error}");
}
