//! The running shop with its gateway, from the programs that cargo built.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use ballet_stage::{Servers, ServiceProcess, Stage};

use crate::load::customer::{Customer, PATIENCE, SELLS};
use crate::load::stock::fill_shelves;
use crate::load::trial::gateway;
use crate::system::system;
use ballet_terminal::ui;
use ballet_trials::{ConfiguredProgram, Gateway, run_dir, secret};

/// The gateway's package, and its program.
const GATEWAY_PROGRAM: &str = "ballet-gateway";

/// A running shop.
#[derive(Debug)]
pub struct OpenShop {
    stage: Stage,
    pub(crate) gateway: Gateway,
    /// The user that publishes products and receives goods.
    pub(crate) merchant: Customer,
}

impl OpenShop {
    /// Returns the packages with the programs of a shop.
    #[must_use]
    pub fn packages() -> Vec<&'static str> {
        [&service_names()[..], &[GATEWAY_PROGRAM]].concat()
    }

    /// Starts all services and the gateway on these servers, and fills the shelves. `kind` is the kind of run, for the
    /// name of its log directory.
    ///
    /// # Errors
    ///
    /// Returns an error if a program is missing, or does not start.
    pub async fn open(
        kind: &'static str,
        programs: &HashMap<String, PathBuf>,
        servers: Servers,
    ) -> Result<Self> {
        let system = system();
        let logs = run_dir(programs.values().next().map(PathBuf::as_path), kind, system.name)?;
        ui::say("applying the broker's topology and creating the databases");
        let mut stage = Stage::of(&system).on(servers, logs).await?;
        let program = |name: &str| {
            let path = programs.get(name).with_context(|| format!("cargo built no {name}"))?;
            anyhow::Ok(path.clone())
        };
        let names = service_names();
        for name in names.iter().copied() {
            let (variable, value) = secret(&stage.logs, name)?;
            let launch = stage.launch(name, program(name)?, [(variable.to_owned(), value)]);
            stage.start(launch).await?;
        }
        stage.ready().await?;
        let services = stage.services.iter();
        let urls: Vec<_> = services.map(|of| (of.launch.name, &*of.url)).collect();
        let front = ConfiguredProgram { path: program(GATEWAY_PROGRAM)?, env: Vec::new() };
        let gateway = Gateway::start(&stage, front, &gateway(), &urls).await?;
        let merchant = Customer::new(&gateway, SELLS, PATIENCE).await?;
        fill_shelves(&merchant.http, &merchant.shop).await?;
        ui::say(&format!("{} and the gateway are ready", names.join(", ")));
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

fn service_names() -> Vec<&'static str> {
    system().parts.iter().map(|part| part.service).collect()
}
