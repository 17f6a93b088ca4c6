//! The faults. Each cleans up after itself and leaves only its consequences. If that fails, [`undo`] cleans up.

mod copies;
pub(crate) mod kind;

use std::time::Duration;

use anyhow::{Context, Result};
use ballet_stage::{Link, Proxy, RabbitMq, wait_until};
use futures_util::future::try_join_all;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::dice::Dice;
use crate::running::long_run::LongRun;
use crate::system::trial::Sandbox;
use crate::trials::chaos::faults::kind::FaultKind;
use crate::trials::scene::Scene;

const WATERMARK: &str = "set_vm_memory_high_watermark";
/// The default of a node.
const CALM: [&str; 2] = [WATERMARK, "0.4"];
/// A server may need minutes to start or to take a command.
const PATIENCE: Duration = Duration::from_secs(6 * 60);

pub(crate) struct Faults<'a> {
    pub(crate) scene: &'a Scene<'a>,
    pub(crate) dice: Dice,
}

impl Faults<'_> {
    /// Why a kind can never be caused in this run.
    pub(crate) fn impossible(&self, kind: FaultKind) -> Option<&'static str> {
        match kind {
            FaultKind::Freeze | FaultKind::Alarm
                if self.scene.run.stage.servers.rabbitmq().node_name().is_none() =>
            {
                Some("the servers are in containers, which take no such command")
            }
            FaultKind::Provider if self.scene.subject.tried.sandboxes().is_empty() => {
                Some("no service plays a provider")
            }
            _ => None,
        }
    }

    /// Returns whether there was something to disturb.
    pub(crate) async fn cause(&mut self, kind: FaultKind) -> Result<bool> {
        let (run, dice) = (self.scene.run, &mut self.dice);
        let (servers, fleet) = (&run.stage.servers, &run.fleet);
        match kind {
            FaultKind::Kill => return Ok(fleet.kill(dice).await),
            FaultKind::Stop => return Ok(fleet.stop(dice, false).await),
            FaultKind::Pause => return Ok(fleet.pause(dice).await),
            FaultKind::Clock => return fleet.shift_clock(dice).await,
            FaultKind::Scale => return self.scale().await,
            FaultKind::Copies => return copies::publish(self.scene, dice).await,
            FaultKind::Broker => {
                try_join_all(servers.nodes().map(RabbitMq::kill)).await?;
                try_join_all(servers.nodes().map(RabbitMq::start)).await?;
            }
            FaultKind::Node => {
                let pause = dice.millis(200, 5_000);
                let node = self.node()?;
                node.kill().await?;
                tokio::time::sleep(pause).await;
                node.start().await?;
            }
            FaultKind::Postgres => {
                servers.postgres().kill().await?;
                tokio::time::sleep(dice.millis(0, 3_000)).await;
                servers.postgres().start().await?;
            }
            FaultKind::Freeze => self.freeze().await?,
            FaultKind::Alarm => {
                servers.rabbitmq().control(&[WATERMARK, "absolute", "1MB"]).await?;
                tokio::time::sleep(dice.millis(1_000, 5_000)).await;
                servers.rabbitmq().control(&CALM).await?;
            }
            FaultKind::Dump => {
                let service = random_service(run, dice)?;
                let reader = run.stage.env.hold_tables(service).await?;
                tokio::time::sleep(dice.millis(2_000, 30_000)).await;
                reader.release().await?;
            }
            FaultKind::Provider => self.provider().await?,
            FaultKind::Network => self.network().await?,
        }
        Ok(true)
    }

    fn node(&mut self) -> Result<&RabbitMq> {
        let nodes: Vec<_> = self.scene.run.stage.servers.nodes().collect();
        self.dice.pick(&nodes).copied().context("there is no broker")
    }

    async fn scale(&mut self) -> Result<bool> {
        let name = random_service(self.scene.run, &mut self.dice)?;
        if self.dice.one_in(2) && self.scene.run.fleet.has_room(name).await {
            self.scene.run.add(name).await?;
            return Ok(true);
        }
        Ok(self.scene.run.fleet.stop(&mut self.dice, true).await)
    }

    async fn freeze(&mut self) -> Result<()> {
        let time = self.dice.millis(500, 8_000);
        if self.dice.one_in(2) {
            let node = self.node()?;
            node.freeze().await?;
            tokio::time::sleep(time).await;
            return Ok(node.thaw().await?);
        }
        let postgres = self.scene.run.stage.servers.postgres();
        postgres.freeze().await?;
        tokio::time::sleep(time).await;
        Ok(postgres.thaw().await?)
    }

    /// Holds the table of a provider that a service plays.
    async fn provider(&mut self) -> Result<()> {
        let Scene { subject, run, .. } = self.scene;
        let sandbox = self.dice.pick(subject.tried.sandboxes());
        let Sandbox { service, table } = sandbox.context("no service plays a provider")?;
        let mut db = PgConnection::connect(run.stage.env.admin_database_url(service)).await?;
        let lock = format!("begin; lock table {table} in access exclusive mode");
        db.execute(sqlx::raw_sql(AssertSqlSafe(lock))).await?;
        tokio::time::sleep(self.dice.millis(2_000, 20_000)).await;
        Ok(db.close().await?)
    }

    async fn network(&mut self) -> Result<()> {
        let service = random_service(self.scene.run, &mut self.dice)?;
        let proxies = &self.scene.run.proxies[service];
        let path = match self.dice.one_in(2) {
            true => &proxies.broker[..],
            false => std::slice::from_ref(&proxies.database),
        };
        let link = match self.dice.below(3) {
            0 => {
                path.iter().for_each(Proxy::cut);
                return Ok(());
            }
            1 => Link::Slow(self.dice.millis(10, 300)),
            _ => Link::Silent,
        };
        path.iter().for_each(|proxy| proxy.set(link));
        tokio::time::sleep(self.dice.millis(100, 6_000)).await;
        path.iter().for_each(|proxy| proxy.set(Link::Open));
        Ok(())
    }
}

fn random_service(run: &LongRun, dice: &mut Dice) -> Result<&'static str> {
    dice.pick(&run.services()).copied().context("the system has no services")
}

/// Ends what a fault that failed half way has left, or customers would wait for ever.
pub(crate) async fn undo(run: &LongRun) -> Result<()> {
    run.open_proxies();
    run.fleet.resume().await?;
    let servers = &run.stage.servers;
    let mended = wait_until("the servers to come back after a fault", PATIENCE, || async {
        // The error of thawing a server that is not frozen means nothing.
        servers.postgres().thaw().await.ok();
        servers.postgres().revive().await?;
        // All at once: a node of a cluster may wait for the others.
        try_join_all(servers.nodes().map(async |node| {
            node.thaw().await.ok();
            node.revive().await?;
            if node.node_name().is_some() {
                node.control(&CALM).await?;
            }
            Ok::<_, ballet_stage::Error>(())
        }))
        .await
        .map(Some)
    });
    mended.await.map(drop).context("a fault has left something")
}
