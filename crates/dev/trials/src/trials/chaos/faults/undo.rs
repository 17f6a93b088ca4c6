//! Cleans up after a fault that failed half way. Customers would wait for ever otherwise.

use std::time::Duration;

use anyhow::{Result, bail};
use ballet_stage::{Postgres, RabbitMq, wait_until};
use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join_all};

use crate::running::long_run::LongRun;
use crate::trials::chaos::faults::baseline::Baseline;

/// The time for which a server may refuse to start, or to take a command.
const PATIENCE: Duration = Duration::from_secs(120);
/// The time that a server has to be as before. A start may take five minutes.
const LIMIT: Duration = Duration::from_secs(6 * 60);

/// Resumes the processes, opens the proxies, starts and thaws the servers, frees their disks, and restores the
/// baseline.
pub(crate) async fn undo(run: &LongRun, baseline: &Baseline) -> Result<()> {
    run.open_proxies();
    let servers = &run.stage.servers;
    let services = run.fleet.resume().boxed_local();
    let databases = postgres(servers.postgres(), baseline).boxed_local();
    let mut all = vec![("a service".to_owned(), services), ("Postgres".to_owned(), databases)];
    all.extend(servers.nodes().map(|node| {
        let name = node.node_name().unwrap_or_else(|| "the broker".to_owned());
        (name, broker(node, baseline).boxed_local())
    }));
    at_once(all, LIMIT).await
}

/// Mends all nodes at the same time: a node comes back only when the others let it, and one that hangs does not delay
/// others.
async fn at_once(
    all: Vec<(String, LocalBoxFuture<'_, Result<()>>)>,
    limit: Duration,
) -> Result<()> {
    let mended = all.into_iter().map(|(name, mended)| async move {
        let why = match tokio::time::timeout(limit, mended).await {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => format!("{error:#}"),
            Err(_late) => format!("no answer for {limit:?}"),
        };
        Some(format!("{name} does not come back after a fault: {why}"))
    });
    let broken: Vec<_> = join_all(mended).await.into_iter().flatten().collect();
    if !broken.is_empty() {
        bail!(broken.join("\n"));
    }
    Ok(())
}

/// A server that was not frozen answers a thaw with an error, which means nothing.
async fn postgres(postgres: &Postgres, baseline: &Baseline) -> Result<()> {
    postgres.thaw().await.ok();
    if postgres.has_small_disk() {
        postgres.free_disk().await.ok();
    }
    let mended = wait_until("Postgres", PATIENCE, || async {
        postgres.revive().await?;
        baseline.databases().await.map(Some)
    });
    Ok(mended.await?)
}

async fn broker(node: &RabbitMq, baseline: &Baseline) -> Result<()> {
    node.thaw().await.ok();
    if node.has_small_disk() {
        node.free_disk().await.ok();
    }
    let mended = wait_until("the broker", PATIENCE, || async {
        node.revive().await?;
        baseline.node(node).await?;
        baseline.define(node.management()).await.map(Some)
    });
    Ok(mended.await?)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use anyhow::anyhow;
    use ballet::core::Part;
    use ballet::core::System;
    use ballet::core::topology::{EVENTS, JOURNAL_POLICY};
    use ballet_amqp::{BasicProperties, Broker, Publish, RabbitMq, Session};
    use ballet_stage::{Method, Options, Servers, Stage};
    use futures_util::StreamExt;
    use serde_json::json;
    use sqlx::{Connection, Executor, PgConnection};

    use super::*;
    use crate::dice::Dice;
    use crate::running::fleet::Fleet;
    use crate::scene::producer::{Producer, publish_all};
    use crate::system::trial::Sandbox;
    use crate::trials::chaos::faults::connections::{TakenPermission, close};
    use crate::trials::chaos::faults::nodes::cut;

    /// A run of a system with one service, which does not run.
    async fn run(nodes: usize) -> LongRun {
        let part = Part { service: "orders", ..Part::default() };
        let system = System { name: "undo", parts: vec![part] };
        let servers = Servers::private(Options::fast().nodes(nodes)).await.expect("servers");
        let logs = servers.dir().expect("a directory").join("logs");
        let stage = Stage::of(&system).on(servers, logs).await.expect("a stage");
        let fleet = Fleet::new(stage.children.clone(), &stage.logs, Vec::new()).expect("a fleet");
        LongRun { system, stage, fleet: Arc::new(fleet), proxies: BTreeMap::new() }
    }

    #[tokio::test]
    async fn what_faults_left_half_way_is_as_before() {
        let run = run(1).await;
        let (servers, env) = (&run.stage.servers, &run.stage.env);
        let (node, management) = (servers.rabbitmq(), env.management());
        let url = env.admin_database_url("orders");
        let mut db = PgConnection::connect(url).await.expect("a connection");
        db.execute("create table provider ()").await.expect("a table");
        let sandboxes = [Sandbox { service: "orders", table: "provider" }];
        let baseline = Baseline::record(&run, &sandboxes).await.expect("a baseline");

        let low = ["set_vm_memory_high_watermark", "absolute", "1MB"];
        node.control(&low).await.expect("an alarm");
        node.control(&["set_disk_free_limit", "100000GB"]).await.expect("an alarm");
        let none = json!({"configure": "^$", "write": "^$", "read": "^$"});
        let path = ["permissions", "undo", "orders"];
        management.call(Method::PUT, &path, Some(&none)).await.expect("no rights");
        let path = ["policies", "undo", JOURNAL_POLICY];
        management.call(Method::DELETE, &path, None).await.expect("no policy");
        management.delete_queue("orders").await.expect("no queue");
        baseline.roles()[0].limit(&mut db, 2).await.expect("no connections");
        db.execute("alter table provider rename to provider_away").await.expect("no table");
        node.freeze().await.expect("a frozen broker");
        servers.postgres().freeze().await.expect("a frozen Postgres");

        undo(&run, &baseline).await.expect("all as before");
        let now = Baseline::record(&run, &sandboxes).await.expect("a baseline");
        assert_eq!(now, baseline);
        db.execute("table provider").await.expect("a table");
        run.tear_down(false).await.expect("an end");
    }

    #[tokio::test]
    async fn a_permission_is_taken_from_who_has_used_it() {
        let run = run(1).await;
        let broker = RabbitMq::new(run.stage.env.amqp_url("orders")).expect("an address");
        // Whether the session may consume, and publish.
        let may = async |session: &Arc<dyn Session>| {
            let consumes = session.consume("orders", "client", 1).await.is_ok();
            session.close().await;
            let publishes = publish_all(&broker, "client", &[event()]).await.is_ok();
            [consumes, publishes]
        };
        let session = broker.connect("client").await.expect("a session");
        assert_eq!(may(&session).await, [true, true]);
        for (which, left) in [("write", [true, false]), ("read", [false, true])] {
            let session = broker.connect("client").await.expect("a session");
            let mut deliveries = session.consume("orders", "one", 1).await.expect("a consumer");
            let mut producer = Producer::at(&broker, "one").await.expect("a producer");
            producer.publish(&event()).expect("a message");
            producer.confirmed().await.expect("a confirm");

            let taken =
                TakenPermission::from(&run, "orders", which).await.expect("a permission less");
            assert!(taken.closed >= 2, "{}", taken.closed);
            // Reads until a session that was already open is closed.
            let closed = async { while let Some(Ok(_)) = deliveries.next().await {} };
            tokio::time::timeout(PATIENCE, closed).await.expect("no consumer");
            let sent = producer.publish(&event());
            assert!(sent.is_err() || producer.confirmed().await.is_err(), "{which}");
            let session = broker.connect("client").await.expect("a session");
            assert_eq!(may(&session).await, left, "{which}");
            taken.give_back().await.expect("a permission");
            let session = broker.connect("client").await.expect("a session");
            assert_eq!(may(&session).await, [true, true]);
        }
        run.tear_down(false).await.expect("an end");
    }

    #[tokio::test]
    async fn connections_that_are_too_young_for_the_statistics_are_closed_as_well() {
        let run = run(1).await;
        let broker = RabbitMq::new(run.stage.env.amqp_url("orders")).expect("an address");
        let mut dice = Dice::new(1, 1);
        let later = async { close(&run, &mut dice).await.expect("a connection to close") };
        // The service connects while the fault looks for it.
        let (closed, session) = tokio::join!(later, broker.connect("client"));
        assert_eq!(closed.as_deref(), Some("1 of orders"));
        let session = session.expect("a session");
        let lost = async { while session.consume("orders", "client", 1).await.is_ok() {} };
        tokio::time::timeout(PATIENCE, lost).await.expect("it is closed");
        run.tear_down(false).await.expect("an end");
    }

    /// An event that no service consumes.
    fn event() -> Publish {
        Publish {
            exchange: EVENTS.to_owned(),
            routing_key: "orders.placed.v1".to_owned(),
            mandatory: false,
            properties: BasicProperties::default(),
            body: b"{}".as_slice().into(),
        }
    }

    #[tokio::test]
    async fn a_node_that_was_cut_off_may_connect_again() {
        let run = run(2).await;
        let nodes: Vec<_> = run.stage.servers.nodes().collect();
        let baseline = Baseline::record(&run, &[]).await.expect("a baseline");
        cut(nodes[0], nodes[1]).await.expect("a cut");
        undo(&run, &baseline).await.expect("a cluster");
        let connected =
            format!("lists:member('{}', nodes()).", nodes[1].node_name().expect("a name"));
        wait_until("the node to be back", PATIENCE, || async {
            let answer = nodes[0].control(&["eval", &connected]).await?;
            Ok::<_, ballet_stage::Error>((answer == "true").then_some(()))
        })
        .await
        .expect("a connection");
        run.tear_down(false).await.expect("an end");
    }

    #[tokio::test]
    async fn a_node_that_hangs_keeps_no_other_waiting() {
        let mended = Cell::new(false);
        let last = async {
            mended.set(true);
            Ok(())
        };
        let all = vec![
            ("one".to_owned(), std::future::pending().boxed_local()),
            ("two".to_owned(), async { Err(anyhow!("it is dead")) }.boxed_local()),
            ("three".to_owned(), last.boxed_local()),
        ];
        let limit = Duration::from_millis(50);
        let error = at_once(all, limit).await.expect_err("not all").to_string();
        let lines: Vec<_> = error.lines().collect();
        assert!(
            lines[0].starts_with("one ") && lines[0].ends_with("no answer for 50ms"),
            "{error}"
        );
        assert!(lines[1].starts_with("two ") && lines[1].ends_with("it is dead"), "{error}");
        assert_eq!((lines.len(), mended.get()), (2, true), "{error}");
    }
}
