//! Where a shop can be reached: its services, databases and broker. The demo writes this to a file,
//! and the audit reads it.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use ballet_ops::audit::{BrokerSnapshot, Report};
use ballet_stage::{Management, TestEnv};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use shop::audit::{Published, ServiceUrls};

/// The file in the directory of a run.
pub(crate) const FILE: &str = "endpoints.json";
/// The number of dead letters of a service that are named with their reasons.
const DEAD_LETTERS: u32 = 20;

/// Where a shop can be reached.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Endpoints {
    /// The URL of each service.
    pub(crate) services: BTreeMap<String, String>,
    /// The URL of each service's database.
    pub(crate) databases: BTreeMap<String, String>,
    /// The broker's management API, with user and password.
    pub(crate) management: String,
    pub(crate) vhost: String,
    /// What the services want requests to be signed with, if they do.
    #[serde(default)]
    pub(crate) secret: Option<String>,
}

impl Endpoints {
    pub(crate) fn new(env: &TestEnv, services: BTreeMap<String, String>) -> Self {
        let database = |name: &String| (name.clone(), env.database_url(name).to_owned());
        Self {
            databases: services.keys().map(database).collect(),
            services,
            management: env.management_url(),
            vhost: env.vhost().to_owned(),
            secret: None,
        }
    }

    /// Of services that take only what is signed with this.
    pub(crate) fn signed(self, secret: &str) -> Self {
        Self { secret: Some(secret.to_owned()), ..self }
    }

    /// Writes them where the audit looks. Only we may read the file, because it holds passwords.
    pub(crate) fn write(&self, dir: &Path) -> Result<()> {
        let path = dir.join(FILE);
        let text = serde_json::to_vec_pretty(self).context("cannot write the endpoints")?;
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| file.write_all(&text));
        written.with_context(|| format!("cannot write {}", path.display()))
    }

    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} does not hold a shop's endpoints", file.display()))
    }

    fn service_urls(&self) -> ServiceUrls {
        let urls: ServiceUrls = self.services.clone().into_iter().collect();
        match &self.secret {
            Some(secret) => urls.signed_with(secret),
            None => urls,
        }
    }

    /// What of the products is unlike what was published of them.
    pub(crate) async fn unlike_published(&self, published: &Published) -> Result<Vec<String>> {
        let products = shop::audit::products(&self.service_urls()).await?;
        Ok(shop::audit::unlike_published(&products, published))
    }

    /// What the broker holds now, or why it cannot be read.
    pub(crate) async fn broker(&self) -> Result<BrokerSnapshot> {
        let management = Management::at(&self.management, &self.vhost)?;
        let read = management.audited(DEAD_LETTERS).await;
        Ok(read.unwrap_or_else(|error| BrokerSnapshot {
            away: Some(error.to_string()),
            ..BrokerSnapshot::default()
        }))
    }

    /// Audits the business rows and the framework's tables. What has not changed for
    /// `quiescent_after` is quiescent.
    pub(crate) async fn audit(
        &self,
        broker: &BrokerSnapshot,
        quiescent_after: SignedDuration,
    ) -> Report {
        self.audit_ahead(broker, quiescent_after, SignedDuration::ZERO).await
    }

    /// The same for a shop whose clock is ahead of this machine's.
    pub(crate) async fn audit_ahead(
        &self,
        broker: &BrokerSnapshot,
        quiescent_after: SignedDuration,
        ahead: SignedDuration,
    ) -> Report {
        let databases: Vec<_> = self.databases.clone().into_iter().collect();
        let system = shop::system();
        // First: what is over by then is over in the services' rows, too.
        let framework =
            ballet_ops::audit::audit(&system, &databases, broker, quiescent_after).await;
        let urls = self.service_urls();
        // The framework's audit goes by the databases' clock, the shop's by this machine's.
        let quiescent_after = quiescent_after - ahead;
        let business = shop::audit::audit_beside(&framework, &urls, quiescent_after).await;
        business.and(framework)
    }
}
