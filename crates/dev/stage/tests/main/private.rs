//! Private servers: kills, restarts, clusters, and the end of their owner.

use std::path::Path;
use std::time::Duration;

use ballet_stage::{Method, Options, RabbitMq, Servers, TestEnv, wait_until};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::test_env::wait_for_ready;
use crate::topology::{SERVICES, shop};

#[tokio::test]
async fn private_servers_can_be_frozen_and_killed_and_come_back_with_what_they_had() {
    let servers = Servers::private(Options::fast()).await.unwrap();
    freeze_and_thaw(&servers).await;
    let status = servers.rabbitmq().control(&["status"]).await.unwrap();
    assert!(status.contains("ballet@localhost"), "{status}");
    let wrong = servers.rabbitmq().control(&["no_such_command"]).await.unwrap_err().to_string();
    assert!(wrong.contains("rabbitmqctl no_such_command"), "{wrong}");
    let env = TestEnv::new(&servers, "survives", &shop(), SERVICES).await.unwrap();
    let key = "orders.order_placed.v1";
    let persistent = json!({"delivery_mode": 2});
    env.management().publish("events", key, &persistent, "{}").await.unwrap();
    wait_for_ready(env.management(), "inventory", 1).await;
    let mut session = PgConnection::connect(env.database_url("orders")).await.unwrap();
    session.execute("create table kept as select 7 as value").await.unwrap();

    let (rabbitmq, postgres) = (servers.rabbitmq(), servers.postgres());
    let running = rabbitmq.start().await.unwrap_err().to_string();
    assert_eq!(running, "cannot start RabbitMQ: it is running");
    rabbitmq.kill().await.unwrap();
    postgres.kill().await.unwrap();
    assert!(session.ping().await.is_err());
    assert!(env.management().queues().await.is_err());
    let (broker, database) = tokio::join!(rabbitmq.start(), postgres.start());
    broker.unwrap();
    database.unwrap();

    wait_for_ready(env.management(), "inventory", 1).await;
    let mut session = PgConnection::connect(env.database_url("orders")).await.unwrap();
    let value: i32 =
        sqlx::query_scalar("select value from kept").fetch_one(&mut session).await.unwrap();
    assert_eq!(value, 7);
    env.close().await.unwrap();
    let dir = servers.dir().unwrap().to_owned();
    servers.stop().await.unwrap();
    assert!(!dir.exists());
}

async fn freeze_and_thaw(servers: &Servers) {
    let moment = Duration::from_millis(300);
    let (rabbitmq, postgres) = (servers.rabbitmq(), servers.postgres());
    let mut session = PgConnection::connect(postgres.url()).await.unwrap();
    rabbitmq.freeze().await.unwrap();
    postgres.freeze().await.unwrap();
    assert!(tokio::time::timeout(moment, session.ping()).await.is_err());
    assert!(tokio::time::timeout(moment, rabbitmq.management().queues()).await.is_err());
    rabbitmq.thaw().await.unwrap();
    postgres.thaw().await.unwrap();
    PgConnection::connect(postgres.url()).await.unwrap().ping().await.unwrap();
    rabbitmq.management().queues().await.unwrap();
}

#[tokio::test]
async fn a_broker_imports_the_shops_definitions() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../broker/definitions.json");
    let text = std::fs::read_to_string(path).unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    let servers = Servers::private(Options::fast()).await.unwrap();
    // The administrator is here already, with another password.
    let mut import = document.clone();
    import["users"].as_array_mut().unwrap().retain(|user| user["name"] != "ops");
    let management = servers.rabbitmq().management();
    management.call(Method::POST, &["definitions"], Some(&import)).await.unwrap();
    for section in ["exchanges", "queues", "bindings", "policies"] {
        // Not from the definitions: RabbitMQ 4.3 leaves internal exchanges out of those of a vhost.
        let loaded = management.call(Method::GET, &[section, "shop"], None).await.unwrap();
        let meant = document[section].as_array().unwrap();
        assert!(!meant.is_empty());
        for entry in meant {
            // The broker's entry has more fields.
            let same = |found: &&Value| {
                entry.as_object().unwrap().iter().all(|(name, value)| found[name] == *value)
            };
            let found = loaded.as_array().unwrap().iter().find(same);
            assert!(found.is_some(), "{entry} is not among {loaded}");
        }
    }
    servers.stop().await.unwrap();
}

#[tokio::test]
async fn a_cluster_goes_on_without_the_node_that_leads_a_queue() {
    let limit = Duration::from_secs(120);
    let servers = Servers::private(Options::fast().nodes(3)).await.unwrap();
    let env = TestEnv::new(&servers, "cluster", &shop(), SERVICES).await.unwrap();
    let publish = || async {
        let key = "orders.order_placed.v1";
        env.management().publish("events", key, &json!({"delivery_mode": 2}), "{}").await.unwrap();
    };
    publish().await;
    wait_for_ready(env.management(), "inventory", 1).await;
    let path = ["queues", env.vhost(), "inventory"];
    let count = |queue: &Value, which: &str| queue[which].as_array().map_or(0, Vec::len);
    let first = servers.nodes().next().unwrap();
    let queue = first.management().call(Method::GET, &path, None).await.unwrap();
    assert_eq!(count(&queue, "members"), 3, "{queue}");
    let led = |node: &&RabbitMq| queue["leader"] == node.node_name().unwrap();
    let leader = servers.nodes().find(led).unwrap();
    let other = servers.nodes().find(|node| !led(node)).unwrap();

    leader.kill().await.unwrap();
    wait_until("another leader", limit, || async {
        let now = other.management().call(Method::GET, &path, None).await?;
        let moved = now["leader"] != queue["leader"] && now["messages_ready"] == 1;
        Ok::<_, ballet_stage::Error>(moved.then_some(()))
    })
    .await
    .unwrap();

    leader.start().await.unwrap();
    wait_until("all members", limit, || async {
        let now = leader.management().call(Method::GET, &path, None).await?;
        Ok::<_, ballet_stage::Error>((count(&now, "online") == 3).then_some(()))
    })
    .await
    .unwrap();
    publish().await;
    wait_for_ready(env.management(), "inventory", 2).await;
    env.close().await.unwrap();
    servers.stop().await.unwrap();
}

/// A program with its own servers, and their addresses and processes.
struct ServersOwner {
    process: Child,
    pids: Vec<i32>,
    dir: String,
    database_url: String,
}

async fn owner() -> ServersOwner {
    let mut process = Command::new(env!("CARGO_BIN_EXE_ballet-servers"))
        .env_remove("AMQP_URL")
        .env_remove("DATABASE_URL")
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let mut owner =
        ServersOwner { process, pids: Vec::new(), dir: String::new(), database_url: String::new() };
    while let Some(line) = lines.next_line().await.unwrap() {
        match line.split_once('=').unwrap() {
            ("PIDS", pids) => {
                owner.pids = pids.split(',').map(|pid| pid.parse().unwrap()).collect();
            }
            ("DATABASE_URL", url) => url.clone_into(&mut owner.database_url),
            ("DIR", dir) => {
                dir.clone_into(&mut owner.dir);
                return owner;
            }
            _ => {}
        }
    }
    panic!("the owner ended without saying what it has");
}

/// Whether a process lives. Dead ones may stay: a container's first process may never reap them.
fn is_there(pid: i32) -> bool {
    let known = rustix::process::Pid::from_raw(pid).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    rustix::process::test_kill_process(known).is_ok() && !stat.contains(") Z ")
}

async fn wait_until_gone(owner: &ServersOwner) {
    wait_until("everything of the owner to be gone", Duration::from_secs(60), || async {
        let left: Vec<_> = owner.pids.iter().filter(|pid| is_there(**pid)).collect();
        if left.is_empty() && !Path::new(&owner.dir).exists() {
            return Ok(Some(()));
        }
        Err(format!("processes {left:?}, directory {}", owner.dir))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn owners_side_by_side_do_not_disturb_each_other_and_leave_nothing_when_killed() {
    let (mut one, mut two) = tokio::join!(owner(), owner());
    assert_ne!(one.database_url, two.database_url);
    assert_eq!(one.pids.len(), 3);
    assert!(one.pids.iter().all(|pid| is_there(*pid)));

    one.process.kill().await.unwrap();
    wait_until_gone(&one).await;

    let mut session = PgConnection::connect(&two.database_url).await.unwrap();
    session.ping().await.unwrap();
    assert!(two.pids.iter().all(|pid| is_there(*pid)));
    let pid = rustix::process::Pid::from_raw(two.process.id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert!(two.process.wait().await.unwrap().success());
    // On Ctrl-C the owner itself waits for the end.
    assert!(!Path::new(&two.dir).exists());
    assert!(!two.pids.iter().any(|pid| is_there(*pid)));
}
