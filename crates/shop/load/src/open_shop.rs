//! The shop with its gateway, and those who use it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use ballet_stage::{Database, ServiceProcess, Stage};

use crate::customer::{BUYS, Customer, SELLS};
use crate::gateway::{Gateway, Program, SECRET, drawn_secret};
use crate::stock::fill_shelves;
use crate::system::GATEWAY;
use crate::system::SERVICES;
use ballet_terminal::ui;
use ballet_trials::Endpoints;

/// For an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// The number of people who buy through the gateway, which allows each of them 60 orders a minute.
const CUSTOMERS: usize = 20;
/// How often the services are checked.
const WATCH: Duration = Duration::from_millis(200);

/// A shop that is open.
#[derive(Debug)]
pub struct OpenShop {
    /// The checkout.
    pub(crate) root: PathBuf,
    pub(crate) stage: Stage,
    pub(crate) gateway: Gateway,
    /// The gateway's.
    database: Database,
    pub(crate) customers: Vec<Customer>,
    /// Publishes products and counts goods in.
    pub(crate) merchant: Customer,
    /// What the gateway signs with.
    secret: String,
}

impl OpenShop {
    /// Starts these services and the gateway from their programs, and fills the shelves.
    pub(crate) async fn open(
        root: &Path,
        mut stage: Stage,
        services: &[&'static str],
        program: impl Fn(&str) -> Result<Program>,
    ) -> Result<Self> {
        let secret = drawn_secret();
        let signed = |name: &str| {
            let Program { path, mut env } = program(name)?;
            env.push((SECRET, secret.clone()));
            anyhow::Ok(Program { path, env })
        };
        for name in services.iter().copied() {
            let Program { path, env } = signed(name)?;
            let env = env.into_iter().map(|(name, value)| (name.to_owned(), value));
            let launch = stage.launch(name, path, env);
            stage.start(launch).await?;
        }
        let database = Database::new(stage.servers.postgres(), GATEWAY).await?;
        stage.ready().await?;
        let own = stage.services.iter().filter(|service| SERVICES.contains(&service.launch.name));
        let urls: Vec<_> = own.map(|service| (service.launch.name, &*service.url)).collect();
        let (children, program) = (&stage.children, signed(GATEWAY)?);
        let (logs, url) = (&stage.logs, database.url());
        let gateway = Gateway::start(children, program, root, logs, url, &urls).await?;
        gateway.ready(&stage.http).await?;
        let mut customers = Vec::new();
        for _ in 0..CUSTOMERS {
            customers.push(Customer::new(&gateway, BUYS, PATIENCE).await?);
        }
        let merchant = Customer::new(&gateway, SELLS, PATIENCE).await?;
        fill_shelves(&merchant.http, &merchant.shop).await?;
        let root = root.to_owned();
        Ok(Self { root, stage, gateway, database, customers, merchant, secret })
    }

    /// Where everything can be reached, for the audit.
    pub(crate) fn endpoints(&self) -> Endpoints {
        let url = |name: &&'static str| ((*name).to_owned(), self.stage.url(name).to_owned());
        Endpoints::new(&self.stage.env, SERVICES.iter().map(url).collect()).signed(&self.secret)
    }

    /// Starts everything again that has ended, for example because the user killed it.
    pub(crate) async fn revive(&mut self) -> Result<()> {
        let news = self.stage.revive().await?;
        let news = news.into_iter().chain(self.gateway.revive(&self.stage.children).await?);
        news.for_each(|news| ui::say(&news));
        Ok(())
    }

    /// Keeps everything running. Returns only with an error.
    pub(crate) async fn watch(&mut self) -> Result<()> {
        loop {
            self.revive().await?;
            tokio::time::sleep(WATCH).await;
        }
    }

    pub(crate) fn logs(&self) -> &Path {
        &self.stage.logs
    }

    /// Ends everything.
    ///
    /// # Errors
    ///
    /// Something cannot be removed.
    pub async fn close(self, keep_logs: bool) -> Result<()> {
        ui::say("stopping the services and the servers");
        if keep_logs {
            ui::say(&format!("the services' logs are in {}", self.logs().display()));
        }
        self.gateway.stop(ServiceProcess::DRAIN).await;
        drop(self.database);
        Ok(Box::pin(self.stage.end(keep_logs)).await?)
    }
}
