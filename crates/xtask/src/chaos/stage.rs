//! What chaos runs on: private servers, proxies in front of them, and the services.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use ballet::core::topology;
use ballet_amqp::RabbitMq;
use ballet_testkit::{Link, Options, Proxy, Servers, TestEnv};
use reqwest::Client;

use crate::chaos::fleet::Fleet;
use crate::harness::endpoints::Endpoints;
use crate::harness::run_dir::run_dir;
use crate::harness::service::SERVICES;
use crate::harness::stock::fill_shelves;
use crate::process::children::Children;
use crate::ui;

/// The proxies between a service and its servers.
#[derive(Debug)]
pub(crate) struct Proxies {
    /// One for each node; the service tries them in this order.
    pub(crate) broker: Vec<Proxy>,
    pub(crate) database: Proxy,
}

impl Proxies {
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

pub(crate) struct Stage {
    pub(crate) servers: Servers,
    pub(crate) env: TestEnv,
    pub(crate) fleet: Fleet,
    pub(crate) proxies: BTreeMap<&'static str, Proxies>,
    pub(crate) http: Client,
    pub(crate) logs: PathBuf,
}

impl Stage {
    pub(crate) async fn set(replicas: usize, nodes: usize, small_disks: bool) -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let logs = run_dir(Some(&program), "chaos")?;
        let options = Options::durable().nodes(nodes).progress(ui::say);
        let options = if small_disks { options.small_disks() } else { options };
        let servers = Servers::private(options).await?;
        let definitions = topology::definitions(&shop::system(), |_| String::new());
        let env = TestEnv::with_plain_names(&servers, &definitions, &SERVICES).await?;
        let http = Client::builder().no_proxy().timeout(Duration::from_secs(10)).build();
        let http = http.context("cannot set up HTTP")?;
        let fleet = Fleet::new(Children::new()?, &logs)?;
        let mut proxies = BTreeMap::new();
        for (number, name) in SERVICES.iter().copied().enumerate() {
            let mut new =
                Proxies::new(&servers, env.amqp_url(name), env.database_url(name)).await?;
            // Each service starts with another node.
            new.broker.rotate_left(number % nodes);
            proxies.insert(name, new);
        }
        let stage = Self { servers, env, fleet, proxies, http, logs };
        for name in SERVICES.iter().copied() {
            for _ in 0..replicas.max(1) {
                stage.add(name).await?;
            }
        }
        Ok(stage)
    }

    /// Starts one more process of a service.
    pub(crate) async fn add(&self, name: &'static str) -> Result<()> {
        let proxies = self.proxies.get(name).with_context(|| format!("no proxies for {name}"))?;
        self.fleet.add(name, &proxies.amqp_url(), proxies.database.url()).await
    }

    /// The broker for a user, with all its nodes and without the proxies.
    pub(crate) fn broker(&self, amqp_url: &str) -> Result<RabbitMq> {
        let nodes: Result<Vec<_>, _> =
            self.servers.nodes().map(|node| node.at_this_node(amqp_url)).collect();
        Ok(RabbitMq::new(&nodes?.join(","))?)
    }

    /// Waits until all services are ready, and fills the shelves.
    pub(crate) async fn ready(&self) -> Result<()> {
        let ready =
            ballet_testkit::wait_until("the services", Duration::from_secs(120), || async {
                let missing = self.fleet.not_ready(&self.http).await;
                if missing.is_empty() { Ok(Some(())) } else { Err(missing.join("; ")) }
            });
        ready.await?;
        let inventory = self.fleet.url("inventory", 0).await.unwrap_or_default();
        fill_shelves(&self.http, &inventory).await
    }

    /// Where everything can be reached without the proxies, for the audit.
    pub(crate) async fn endpoints(&self) -> Result<Endpoints> {
        let mut services = BTreeMap::new();
        for name in SERVICES.iter().copied() {
            let url = self.fleet.url(name, 0).await.unwrap_or_default();
            services.insert(name.to_owned(), url);
        }
        Endpoints::new(&self.servers, &self.env, services)
    }

    /// Opens all proxies.
    pub(crate) fn open_proxies(&self) {
        for proxies in self.proxies.values() {
            proxies.broker.iter().chain([&proxies.database]).for_each(|way| way.set(Link::Open));
        }
    }

    /// Ends everything. With `keep` the logs stay, including the servers'.
    pub(crate) async fn tear_down(self, keep: bool) -> Result<()> {
        self.fleet.end().await;
        if keep {
            let brokers = self.servers.nodes().map(|node| node.log());
            for log in brokers.chain([self.servers.postgres().log()]).flatten() {
                let name = log.file_name().unwrap_or_default();
                std::fs::copy(log, self.logs.join(name))
                    .with_context(|| format!("cannot keep {}", log.display()))?;
            }
        } else {
            // A failure does no harm: the directory is in `target`.
            std::fs::remove_dir_all(&self.logs).ok();
        }
        self.servers.stop().await?;
        Ok(())
    }

    pub(crate) fn logs(&self) -> &Path {
        &self.logs
    }
}
