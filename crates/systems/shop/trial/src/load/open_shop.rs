//! The running shop with its gateway, from the programs that cargo built.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use ballet_ops::terminal::ui;
use ballet_stage::{Servers, ServiceProcess, Stage};
use ballet_trials::{ConfiguredProgram, Gateway, run_dir, secret};
use reqwest::Client;

use crate::load::customer::{Customer, PATIENCE, SELLS};
use crate::load::stock::fill_shelves;
use crate::load::trial::gateway;
use crate::system::system;

/// A running shop.
#[derive(Debug)]
pub struct OpenShop {
    stage: Stage,
    pub(crate) gateway: Gateway,
    /// The user that publishes products and receives goods.
    pub(crate) merchant: Customer,
}

impl OpenShop {
    /// Starts all services and the gateway on these servers, from the programs beside this one, and fills the
    /// shelves.
    ///
    /// # Errors
    ///
    /// Returns an error if a program is missing, or does not start.
    pub async fn open(servers: Servers) -> Result<Self> {
        let system = system();
        let own = std::env::current_exe().context("cannot find this program")?;
        let logs = run_dir(Some(&own), "bench-checkout", system.name)?;
        ui::say("applying the broker's topology and creating the databases");
        let mut stage = Stage::of(&system).on(servers, logs).await?;
        let program = |name: &str| -> Result<PathBuf> {
            let path = own.with_file_name(name);
            ensure!(path.exists(), "{} is missing: build its package", path.display());
            Ok(path)
        };
        let services: Vec<_> = system.parts.iter().map(|part| part.service).collect();
        for name in services.iter().copied() {
            let (variable, value) = secret(&stage.logs, name)?;
            let launch = stage.launch(name, program(name)?, [(variable.to_owned(), value)]);
            stage.start(launch).await?;
        }
        stage.ready().await?;
        let urls: Vec<_> = stage.services.iter().map(|of| (of.launch.name, &*of.url)).collect();
        let front = ConfiguredProgram { path: program("ballet-gateway")?, env: Vec::new() };
        let http = Client::builder().no_proxy().timeout(PATIENCE).build();
        let http = http.context("cannot set up HTTP")?;
        let gateway = Gateway::start(&stage, &http, front, &gateway(), &urls).await?;
        let merchant = Customer::new(&gateway, SELLS, PATIENCE).await?;
        fill_shelves(&merchant.http, &merchant.shop).await?;
        ui::say(&format!("{} and the gateway are ready", services.join(", ")));
        Ok(Self { stage, gateway, merchant })
    }

    /// Stops all processes and servers.
    ///
    /// # Errors
    ///
    /// Returns an error if something cannot be removed.
    pub async fn close(self, keep_logs: bool) -> Result<()> {
        ui::say("stopping the services and the servers");
        if keep_logs {
            ui::say(&format!("the services' logs are in {}", self.stage.logs.display()));
        }
        self.gateway.stop(ServiceProcess::DRAIN).await;
        Ok(Box::pin(self.stage.end(keep_logs)).await?)
    }
}
