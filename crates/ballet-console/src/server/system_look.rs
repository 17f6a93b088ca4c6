//! The findings on the running system. A look takes seconds, so one request looks and the others wait for it.

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

use crate::inspector::Inspector;
use crate::server::timed_value::TimedValue;

/// The time for which findings are shown.
const FRESH: Duration = Duration::from_secs(15);
/// The limit for the services' databases.
const PATIENCE: Duration = Duration::from_secs(20);
/// The reason if there is nothing to look with.
pub(super) const NOBODY: &str = "this console was not started by the command, which looks for it";

/// The findings on the running system.
#[derive(Debug)]
pub(super) struct SystemFindings {
    pub(super) at: Timestamp,
    /// The findings, or why there are none.
    pub(super) findings: Result<Vec<Finding>, String>,
    /// The figures of each service, or why there are none. Empty without databases.
    pub(super) figures: BTreeMap<String, Result<ServiceFigures, String>>,
    /// The sagas with several versions. Empty if there are none, or if the databases were too slow.
    pub(super) versions: Vec<SagaVersion>,
}

/// The view of the running system, and the last findings.
#[derive(Debug)]
pub(crate) struct SystemLook {
    pub(super) looks: Option<Arc<dyn Inspector>>,
    pub(super) found: TimedValue<SystemFindings>,
    /// Allows one audit at a time.
    pub(super) auditing: Mutex<()>,
}

impl SystemLook {
    pub(crate) fn new(looks: Option<Arc<dyn Inspector>>) -> Self {
        Self { looks, found: TimedValue::new(FRESH), auditing: Mutex::default() }
    }

    /// Returns the findings, at most some seconds old.
    pub(super) async fn look(
        &self,
        system: &System,
        databases: &[(String, PgConnectOptions)],
        now: Timestamp,
    ) -> Arc<SystemFindings> {
        self.found.or_find(Box::pin(self.find(system, databases, now))).await
    }

    async fn find(
        &self,
        system: &System,
        databases: &[(String, PgConnectOptions)],
        now: Timestamp,
    ) -> SystemFindings {
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
        SystemFindings { at: now, findings, figures, versions }
    }
}
