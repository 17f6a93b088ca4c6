//! What was found of the running system. A look takes seconds, so one request looks and the others wait for it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ballet_core::System;
use ballet_ops::figures::{ServiceFigures, figures};
use ballet_ops::finding::Finding;
use ballet_ops::sagas::{SagaVersion, has_versions, versions};
use jiff::Timestamp;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::looks::Looks;
use crate::server::fresh::Fresh;

/// What was found is shown for this long.
const FRESH: Duration = Duration::from_secs(15);
/// How long the services' databases may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Why nothing is found.
pub(super) const NOBODY: &str = "this console was not started by the command, which looks for it";

/// What was found of the running system.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) at: Timestamp,
    /// What the look found, or why nothing.
    pub(super) findings: Result<Vec<Finding>, String>,
    /// Each service in figures, or why there are none. Empty without databases.
    pub(super) figures: BTreeMap<String, Result<ServiceFigures, String>>,
    /// The sagas with several versions. Empty if there are none, or if the databases did not say it soon.
    pub(super) versions: Vec<SagaVersion>,
}

/// Who looks, and what was found last.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(super) looks: Option<Arc<dyn Looks>>,
    pub(super) found: Fresh<Found>,
    /// One audit at a time.
    pub(super) auditing: Mutex<()>,
}

impl Looked {
    pub(crate) fn new(looks: Option<Arc<dyn Looks>>) -> Self {
        Self { looks, found: Fresh::new(FRESH), auditing: Mutex::default() }
    }

    /// What is found, some seconds old at most.
    pub(super) async fn look(
        &self,
        system: &System,
        databases: &[(String, PgConnectOptions)],
        now: Timestamp,
    ) -> Arc<Found> {
        self.found.or_find(Box::pin(self.find(system, databases, now))).await
    }

    async fn find(
        &self,
        system: &System,
        databases: &[(String, PgConnectOptions)],
        now: Timestamp,
    ) -> Found {
        let findings = async {
            match &self.looks {
                Some(looks) => looks.findings().await,
                None => Err(NOBODY.to_owned()),
            }
        };
        let versions = async {
            if databases.is_empty() || !has_versions(system) {
                return Vec::new();
            }
            let versions = timeout(PATIENCE, versions(system, databases)).await;
            versions.map(|(versions, _)| versions).unwrap_or_default()
        };
        let figures = async {
            match timeout(PATIENCE, figures(databases)).await {
                Ok(figures) => figures,
                Err(_late) => {
                    let late = || Err(format!("no answer within {} s", PATIENCE.as_secs()));
                    databases.iter().map(|(service, _)| (service.clone(), late())).collect()
                }
            }
        };
        let (findings, figures, versions) = tokio::join!(findings, figures, versions);
        Found { at: now, findings, figures, versions }
    }
}
