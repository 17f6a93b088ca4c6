//! Examines the running system regularly, so that no page waits for a server.

use std::collections::BTreeMap;
use std::time::Duration;

use ballet_ops::doctor::{Standing, SystemServers, rest, standing};
use ballet_ops::sagas::{Hindrance, SagaVersion, has_versions, hindrances, versions};
use ballet_ops::standing::figures::{ServiceFigures, figures};
use ballet_ops::standing::finding::{Finding, FindingState, Hinders};
use jiff::Timestamp;
use tokio::join;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

/// The wait after a look at how the system stands, and after one at the rest.
const EVERY: Duration = Duration::from_secs(5);
const REST_EVERY: Duration = Duration::from_secs(30);
/// The limit for the services' databases.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Default)]
pub(crate) struct SystemFindings {
    pub(crate) at: Option<Timestamp>,
    pub(crate) standing: Standing,
    pub(crate) rest: Vec<Finding>,
    /// The places where sagas are kept from going on.
    pub(crate) hindrances: Vec<Hindrance>,
    /// The figures of each service, or why there are none. Empty without databases.
    pub(crate) figures: BTreeMap<String, Result<ServiceFigures, String>>,
    /// The sagas with several versions. Empty if there are none, or if the databases were too slow.
    pub(crate) versions: Vec<SagaVersion>,
}

impl SystemFindings {
    pub(crate) fn all(&self) -> Vec<&Finding> {
        let mut all: Vec<&Finding> = self.standing.findings.iter().chain(&self.rest).collect();
        all.sort_by_key(|one| one.rank());
        all
    }

    pub(crate) fn unwell(&self) -> Vec<Finding> {
        let is_unwell = |one: &&Finding| {
            one.state.needs_somebody()
                || (one.state == FindingState::Warning && one.hinders != Hinders::Nothing)
        };
        self.all().into_iter().filter(is_unwell).cloned().collect()
    }

    /// Where sagas are blocked or stuck, as the database compares it: a service, or a step of it.
    pub(crate) fn places(&self) -> Vec<String> {
        let place = |one: &Hindrance| match &one.step {
            Some(step) => format!("{}/{step}", one.service),
            None => one.service.clone(),
        };
        self.hindrances.iter().map(place).collect()
    }

    /// Sagas with a failure whose error has this text.
    pub(crate) fn failing(&self, text: &str) -> BTreeMap<Uuid, String> {
        let text = text.to_lowercase();
        let failing = self.standing.failing.iter();
        let found = failing.filter(|one| one.detail.to_lowercase().contains(&text));
        found.filter_map(|one| Some((one.saga_id?.0, one.detail.clone()))).collect()
    }

    pub(crate) fn depth(&self, queue: &str) -> Option<u64> {
        let listed = self.standing.queues.as_deref()?;
        listed.iter().find(|one| one["name"] == queue)?["messages"].as_u64()
    }
}

/// Forever.
pub(crate) async fn watch(servers: SystemServers, found: watch::Sender<SystemFindings>) {
    let stand = async {
        loop {
            let of_services = timeout(PATIENCE, figures(&servers.databases));
            let (standing, figures) = join!(standing(&servers), of_services);
            let late = || Err(format!("no answer within {} s", PATIENCE.as_secs()));
            let late = |_| servers.databases.iter().map(|(of, _)| (of.clone(), late())).collect();
            found.send_modify(|found| {
                found.at = Some(servers.clock.now());
                found.hindrances = hindrances(servers.system, &standing.findings);
                found.standing = standing;
                found.figures = figures.unwrap_or_else(late);
            });
            sleep(EVERY).await;
        }
    };
    let others = async {
        let mut seen = found.subscribe();
        loop {
            if seen.wait_for(|found| found.at.is_some()).await.is_err() {
                return;
            }
            let standing = seen.borrow().standing.clone();
            let versions = async {
                if servers.databases.is_empty() || !has_versions(servers.system) {
                    return Vec::new();
                }
                let versions =
                    timeout(PATIENCE, versions(servers.system, &servers.databases)).await;
                versions.map(|(versions, _)| versions).unwrap_or_default()
            };
            let (rest, versions) = join!(rest(&servers, &standing), versions);
            found.send_modify(|found| (found.rest, found.versions) = (rest, versions));
            sleep(REST_EVERY).await;
        }
    };
    join!(stand, others);
}
