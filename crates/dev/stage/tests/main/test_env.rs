//! Test environments: routing, rights, isolation, clean-up.

use std::time::Duration;

use ballet_stage::{ManagementClient, Servers, TestEnv, wait_until};
use lapin::options::BasicGetOptions;
use lapin::{Connection, ConnectionProperties};
use serde_json::json;
use sqlx::{Connection as _, Executor, PgConnection};

use crate::topology::{SERVICES, shop};

async fn env(name: &str) -> TestEnv {
    let servers = Servers::shared().await.unwrap();
    TestEnv::new(servers, name, &shop(), SERVICES).await.unwrap()
}

async fn connect(url: &str, name: &str) -> Connection {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    Connection::connect(url, properties).await.unwrap()
}

pub(crate) async fn wait_for_ready(management: &ManagementClient, queue: &str, count: u64) {
    let limit = Duration::from_secs(60);
    management.until_depth(queue, limit, |depth| depth.ready == count).await.unwrap();
}

#[tokio::test]
async fn a_bed_routes_what_is_published_and_shows_it() {
    let env = env("routes").await;
    let broker = env.management();
    let key = "orders.order_placed.v1";
    let properties = json!({"message_id": "m1", "delivery_mode": 2});
    assert!(broker.publish("events", key, &properties, "{}").await.unwrap());
    wait_for_ready(broker, "inventory", 1).await;
    let messages = broker.peek("inventory", 5).await.unwrap();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["routing_key"], key);
    assert_eq!(messages[0]["properties"]["message_id"], "m1");
    assert_eq!(broker.take("inventory", 5).await.unwrap().len(), 1);
    assert!(broker.peek("inventory", 5).await.unwrap().is_empty());

    broker.publish("events", "orders.misspelt.v1", &properties, "{}").await.unwrap();
    wait_for_ready(broker, "unrouted", 1).await;
    broker.delete_queue("unrouted").await.unwrap();
    assert!(!broker.queues().await.unwrap().contains(&"unrouted".to_owned()));
    env.close().await.unwrap();
}

#[tokio::test]
async fn a_service_cannot_read_the_queue_of_another() {
    let env = env("refuses").await;
    let connection = connect(env.amqp_url("orders"), "refuses").await;
    let own = connection.create_channel().await.unwrap();
    assert!(own.basic_get("orders".into(), BasicGetOptions::default()).await.unwrap().is_none());
    let other = own.basic_get("inventory".into(), BasicGetOptions::default()).await;
    assert!(other.unwrap_err().to_string().contains("ACCESS_REFUSED"));
    drop(connection.close(200, "done".into()).await);
}

#[tokio::test]
async fn a_service_owns_its_database_and_cannot_enter_another() {
    let env = env("databases").await;
    let mut session = PgConnection::connect(env.database_url("orders")).await.unwrap();
    session.execute("create table account (account_id int primary key)").await.unwrap();
    let jit: String = sqlx::query_scalar("show jit").fetch_one(&mut session).await.unwrap();
    assert_eq!(jit, "off");

    let mut theirs = reqwest::Url::parse(env.database_url("orders")).unwrap();
    theirs.set_path(reqwest::Url::parse(env.database_url("inventory")).unwrap().path());
    let refused = PgConnection::connect(theirs.as_str()).await.unwrap_err();
    assert!(refused.to_string().contains("permission denied for database"), "{refused}");

    let mut admin = PgConnection::connect(env.admin_database_url("orders")).await.unwrap();
    admin.execute("select 1 from account").await.unwrap();
    // Sessions that are still open do not keep a test environment from going away.
    env.close().await.unwrap();
    assert!(session.ping().await.is_err());
}

#[tokio::test]
async fn two_beds_of_one_system_do_not_see_each_other() {
    let (one, two) = (env("twin").await, env("twin").await);
    assert_ne!(one.vhost(), two.vhost());
    assert_ne!(one.database_url("orders"), two.database_url("orders"));
    let key = "orders.order_placed.v1";
    one.management().publish("events", key, &json!({}), "{}").await.unwrap();
    wait_for_ready(one.management(), "inventory", 1).await;
    assert_eq!(two.management().peek("inventory", 1).await.unwrap().len(), 0);

    let intruder = one.amqp_url("orders").replace(one.vhost(), two.vhost());
    let refused = Connection::connect(&intruder, ConnectionProperties::default()).await;
    let refused = refused.expect_err("refused").to_string();
    assert!(refused.contains("access to vhost"), "{refused}");
}

#[tokio::test]
async fn a_dropped_bed_leaves_nothing_on_the_servers() {
    let servers = Servers::shared().await.unwrap();
    let env = env("dropped").await;
    let (vhost, database) = (env.vhost().to_owned(), env.database_url("orders").to_owned());
    let user = |url: &str| reqwest::Url::parse(url).unwrap().username().to_owned();
    let (orders, ops) = (user(env.amqp_url("orders")), user(env.ops_amqp_url()));
    drop(env);
    for path in [["vhosts", &*vhost], ["users", &*orders], ["users", &*ops]] {
        let gone = servers.rabbitmq().management().call(reqwest::Method::GET, &path, None).await;
        assert!(gone.unwrap_err().to_string().contains("404"), "{path:?}");
    }
    assert!(PgConnection::connect(&database).await.is_err());
}

#[tokio::test]
async fn a_connection_can_be_closed_by_its_name() {
    let env = env("closes").await;
    let connection = connect(env.amqp_url("orders"), "orders publisher").await;
    assert_eq!(env.management().close_connections("orders publisher").await.unwrap(), 1);
    wait_until("the client to notice", Duration::from_secs(60), || async {
        Ok::<_, String>((!connection.status().connected()).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_administrator_of_a_bed_may_do_everything_in_it() {
    let env = env("ops").await;
    let connection = connect(env.ops_amqp_url(), "ops").await;
    let channel = connection.create_channel().await.unwrap();
    for queue in ["orders", "inventory"] {
        let got = channel.basic_get(queue.into(), BasicGetOptions::default()).await;
        assert!(got.unwrap().is_none());
    }
    connection.close(200, "done".into()).await.unwrap();
}

#[tokio::test]
async fn a_service_without_a_user_in_the_definitions_is_refused() {
    let servers = Servers::shared().await.unwrap();
    let error = TestEnv::new(servers, "unknown", &shop(), &["payments"]).await.unwrap_err();
    assert!(error.to_string().contains("no user for service payments"), "{error}");
}
