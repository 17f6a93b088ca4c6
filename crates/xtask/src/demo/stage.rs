//! A whole shop: servers, the broker's topology, databases, the services, and the gateway in front.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use ballet::core::{System, topology};
use ballet_stage::{Children, Database, Launch, Servers, ServiceProcess, TestEnv};
use futures_util::future::{join_all, try_join_all};
use reqwest::Client;
use rustix::process::Signal;

use crate::harness::customer::{BUYS, Customer, SELLS};
use crate::harness::endpoints::Endpoints;
use crate::harness::gateway::{Gateway, Program, SECRET, drawn_secret};
use crate::harness::run_dir::run_dir;
use crate::harness::services::SERVICES;
use crate::harness::stock::fill_shelves;
use crate::ui;

/// How often the services are checked.
const WATCH: Duration = Duration::from_millis(200);
/// For an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// The number of people who buy through the gateway.
const CUSTOMERS: usize = 20;
/// The gateway's package, and its program.
const GATEWAY: (&str, &str) = ("gateway", "ballet-gateway");

/// The packages with the programs of a shop, with these services besides its own.
pub(crate) fn packages(joined: &[&'static str]) -> Vec<&'static str> {
    [&SERVICES[..], joined, &[GATEWAY.0]].concat()
}

/// Everything that must end with the demo. It is set up step by step and can be torn down after
/// each of them.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) children: Children,
    pub(crate) http: Client,
    servers: Option<Servers>,
    env: Option<TestEnv>,
    pub(crate) services: Vec<ServiceProcess>,
    gateway: Option<Gateway>,
    /// The gateway's.
    database: Option<Database>,
    pub(crate) customers: Vec<Customer>,
    /// Publishes products and counts goods in.
    merchant: Option<Customer>,
    /// What the gateway signs with.
    secret: String,
    /// The kind of run, for the directory of its logs.
    kind: &'static str,
    logs: PathBuf,
}

impl Stage {
    pub(crate) fn new(kind: &'static str) -> Result<Self> {
        let http =
            Client::builder().no_proxy().timeout(PATIENCE).build().context("cannot set up HTTP")?;
        let children = Children::new()?;
        let (servers, env, services) = (None, None, Vec::new());
        let (gateway, database, merchant) = (None, None, None);
        let (customers, logs) = (Vec::new(), PathBuf::new());
        Ok(Self {
            children,
            http,
            servers,
            env,
            services,
            gateway,
            database,
            customers,
            merchant,
            secret: drawn_secret(),
            kind,
            logs,
        })
    }

    /// Starts everything from these programs and on these servers, and fills the shelves. `system` has
    /// the shop's own services and those that have joined it.
    pub(crate) async fn set(
        &mut self,
        programs: &HashMap<String, PathBuf>,
        system: &System,
        servers: Servers,
    ) -> Result<()> {
        self.logs = run_dir(programs.values().next().map(PathBuf::as_path), self.kind)?;
        let servers = self.servers.insert(servers);
        ui::say("applying the broker's topology and creating the databases");
        let definitions = topology::definitions(system, |_| String::new());
        let names = system.parts.iter().map(|part| part.service);
        // The others run elsewhere, or not at all.
        let runs = |name: &&str| SERVICES.contains(name) || programs.contains_key(*name);
        let names: Vec<_> = names.filter(runs).collect();
        let env = TestEnv::with_plain_names(servers, &definitions, &names).await?;
        let env = self.env.insert(env);

        for name in names {
            let program = programs.get(name).with_context(|| format!("cargo built no {name}"))?;
            let launch = Launch {
                name,
                program: program.clone(),
                env: vec![
                    ("RABBITMQ_MANAGEMENT_URL".to_owned(), env.management().url().to_owned()),
                    (SECRET.to_owned(), self.secret.clone()),
                ],
                isolated: false,
                amqp_url: env.amqp_url(name).to_owned(),
                database_url: env.database_url(name).to_owned(),
                log: self.logs.join(format!("{name}.log")),
            };
            self.services.push(ServiceProcess::start(&self.children, launch).await?);
        }
        let database = self.database.insert(Database::new(servers.postgres(), GATEWAY.0).await?);
        let http = &self.http;
        try_join_all(self.services.iter_mut().map(|service| service.ready(http))).await?;
        let own = self.services.iter().filter(|service| SERVICES.contains(&service.launch.name));
        let urls = own.map(|service| (service.launch.name, &*service.url));
        let urls: Vec<_> = urls.collect();
        let path = programs.get(GATEWAY.1).context("cargo built no gateway")?.clone();
        let env = vec![(SECRET, self.secret.clone())];
        let (program, dir) = (Program { path, env }, &self.logs);
        let gateway = Gateway::start(&self.children, program, dir, database.url(), &urls).await?;
        gateway.ready(http).await?;
        for _ in 0..CUSTOMERS {
            self.customers.push(Customer::new(&gateway, BUYS, PATIENCE).await?);
        }
        let merchant = Customer::new(&gateway, SELLS, PATIENCE).await?;
        self.gateway = Some(gateway);
        let ready: Vec<_> = self.services.iter().map(|service| service.launch.name).collect();
        ui::say(&format!("{} and the gateway are ready", ready.join(", ")));
        fill_shelves(&merchant.http, &merchant.shop).await?;
        self.merchant = Some(merchant);
        // For `cargo xtask audit`.
        self.endpoints()?.write(&self.logs)
    }

    /// The URL of a service.
    pub(crate) fn url(&self, name: &str) -> &str {
        let service = self.services.iter().find(|service| service.launch.name == name);
        service.map_or("", |service| service.url.as_str())
    }

    /// Sends a signal to a service's process.
    pub(crate) fn signal(&self, name: &str, signal: Signal) {
        let of_name = self.services.iter().filter(|service| service.launch.name == name);
        of_name.for_each(|service| service.signal(signal));
    }

    /// Where everything can be reached, for the audit.
    pub(crate) fn endpoints(&self) -> Result<Endpoints> {
        let services = SERVICES.iter().map(|name| ((*name).to_owned(), self.url(name).to_owned()));
        Ok(Endpoints::new(self.env()?, services.collect()).signed(&self.secret))
    }

    pub(crate) fn servers(&self) -> Result<&Servers> {
        self.servers.as_ref().context("the servers are not up")
    }

    pub(crate) fn env(&self) -> Result<&TestEnv> {
        self.env.as_ref().context("the broker's topology is not applied")
    }

    pub(crate) fn gateway(&self) -> Result<&Gateway> {
        self.gateway.as_ref().context("the gateway is not up")
    }

    pub(crate) fn merchant(&self) -> Result<&Customer> {
        self.merchant.as_ref().context("the gateway is not up")
    }

    pub(crate) fn logs(&self) -> &Path {
        &self.logs
    }

    /// Starts every service again that has ended, for example because the user killed it.
    pub(crate) async fn revive(&mut self) -> Result<()> {
        for service in &mut self.services {
            if let Some(news) = service.revive(&self.children).await? {
                ui::say(&news);
            }
        }
        if let Some(gateway) = &mut self.gateway
            && let Some(news) = gateway.revive(&self.children).await?
        {
            ui::say(&news);
        }
        Ok(())
    }

    /// Keeps the services running. Returns only with an error.
    pub(crate) async fn watch(&mut self) -> Result<()> {
        loop {
            self.revive().await?;
            tokio::time::sleep(WATCH).await;
        }
    }

    /// Ends everything, also after a set-up that was interrupted.
    pub(crate) async fn tear_down(self, remove_logs: bool) -> Result<()> {
        let Self { children, servers, env, services, gateway, database, logs, .. } = self;
        let played = !services.is_empty();
        if played {
            ui::say("stopping the services");
        }
        if let Some(gateway) = gateway {
            gateway.stop(ServiceProcess::DRAIN).await;
        }
        join_all(services.into_iter().map(ServiceProcess::stop)).await;
        drop((children, database));
        if remove_logs || !played {
            // A failure does no harm: the directory is in `target`, or does not exist.
            fs::remove_dir_all(&logs).ok();
        } else {
            ui::say(&format!("the services' logs are in {}", logs.display()));
        }
        // Private servers are removed with all they hold. On other servers we clean up.
        let private =
            |servers: &Servers| servers.rabbitmq().is_private() && servers.postgres().is_private();
        let closed = match env {
            Some(env) if !servers.as_ref().is_some_and(private) => env.close().await,
            env => {
                stop_servers(servers).await?;
                drop(env);
                return Ok(());
            }
        };
        stop_servers(servers).await?;
        Ok(closed?)
    }
}

async fn stop_servers(servers: Option<Servers>) -> Result<()> {
    if let Some(servers) = servers {
        ui::say("stopping the servers");
        servers.stop().await?;
    }
    Ok(())
}
