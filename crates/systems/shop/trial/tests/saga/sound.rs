//! The checks that a shop is sound, by its audits.

use std::collections::BTreeMap;

use ballet::core::Part;
use ballet_ops::audit::BrokerSnapshot;
use ballet_stage::wait_until;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::Value;
use shop::audit::{Report, audit_beside};

use crate::shop::{SOON, Shop};

impl Shop {
    /// Waits until there are no violations. The databases are read once the queues are empty, because reading them
    /// costs more than most tests.
    pub(crate) async fn is_sound(&self) -> Report {
        wait_until("a quiescent shop without violations", SOON, || async {
            let broker = self.idle_broker().await?;
            let framework = self.framework_audit(&broker).await;
            if !framework.is_settled() {
                return Err(framework.to_string());
            }
            let business = audit_beside(&framework, &self.databases(), SignedDuration::ZERO).await;
            let report = business.map_err(|error| error.to_string())?.and(framework);
            if report.is_settled() { Ok(Some(report)) } else { Err(report.to_string()) }
        })
        .await
        .expect("a sound shop")
    }

    /// Returns the state if its counts say that no service's queue has a message. Counts may be a second old, so a
    /// handled message may still be counted, even after a read that did not count it.
    pub(crate) async fn idle_broker(&self) -> Result<BrokerSnapshot, String> {
        // The full read takes messages from each dead-letter queue.
        self.nothing_waits().await?;
        let broker = self.broker().await?;
        let count = |part: &Part| broker.queues.get(part.service).copied();
        let waiting: u64 = shop::system().parts.iter().filter_map(count).sum();
        if waiting > 0 { Err(format!("{waiting} messages in queues")) } else { Ok(broker) }
    }

    async fn nothing_waits(&self) -> Result<(), String> {
        let path = ["queues", self.env.vhost()];
        let queues = self.env.management().call(Method::GET, &path, None).await;
        let queues = queues.map_err(|error| error.to_string())?;
        let parts = shop::system().parts;
        let of_service =
            |queue: &&Value| parts.iter().any(|part| queue["name"].as_str() == Some(part.service));
        let queues = queues.as_array().into_iter().flatten().filter(of_service);
        let waiting: u64 = queues.filter_map(|queue| queue["messages"].as_u64()).sum();
        if waiting > 0 { Err(format!("{waiting} messages in queues")) } else { Ok(()) }
    }

    async fn broker(&self) -> Result<BrokerSnapshot, String> {
        self.env.management().audited(20).await.map_err(|error| error.to_string())
    }

    async fn framework_audit(&self, broker: &BrokerSnapshot) -> Report {
        let databases: Vec<_> = self.databases().into_iter().collect();
        ballet_ops::audit::audit(&shop::system(), &databases, broker, SignedDuration::ZERO).await
    }

    pub(crate) fn databases(&self) -> BTreeMap<String, String> {
        let url =
            |part: &Part| (part.service.to_owned(), self.env.database_url(part.service).to_owned());
        shop::system().parts.iter().map(url).collect()
    }
}
