//! A system's addresses, which the demo writes to a file for the audit.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ballet_ops::audit::BrokerSnapshot;
use ballet_stage::{ManagementClient, TestEnv, write_private};
use serde::{Deserialize, Serialize};

pub(crate) const FILE: &str = "endpoints.json";
/// The number of dead letters of a service that are named with their reasons.
const DEAD_LETTERS: u32 = 20;

/// The addresses of a system.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Endpoints {
    /// The URL of each service.
    pub services: BTreeMap<String, String>,
    /// The URL of each service's database.
    pub databases: BTreeMap<String, String>,
    /// The broker's management API, with user and password.
    pub management: String,
    /// The system's virtual host.
    pub vhost: String,
}

impl Endpoints {
    /// The endpoints of a system in this environment, with its services at these URLs.
    #[must_use]
    pub fn new(env: &TestEnv, services: BTreeMap<String, String>) -> Self {
        let database = |name: &String| (name.clone(), env.database_url(name).to_owned());
        Self {
            databases: services.keys().map(database).collect(),
            services,
            management: env.management_url(),
            vhost: env.vhost().to_owned(),
        }
    }

    /// Writes them for the audit, and returns the file. It holds passwords, so only this user may read it.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(&self, dir: &Path) -> Result<PathBuf> {
        let path = dir.join(FILE);
        let text = serde_json::to_vec_pretty(self).context("cannot write the endpoints")?;
        write_private(&path, &text)?;
        Ok(path)
    }

    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} does not hold a system's endpoints", file.display()))
    }

    /// The URL of a service's database, for its audit.
    ///
    /// # Errors
    ///
    /// If the service is not among them.
    pub fn database(&self, service: &str) -> Result<&str> {
        let url = self.databases.get(service);
        url.map(String::as_str).with_context(|| format!("there is no database of {service}"))
    }

    /// A snapshot of the broker, or the reason why it cannot be read.
    ///
    /// # Errors
    ///
    /// If the address of the management API is wrong.
    pub async fn broker(&self) -> Result<BrokerSnapshot> {
        let management = ManagementClient::at(&self.management, &self.vhost)?;
        let read = management.audited(DEAD_LETTERS).await;
        Ok(read.unwrap_or_else(|error| BrokerSnapshot {
            away: Some(error.to_string()),
            ..BrokerSnapshot::default()
        }))
    }
}
