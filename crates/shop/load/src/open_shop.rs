//! The shop with its gateway, and those who use it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use ballet_stage::{ServiceProcess, Stage};

use crate::customer::{Customer, PATIENCE, SELLS};
use crate::stock::fill_shelves;
use crate::system::SERVICES;
use crate::trial::gateway;
use ballet_terminal::ui;
use ballet_trials::{ConfiguredProgram, Endpoints, GATEWAY, Gateway, SECRET, drawn_secret};

/// How often the services are checked.
const WATCH: Duration = Duration::from_millis(200);

/// A shop that is open.
#[derive(Debug)]
pub struct OpenShop {
    /// The checkout.
    pub(crate) root: PathBuf,
    pub(crate) stage: Stage,
    pub(crate) gateway: Gateway,
    pub(crate) customers: Vec<Customer>,
    /// Publishes products and counts goods in.
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
        let secret = drawn_secret();
        let signed = |name: &str| {
            let ConfiguredProgram { path, mut env } = program(name)?;
            env.push((SECRET, secret.clone()));
            anyhow::Ok(ConfiguredProgram { path, env })
        };
        for name in services.iter().copied() {
            let ConfiguredProgram { path, env } = signed(name)?;
            let env = env.into_iter().map(|(name, value)| (name.to_owned(), value));
            let launch = stage.launch(name, path, env);
            stage.start(launch).await?;
        }
        stage.ready().await?;
        let own = stage.services.iter().filter(|service| SERVICES.contains(&service.launch.name));
        let urls: Vec<_> = own.map(|service| (service.launch.name, &*service.url)).collect();
        let gateway = Gateway::start(&stage, signed(GATEWAY)?, &gateway(), &urls).await?;
        let customers = Customer::several(&gateway).await?;
        let merchant = Customer::new(&gateway, SELLS, PATIENCE).await?;
        fill_shelves(&merchant.http, &merchant.shop).await?;
        let root = root.to_owned();
        Ok(Self { root, stage, gateway, customers, merchant })
    }

    /// Where everything can be reached, for the audit.
    pub(crate) fn endpoints(&self) -> Endpoints {
        let url = |name: &&'static str| ((*name).to_owned(), self.stage.url(name).to_owned());
        Endpoints::new(&self.stage.env, SERVICES.iter().map(url).collect())
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
        Ok(Box::pin(self.stage.end(keep_logs)).await?)
    }
}
