//! The servers, with a virtual host and databases for each contestant.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use ballet::core::topology;
use ballet_stage::{Children, Options, Servers, TestEnv};
use sqlx::{Connection, PgConnection};

use crate::contestants::contestant::Contestant;
use crate::contestants::system::system;
use crate::saga4::contract::SERVICES;

/// The servers: durable and private.
#[derive(Debug)]
pub struct BenchStage {
    pub(crate) servers: Servers,
    pub(crate) children: Children,
    pub(crate) program: PathBuf,
    pub(crate) logs: PathBuf,
}

impl BenchStage {
    /// Starts the servers.
    ///
    /// # Errors
    ///
    /// If they do not start.
    pub async fn set_up(out: &Path) -> Result<Self> {
        let program = beside("bench-service")?;
        let logs = out.join("logs");
        fs::create_dir_all(&logs).with_context(|| format!("cannot create {}", logs.display()))?;
        let servers = Box::pin(Servers::private(Options::durable())).await?;
        Ok(Self { servers, children: Children::new()?, program, logs })
    }

    /// Stops the servers.
    ///
    /// # Errors
    ///
    /// If they do not stop.
    pub async fn take_down(self) -> Result<()> {
        Ok(self.servers.stop().await?)
    }

    pub(crate) async fn env(&self, contestant: Contestant) -> Result<TestEnv> {
        let definitions = topology::definitions(&system(), |_| String::new());
        Ok(TestEnv::new(&self.servers, contestant.name(), &definitions, &SERVICES).await?)
    }
}

pub(crate) fn beside(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("cannot find this program")?;
    let program = own.with_file_name(name);
    if !program.exists() {
        bail!("{} is missing: build the packages `bench` and `ballet-gateway`", program.display());
    }
    Ok(program)
}

/// Connects to a service's database as the administrator.
pub(crate) async fn admin(env: &TestEnv, service: &str) -> Result<PgConnection> {
    let url = env.admin_database_url(service);
    PgConnection::connect(url)
        .await
        .with_context(|| format!("cannot connect to the database of {service}"))
}
