//! A long run's private servers, proxies in front of them, and services.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use ballet::core::System;
use ballet_amqp::RabbitMq;
use ballet_ops::terminal::ui;
use ballet_stage::{Link, Options, Proxy, Servers, Stage};
use reqwest::Client;

use crate::processes::endpoints::Endpoints;
use crate::processes::gateway::{ConfiguredProgram, GATEWAY, Gateway, GatewaySetup};
use crate::processes::program::SERVICE;
use crate::running::fleet::Fleet;
use crate::running::fleet::service_fleet::ServiceFleet;
use crate::running::run_dir::run_dir;

#[derive(Debug, Default)]
pub(crate) struct RunPlan {
    /// The kind of run, for the directory of its logs.
    pub(crate) kind: &'static str,
    pub(crate) replicas: usize,
    pub(crate) nodes: usize,
    /// Whether services reach servers through proxies.
    pub(crate) proxies: bool,
    pub(crate) env: Vec<(&'static str, String)>,
    /// Then it may kill them.
    pub(crate) own_servers: bool,
    /// Whether other systems may use the same servers.
    pub(crate) beside_others: bool,
    /// Each process dies here at its first start, in a run with fault points.
    pub(crate) first_aim: Option<&'static str>,
    /// Whether the services accept only requests that a gateway signed.
    pub(crate) signed: bool,
    pub(crate) has_console: bool,
}

impl RunPlan {
    pub(crate) fn new(kind: &'static str, env: Vec<(&'static str, String)>) -> Self {
        Self { kind, replicas: 1, nodes: 1, env, ..Self::default() }
    }
}

#[derive(Debug)]
pub(crate) struct ServiceProxies {
    /// A proxy for each node; the service tries them in this order.
    pub(crate) broker: Vec<Proxy>,
    pub(crate) database: Proxy,
}

impl ServiceProxies {
    async fn new(servers: &Servers, amqp_url: &str, database_url: &str) -> Result<Self> {
        let mut broker = Vec::new();
        for node in servers.nodes() {
            broker.push(Proxy::to(&node.at_this_node(amqp_url)?).await?);
        }
        Ok(Self { broker, database: Proxy::to(database_url).await? })
    }

    fn amqp_url(&self) -> String {
        self.broker.iter().map(Proxy::url).collect::<Vec<_>>().join(",")
    }
}

pub(crate) struct LongRun {
    pub(crate) system: System,
    pub(crate) stage: Stage,
    /// For requests to the services.
    pub(crate) http: Client,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) proxies: BTreeMap<&'static str, ServiceProxies>,
}

impl LongRun {
    pub(crate) async fn set_up(system: &System, plan: RunPlan) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let logs = run_dir(Some(&program), plan.kind, system.name)?;
        let options = Options::durable().nodes(plan.nodes).progress(ui::say);
        let servers = match plan.own_servers {
            true => Servers::private(options).await?,
            false => Servers::acquire(options).await?,
        };
        let setting = Stage::of(system);
        let setting = if plan.beside_others { setting.named(plan.kind) } else { setting };
        let mut stage = setting.on(servers, logs).await?;
        let http = Client::builder().no_proxy().timeout(Duration::from_secs(10)).build();
        let http = http.context("cannot set up HTTP")?;
        if plan.has_console {
            stage.env.add_database("console").await?;
        }
        let mut fleet = Fleet::new(stage.children.clone(), &stage.logs, plan.env)?;
        (fleet.first_aim, fleet.signed) = (plan.first_aim, plan.signed);
        let fleet = Arc::new(fleet);
        let (servers, env) = (&stage.servers, &stage.env);
        let mut proxies = BTreeMap::new();
        let names = system.parts.iter().map(|part| part.service).filter(|_| plan.proxies);
        for (number, name) in names.enumerate() {
            let mut new =
                ServiceProxies::new(servers, env.amqp_url(name), env.database_url(name)).await?;
            // Each service starts with another node.
            new.broker.rotate_left(number % plan.nodes);
            proxies.insert(name, new);
        }
        let run = Self { system: system.clone(), stage, http, fleet, proxies };
        for name in run.services() {
            for _ in 0..plan.replicas.max(1) {
                run.add(name).await?;
            }
        }
        Ok(run)
    }

    /// Meanwhile services that end are restarted.
    pub(crate) async fn kept<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            lost = self.fleet.keep() => match lost? {},
            done = work => done,
        }
    }

    /// The services must be ready, with known addresses.
    pub(crate) async fn open(&self, front: Option<GatewaySetup>) -> Result<Option<Gateway>> {
        let Some(front) = front else { return Ok(None) };
        let path = std::env::current_exe().context("cannot find this program")?;
        let env = vec![(SERVICE, GATEWAY.to_owned())];
        let services = self.endpoints().await?.services;
        let services: Vec<_> = services.iter().map(|(name, url)| (&**name, &**url)).collect();
        let program = ConfiguredProgram { path, env };
        Gateway::start(&self.stage, &self.http, program, &front, &services).await.map(Some)
    }

    pub(crate) async fn add(&self, name: &'static str) -> Result<()> {
        match self.proxies.get(name) {
            Some(proxies) => {
                self.fleet.add(name, &proxies.amqp_url(), proxies.database.url()).await
            }
            None => {
                let (amqp_url, database_url) =
                    (self.stage.env.amqp_url(name), self.stage.env.database_url(name));
                self.fleet.add(name, amqp_url, database_url).await
            }
        }
    }

    pub(crate) fn of<'a>(&'a self, name: &'a str) -> ServiceFleet<'a> {
        ServiceFleet { fleet: &self.fleet, name }
    }

    pub(crate) fn services(&self) -> Vec<&'static str> {
        self.system.parts.iter().map(|part| part.service).collect()
    }

    /// The broker's address for a user, with all nodes and without the proxies.
    pub(crate) fn broker_url(&self, amqp_url: &str) -> Result<String> {
        let nodes: Result<Vec<_>, _> =
            self.stage.servers.nodes().map(|node| node.at_this_node(amqp_url)).collect();
        Ok(nodes?.join(","))
    }

    pub(crate) fn broker(&self, amqp_url: &str) -> Result<RabbitMq> {
        Ok(RabbitMq::new(&self.broker_url(amqp_url)?)?)
    }

    pub(crate) async fn ready(&self) -> Result<()> {
        let ready = ballet_stage::wait_until("the services", Duration::from_secs(120), || async {
            let missing = self.fleet.not_ready(&self.http).await;
            if missing.is_empty() { Ok(Some(())) } else { Err(missing.join("; ")) }
        });
        Ok(ready.await?)
    }

    /// The addresses of everything without the proxies, for the audit.
    pub(crate) async fn endpoints(&self) -> Result<Endpoints> {
        let mut services = BTreeMap::new();
        for name in self.services() {
            let url = self.fleet.url(name, 0).await.unwrap_or_default();
            services.insert(name.to_owned(), url);
        }
        Ok(Endpoints::new(&self.stage.env, services))
    }

    pub(crate) fn open_proxies(&self) {
        for proxies in self.proxies.values() {
            proxies.broker.iter().chain([&proxies.database]).for_each(|way| way.set(Link::Open));
        }
    }

    /// With `keep` all logs stay, also the servers'.
    pub(crate) async fn tear_down(self, keep: bool) -> Result<()> {
        self.fleet.end().await;
        if keep {
            let Stage { servers, logs, .. } = &self.stage;
            let brokers = servers.nodes().map(|node| node.log());
            for log in brokers.chain([servers.postgres().log()]).flatten() {
                let name = log.file_name().unwrap_or_default();
                std::fs::copy(log, logs.join(name))
                    .with_context(|| format!("cannot keep {}", log.display()))?;
            }
        }
        Ok(Box::pin(self.stage.end(keep)).await?)
    }

    pub(crate) fn logs(&self) -> &Path {
        &self.stage.logs
    }
}
