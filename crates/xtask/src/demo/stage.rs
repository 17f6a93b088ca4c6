//! What the demo plays on: servers, the broker's topology, databases, and the services.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use ballet::core::topology;
use ballet_testkit::{Bed, Options, Servers};
use futures_util::future::{join_all, try_join_all};
use reqwest::Client;
use rustix::process::Signal;
use serde_json::json;

use super::cases::{PLENTY, RARE};
use super::service::{Launch, Service};
use crate::audit::Places;
use crate::children::Children;
use crate::{cargo, ui};

pub(crate) const SERVICES: [&str; 4] = ["orders", "inventory", "payments", "shipping"];
const STOCK: u64 = 1_000_000;
/// How often we look whether a service is still there.
const WATCH: Duration = Duration::from_millis(200);

/// Everything that has to end with the demo. It is filled step by step, so that it can be torn
/// down at any moment.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) children: Children,
    pub(crate) http: Client,
    servers: Option<Servers>,
    bed: Option<Bed>,
    pub(crate) services: Vec<Service>,
    logs: PathBuf,
}

impl Stage {
    pub(crate) fn new() -> Result<Self> {
        let http = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(30))
            .build()
            .context("cannot set up HTTP")?;
        let children = Children::new()?;
        let (servers, bed, services) = (None, None, Vec::new());
        Ok(Self { children, http, servers, bed, services, logs: PathBuf::new() })
    }

    /// Builds the services, brings everything up, and fills the shelves.
    pub(crate) async fn set(&mut self) -> Result<()> {
        ui::say("building the services");
        let programs = cargo::build(&self.children, &SERVICES).await?;
        self.logs = run_dir(programs.values().next().map(PathBuf::as_path), "demo")?;

        let servers = self.servers.insert(Servers::acquire(Options::durable()).await?);
        ui::say("applying the broker's topology, making the databases");
        let definitions = topology::definitions(&shop::system(), |_| String::new());
        let bed = Bed::with_plain_names(servers, &definitions, &SERVICES).await?;
        let bed = self.bed.insert(bed);

        for name in SERVICES {
            let program = programs.get(name).with_context(|| format!("cargo built no {name}"))?;
            let launch = Launch {
                name,
                program: program.clone(),
                env: Vec::new(),
                amqp_url: bed.amqp_url(name).to_owned(),
                database_url: bed.database_url(name).to_owned(),
                log: self.logs.join(format!("{name}.log")),
            };
            self.services.push(Service::start(&self.children, launch).await?);
        }
        let http = &self.http;
        try_join_all(self.services.iter_mut().map(|service| service.ready(http))).await?;
        ui::say(&format!("{} are ready", SERVICES.join(", ")));
        fill_shelves(&self.http, self.url("inventory")).await?;
        // For `cargo xtask audit`.
        self.places()?.write(&self.logs)
    }

    /// Where a service answers.
    pub(crate) fn url(&self, name: &str) -> &str {
        let service = self.services.iter().find(|service| service.launch.name == name);
        service.map_or("", |service| service.url.as_str())
    }

    /// A service's process number.
    pub(crate) fn pid(&self, name: &str) -> u32 {
        self.services.iter().find(|service| service.launch.name == name).map_or(0, Service::pid)
    }

    /// Sends a signal to a service's process.
    pub(crate) fn signal(&self, name: &str, signal: Signal) {
        let of_name = self.services.iter().filter(|service| service.launch.name == name);
        of_name.for_each(|service| service.signal(signal));
    }

    /// Where everything is, for the auditor.
    pub(crate) fn places(&self) -> Result<Places> {
        let (servers, bed) = (self.servers()?, self.bed()?);
        let doors = SERVICES.map(|name| (name.to_owned(), self.url(name).to_owned()));
        Places::new(servers, bed, doors.into())
    }

    pub(crate) fn servers(&self) -> Result<&Servers> {
        self.servers.as_ref().context("the servers are not up")
    }

    pub(crate) fn bed(&self) -> Result<&Bed> {
        self.bed.as_ref().context("the broker's topology is not applied")
    }

    pub(crate) fn logs(&self) -> &Path {
        &self.logs
    }

    /// Starts services again that have ended, for whoever kills one to see what happens.
    pub(crate) async fn revive(&mut self) -> Result<()> {
        for service in &mut self.services {
            if let Some(news) = service.revive(&self.children).await? {
                ui::say(&news);
            }
        }
        Ok(())
    }

    /// Keeps the services running, for ever.
    pub(crate) async fn watch(&mut self) -> Result<()> {
        loop {
            self.revive().await?;
            tokio::time::sleep(WATCH).await;
        }
    }

    /// Ends everything, also what is only half there.
    pub(crate) async fn tear_down(self, forget_logs: bool) -> Result<()> {
        let Self { children, http: _, servers, bed, services, logs } = self;
        let played = !services.is_empty();
        if played {
            ui::say("stopping the services");
        }
        join_all(services.into_iter().map(Service::stop)).await;
        drop(children);
        if forget_logs || !played {
            // Only tidiness: the directory is below `target`, or there is none.
            fs::remove_dir_all(&logs).ok();
        } else {
            ui::say(&format!("the services' logs are in {}", logs.display()));
        }
        // Servers of our own take everything with them; on those of somebody else we clean up.
        let ours =
            |servers: &Servers| servers.rabbitmq().is_private() && servers.postgres().is_private();
        let closed = match bed {
            Some(bed) if !servers.as_ref().is_some_and(ours) => bed.close().await,
            bed => {
                stop_servers(servers).await?;
                drop(bed);
                return Ok(());
            }
        };
        stop_servers(servers).await?;
        Ok(closed?)
    }
}

/// Has inventory count in what the orders need.
pub(crate) async fn fill_shelves(http: &Client, inventory: &str) -> Result<()> {
    let plenty = PLENTY.map(|(sku, _)| (sku, STOCK));
    for (sku, quantity) in plenty.into_iter().chain([RARE]) {
        let url = format!("{inventory}/stock/{sku}/receive");
        let note = json!({ "receipt": "opening", "quantity": quantity });
        let answer = http.post(&url).json(&note).send().await;
        answer
            .and_then(reqwest::Response::error_for_status)
            .with_context(|| format!("cannot receive stock of {sku}"))?;
    }
    Ok(())
}

async fn stop_servers(servers: Option<Servers>) -> Result<()> {
    if let Some(servers) = servers {
        ui::say("stopping the servers");
        servers.stop().await?;
    }
    Ok(())
}

/// A directory of this run's own, in the target directory that the programs lie in.
pub(crate) fn run_dir(program: Option<&Path>, kind: &str) -> Result<PathBuf> {
    let target = program.and_then(|file| file.parent()?.parent()).map(Path::to_owned);
    let base = target.unwrap_or_else(|| cargo::root().join("target")).join(kind);
    let dir = base.join(std::process::id().to_string());
    // A run with the same number left it behind.
    fs::remove_dir_all(&dir).ok();
    fs::create_dir_all(&dir).with_context(|| format!("cannot create {}", dir.display()))?;
    Ok(dir)
}
