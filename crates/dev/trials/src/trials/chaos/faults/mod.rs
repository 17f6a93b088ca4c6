//! The faults. Each cleans up after itself and leaves only its consequences. If that fails, [`undo`] cleans up.

pub(crate) mod baseline;
mod connections;
mod databases;
pub(crate) mod kind;
mod messages;
mod nodes;
mod random_service;
pub(crate) mod undo;

use std::time::Duration;

use anyhow::{Context, Result};
use ballet_stage::{Link, Method, Proxy};

use crate::dice::Dice;
use crate::trials::chaos::faults::baseline::Baseline;
use crate::trials::chaos::faults::kind::FaultKind;
use crate::trials::chaos::faults::random_service::random_service;
use crate::trials::scene::Scene;

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Faults<'a> {
    pub(crate) scene: &'a Scene<'a>,
    pub(crate) baseline: &'a Baseline,
    pub(crate) dice: Dice,
}

impl Faults<'_> {
    /// Why a kind can never be caused in this run.
    pub(crate) fn impossible(&self, kind: FaultKind) -> Option<&'static str> {
        let servers = &self.scene.run.stage.servers;
        match kind {
            FaultKind::Full if !servers.postgres().has_small_disk() => {
                Some("only root on Linux can mount disks that can be filled")
            }
            FaultKind::Split | FaultKind::Freeze | FaultKind::Memory | FaultKind::Disk
                if servers.rabbitmq().node_name().is_none() =>
            {
                Some("the servers are in containers, which take no such command")
            }
            FaultKind::Provider if self.scene.subject.tried.sandboxes().is_empty() => {
                Some("no service plays a provider")
            }
            _ => None,
        }
    }

    /// Returns the fault's object, or `None` if there is none now.
    pub(crate) async fn cause(&mut self, kind: FaultKind) -> Result<Option<String>> {
        let (run, baseline, dice) = (self.scene.run, self.baseline, &mut self.dice);
        let (servers, fleet) = (&run.stage.servers, &run.fleet);
        let what = match kind {
            FaultKind::Kill => return Ok(fleet.kill(dice).await.map(str::to_owned)),
            FaultKind::Stop => return Ok(fleet.stop(dice, false).await.map(str::to_owned)),
            FaultKind::Pause => return Ok(fleet.pause(dice).await.map(str::to_owned)),
            FaultKind::Clock => return fleet.shift_clock(dice).await,
            FaultKind::Scale => return self.scale().await,
            FaultKind::Close => return connections::close(run, dice).await,
            FaultKind::Permission => return connections::permission(run, dice).await,
            FaultKind::Copies => return messages::copies(self.scene, dice).await,
            FaultKind::Reorder => return messages::reorder(run, dice).await,
            FaultKind::Broker => nodes::all(servers).await?,
            FaultKind::Leader => nodes::one(run, dice, true).await?,
            FaultKind::Follower => nodes::one(run, dice, false).await?,
            FaultKind::Split => nodes::split(servers, baseline, dice).await?,
            FaultKind::Postgres => {
                servers.postgres().kill().await?;
                tokio::time::sleep(dice.millis(0, 3_000)).await;
                servers.postgres().start().await?;
                String::new()
            }
            FaultKind::Freeze => self.freeze().await?,
            FaultKind::Queue => self.queue().await?,
            FaultKind::Memory => {
                self.alarm(&["set_vm_memory_high_watermark", "absolute", "1MB"]).await?
            }
            FaultKind::Disk => self.alarm(&["set_disk_free_limit", "100000GB"]).await?,
            FaultKind::Full => self.full().await?,
            FaultKind::Dump => databases::dump(run, dice).await?,
            FaultKind::Pool => databases::pool(baseline, dice).await?,
            FaultKind::Provider => databases::provider(self.scene, baseline, dice).await?,
            FaultKind::Slow => {
                let delay = dice.millis(5, 100);
                run.proxies.values().for_each(|proxies| proxies.database.set(Link::Slow(delay)));
                tokio::time::sleep(dice.millis(2_000, 6_000)).await;
                run.open_proxies();
                format!("{delay:?}")
            }
            FaultKind::Network => self.network().await?,
            FaultKind::Corrupt => connections::corrupt(run, dice).await?,
        };
        Ok(Some(what))
    }

    async fn scale(&mut self) -> Result<Option<String>> {
        let name = random_service(self.scene.run, &mut self.dice)?;
        if self.dice.one_in(2) && self.scene.run.fleet.has_room(name).await {
            self.scene.run.add(name).await?;
            return Ok(Some(format!("one more of {name}")));
        }
        let stopped = self.scene.run.fleet.stop(&mut self.dice, true).await;
        Ok(stopped.map(|name| format!("one less of {name}")))
    }

    async fn freeze(&mut self) -> Result<String> {
        let time = self.dice.millis(500, 8_000);
        let postgres = self.scene.run.stage.servers.postgres();
        if self.dice.one_in(2) {
            return nodes::freeze(&self.scene.run.stage.servers, &mut self.dice, time).await;
        }
        postgres.freeze().await?;
        tokio::time::sleep(time).await;
        postgres.thaw().await?;
        Ok(format!("Postgres, {time:?}"))
    }

    /// A deleted queue's messages are lost, so nothing may move.
    async fn queue(&mut self) -> Result<String> {
        let (management, vhost) =
            (self.scene.run.stage.env.management(), self.scene.run.stage.env.vhost());
        let service = random_service(self.scene.run, &mut self.dice)?;
        let path = ["definitions", vhost];
        let definitions = management.call(Method::GET, &path, None).await?;
        management.delete_queue(service).await?;
        tokio::time::sleep(self.dice.millis(100, 2_000)).await;
        management.call(Method::POST, &path, Some(&definitions)).await?;
        let consumed = ballet_stage::wait_until("its consumers", PATIENCE, || async {
            let depth = management.depth(service).await.map_err(|error| error.to_string())?;
            if depth.consumers > 0 { Ok(Some(())) } else { Err("it has no consumers".to_owned()) }
        });
        consumed.await.with_context(|| format!("{service} does not come back to its queue"))?;
        Ok(service.to_owned())
    }

    async fn alarm(&mut self, on: &[&str]) -> Result<String> {
        let rabbitmq = self.scene.run.stage.servers.rabbitmq();
        rabbitmq.control(on).await?;
        let time = self.dice.millis(1_000, 5_000);
        tokio::time::sleep(time).await;
        self.baseline.node(rabbitmq).await?;
        Ok(format!("{time:?}"))
    }

    /// The disk of Postgres or of a node.
    async fn full(&mut self) -> Result<String> {
        let servers = &self.scene.run.stage.servers;
        let time = self.dice.millis(2_000, 15_000);
        if self.dice.one_in(2) {
            servers.postgres().fill_disk().await?;
            tokio::time::sleep(time).await;
            servers.postgres().free_disk().await?;
            return Ok(format!("Postgres, {time:?}"));
        }
        let nodes: Vec<_> = servers.nodes().collect();
        let node = self.dice.pick(&nodes).context("there is no broker")?;
        node.fill_disk().await?;
        tokio::time::sleep(time).await;
        node.free_disk().await?;
        Ok(format!("{}, {time:?}", node.node_name().unwrap_or_default()))
    }

    async fn network(&mut self) -> Result<String> {
        let service = random_service(self.scene.run, &mut self.dice)?;
        let proxies = &self.scene.run.proxies[service];
        let (to, path) = match self.dice.below(2) {
            0 => ("the broker", &proxies.broker[..]),
            _ => ("its database", std::slice::from_ref(&proxies.database)),
        };
        let set = |way| path.iter().for_each(|proxy| proxy.set(way));
        let what = match self.dice.below(3) {
            0 => {
                path.iter().for_each(Proxy::cut);
                format!("{service} cut from {to}")
            }
            1 => {
                let delay = self.dice.millis(10, 300);
                set(Link::Slow(delay));
                tokio::time::sleep(self.dice.millis(2_000, 6_000)).await;
                set(Link::Open);
                format!("{service} to {to} {delay:?} slower")
            }
            _ => {
                set(Link::Silent);
                tokio::time::sleep(self.dice.millis(100, 6_000)).await;
                set(Link::Open);
                format!("{service} to {to} half-open")
            }
        };
        Ok(what)
    }
}
