//! All demos at once on one broker and Postgres. Another test checks that they share no name in `compose.yaml`; here
//! names have a suffix, as the servers may be shared.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use ballet_stage::{Method, Options, Servers, wait_until};
use futures_util::future::join_all;
use tokio::process::{Child, Command};

/// The systems, each with its customers: enough of the first to outlast the start of the others.
const SYSTEMS: [(&str, &str); 3] = [("shop", "60"), ("streaming", "13"), ("rides", "13")];
/// The limit for a demo that hangs.
const PATIENCE: Duration = Duration::from_secs(1200);

#[tokio::test]
async fn all_systems_run_beside_each_other_on_one_broker_and_one_postgres() {
    let servers = Servers::private(Options::durable()).await.expect("servers");
    let mut demos = Vec::new();
    for (number, (system, customers)) in SYSTEMS.into_iter().enumerate() {
        demos.push(demo(&servers, system, customers));
        until_there(&servers, &SYSTEMS[..=number]).await;
    }
    let ended = join_all(demos.iter_mut().map(Child::wait));
    let ended = tokio::time::timeout(PATIENCE, ended).await.expect("they end");
    for ((system, _), status) in SYSTEMS.iter().zip(ended) {
        assert!(status.expect("an end").success(), "{system}: its words are above");
    }
    servers.stop().await.expect("the servers end");
}

/// With `--once` it ends once that is there.
#[tokio::test]
async fn a_demo_says_what_it_waits_for() {
    let log = std::env::temp_dir().join(format!("ballet-waits-{}", std::process::id()));
    let file = File::create(&log).expect("a file");
    let mut demo = command("streaming", "3");
    demo.stdout(file.try_clone().expect("a file")).stderr(file);
    let mut demo = demo.spawn().expect("a demo");
    let pid = demo.id().expect("it runs").to_string();
    let signal = async |name: &str| {
        let sent = Command::new("pkill").args([name, "-P", &pid, "-x", "analytics"]).status();
        assert!(sent.await.expect("it runs").success(), "analytics is there");
    };
    until_said(&log, &["customers come"]).await;
    signal("-STOP").await;
    until_said(&log, &["waiting for", "analytics"]).await;
    signal("-CONT").await;
    let ended = tokio::time::timeout(PATIENCE, demo.wait()).await.expect("it ends");
    let said = fs::read_to_string(&log).expect("a log");
    assert!(ended.expect("an end").success(), "{said}");
    fs::remove_file(&log).expect("removed");
}

async fn until_said(log: &Path, words: &[&str]) {
    let said = wait_until("a line of the demo", PATIENCE, || async {
        let said = fs::read_to_string(log).expect("a log");
        let is_it = |line: &str| words.iter().all(|word| line.contains(word));
        if said.lines().any(is_it) { Ok(Some(())) } else { Err(said) }
    });
    said.await.expect("it is said");
}

fn command(system: &str, customers: &str) -> Command {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_xtask"));
    demo.args(["demo", system, "--once", "--customers", customers])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.."))
        .env("BALLET_DEMO_PROFILE", "test")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    demo
}

fn demo(servers: &Servers, system: &str, customers: &str) -> Child {
    command(system, customers)
        .env("AMQP_URL", servers.rabbitmq().amqp_url())
        .env("RABBITMQ_MANAGEMENT_URL", servers.rabbitmq().management_url())
        .env("DATABASE_URL", servers.postgres().url())
        .spawn()
        .expect("a demo")
}

/// Waits until each of these systems has its virtual host. A demo removes its own at its end.
async fn until_there(servers: &Servers, systems: &[(&str, &str)]) {
    let there = wait_until("the virtual hosts of all", PATIENCE, || async {
        let hosts = servers.rabbitmq().management().call(Method::GET, &["vhosts"], None).await?;
        let hosts = hosts.as_array().into_iter().flatten();
        let names: Vec<_> = hosts.filter_map(|host| host["name"].as_str()).collect();
        let is_there = |(system, _): &(&str, &str)| {
            names.iter().any(|name| name.starts_with(&format!("{system}_")))
        };
        Ok::<_, ballet_stage::Error>(systems.iter().all(is_there).then_some(()))
    });
    there.await.expect("they run at the same time");
}
