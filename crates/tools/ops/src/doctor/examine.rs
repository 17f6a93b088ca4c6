//! All findings: what is so now, and what changes seldom or takes longer to see.

use ballet_amqp::ManagementApi;
use ballet_core::Cause;
use ballet_store::inbox::stuck::StuckEntry;
use futures_util::future::join_all;
use serde_json::Value;
use tokio::join;

use crate::doctor::servers::SystemServers;
use crate::doctor::{broker, databases, journal, on_broker};
use crate::management::SOON;
use crate::standing::finding::{BROKER, Finding, FindingState};

/// How a system stands at one moment.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// The findings, the worst first.
    pub findings: Vec<Finding>,
    /// The broker's queues as its management API lists them, if it does.
    pub queues: Option<Vec<Value>>,
    /// The messages and calls that fail at this moment, at most 1,000 of each service.
    pub failing: Vec<StuckEntry>,
    /// The virtual host.
    vhost: String,
}

/// Checks the broker, the databases, the services and their providers. Changes nothing, and ends within a minute even
/// if a server hangs.
pub async fn standing(servers: &SystemServers) -> Standing {
    let of_broker = async {
        let (connected, vhost) = broker::connection(&servers.broker).await;
        // The virtual host may have another name than the folder of the contracts.
        let vhost = vhost.unwrap_or_else(|| servers.system.name.to_owned());
        let (mut findings, queues) = match management(servers, &vhost) {
            Ok(management) => on_broker::standing(&management, servers.system, &vhost).await,
            Err(why) => (vec![*why], None),
        };
        findings.push(connected);
        Standing { findings, queues, failing: Vec::new(), vhost }
    };
    let looked = servers.databases.iter().map(|(service, of)| databases::standing(service, of));
    let (mut standing, of_databases) = join!(of_broker, join_all(looked));
    for (findings, failing) in of_databases {
        standing.findings.extend(findings);
        standing.failing.extend(failing);
    }
    standing.findings.sort_by_key(Finding::rank);
    standing
}

/// Checks the journal, rights, clocks, versions and tables. Ends within a minute.
pub async fn rest(servers: &SystemServers, standing: &Standing) -> Vec<Finding> {
    let SystemServers { system, databases, clock, .. } = servers;
    let is_found = |causes: &[Cause]| {
        let mut bad = standing.findings.iter().filter(|one| one.state.needs_somebody());
        bad.any(|one| causes.contains(&one.cause))
    };
    let management = management(servers, &standing.vhost).ok();
    let is_connected =
        |one: &Finding| (one.cause, one.state) == (Cause::Broker, FindingState::Well);
    let of_journal = async {
        match standing.findings.iter().any(is_connected) {
            true => Some(journal::check(servers).await),
            false => None,
        }
    };
    let of_broker = async {
        match &management {
            Some(management) if !is_found(&[Cause::Management]) => {
                on_broker::rest(management, system, &standing.vhost, clock).await
            }
            _ => Vec::new(),
        }
    };
    let looked = databases.iter().map(|(service, of)| databases::rest(service, of, clock));
    let (journal, mut findings, databases) = join!(of_journal, of_broker, join_all(looked));
    findings.extend(journal);
    findings.extend(databases.into_iter().flatten());
    findings
}

/// Returns all findings, the worst first.
pub async fn examine(servers: &SystemServers) -> Vec<Finding> {
    let standing = standing(servers).await;
    let mut findings = rest(servers, &standing).await;
    findings.extend(standing.findings);
    findings.sort_by_key(Finding::rank);
    findings
}

fn management(servers: &SystemServers, vhost: &str) -> Result<ManagementApi, Box<Finding>> {
    let advice = "set RABBITMQ_MANAGEMENT_URL or give --management-url";
    let unknown = |why: &str| Box::new(Finding::unknown(Cause::Management, BROKER, why, advice));
    let address = servers.management.as_ref().ok_or_else(|| unknown("its address is not given"))?;
    ManagementApi::at(address, vhost, SOON).map_err(|error| unknown(&error.to_string()))
}
