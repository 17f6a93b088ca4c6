//! The running shop with its gateway and its users.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use ballet_stage::{ServiceProcess, Stage};

use crate::customer::{Customer, PATIENCE, SELLS};
use crate::stock::fill_shelves;
use crate::system::SERVICES;
use crate::trial::gateway;
use ballet_terminal::ui;
use ballet_trials::{ConfiguredProgram, Endpoints, GATEWAY, Gateway, secret};

/// The interval at which the services are checked.
const WATCH: Duration = Duration::from_millis(200);

/// A running shop.
#[derive(Debug)]
pub struct OpenShop {
    /// The root of the repository.
    pub(crate) root: PathBuf,
    pub(crate) stage: Stage,
    pub(crate) gateway: Gateway,
    pub(crate) customers: Vec<Customer>,
    /// The user that publishes products and receives goods.
    pub(crate) merchant: Customer,
}

impl OpenShop {
    /// Starts these services and the gateway from their programs, and fills the shelves.
    pub(crate) async fn open(
        root: &Path,
        mut stage: Stage,
        services: &[&'static str],
        program: impl Fn(&str) -> Result<ConfiguredProgram>,
    ) -> Result<Self> {
        for name in services.iter().copied() {
            let ConfiguredProgram { path, mut env } = program(name)?;
            env.push(secret(&stage.logs, name)?);
            let env = env.into_iter().map(|(name, value)| (name.to_owned(), value));
            let launch = stage.launch(name, path, env);
            stage.start(launch).await?;
        }
        stage.ready().await?;
        let own = stage.services.iter().filter(|service| SERVICES.contains(&service.launch.name));
        let urls: Vec<_> = own.map(|service| (service.launch.name, &*service.url)).collect();
        let gateway = Gateway::start(&stage, program(GATEWAY)?, &gateway(), &urls).await?;
        let customers = Customer::several(&gateway).await?;
        let merchant = Customer::new(&gateway, SELLS, PATIENCE).await?;
        fill_shelves(&merchant.http, &merchant.shop).await?;
        let root = root.to_owned();
        Ok(Self { root, stage, gateway, customers, merchant })
    }

    /// Returns the addresses that the audit needs.
    pub(crate) fn endpoints(&self) -> Endpoints {
        let url = |name: &&'static str| ((*name).to_owned(), self.stage.url(name).to_owned());
        Endpoints::new(&self.stage.env, SERVICES.iter().map(url).collect())
    }

    /// Restarts every process that has ended, for example because the user killed it.
    pub(crate) async fn revive(&mut self) -> Result<()> {
        let news = self.stage.revive().await?;
        let news = news.into_iter().chain(self.gateway.revive(&self.stage.children).await?);
        news.for_each(|news| ui::say(&news));
        Ok(())
    }

    /// Keeps all processes running. Returns only with an error.
    pub(crate) async fn watch(&mut self) -> Result<()> {
        loop {
            self.revive().await?;
            tokio::time::sleep(WATCH).await;
        }
    }

    pub(crate) fn logs(&self) -> &Path {
        &self.stage.logs
    }

    /// Stops all processes and servers.
    ///
    /// # Errors
    ///
    /// Returns an error if something cannot be removed.
    pub async fn close(self, keep_logs: bool) -> Result<()> {
        ui::say("stopping the services and the servers");
        if keep_logs {
            ui::say(&format!("the services' logs are in {}", self.logs().display()));
        }
        self.gateway.stop(ServiceProcess::DRAIN).await;
        Ok(Box::pin(self.stage.end(keep_logs)).await?)
    }
}
