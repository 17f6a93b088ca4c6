//! The shop as processes, and requests to it while any of them may be dead.

use std::collections::BTreeMap;

use ballet::core::{Part, topology};
use ballet_stage::{Servers, TestEnv, wait_until};
use ballet_testkit::until_yields;
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};
use shop::audit::{Report, audit_beside};

use crate::process::KillableService;
use crate::services::{SOON, Services, error_text};

#[derive(Debug)]
pub(crate) struct ShopProcesses {
    pub(crate) env: TestEnv,
    pub(crate) services: Services,
}

impl ShopProcesses {
    /// Creates what all services need. None of them runs.
    pub(crate) async fn new(name: &str) -> Self {
        let system = shop::system();
        let names: Vec<&str> = system.parts.iter().map(|part| part.service).collect();
        let definitions = topology::definitions(&system, |_| String::new());
        let servers = Servers::shared().await.expect("servers");
        let env = TestEnv::prepared(servers, name, &definitions, &names).await;
        Self { env: env.expect("a test environment"), services: Services::new() }
    }

    /// Starts a process of each service.
    pub(crate) async fn start(
        &self,
        process: impl Fn(&'static str) -> KillableService,
    ) -> Vec<KillableService> {
        let services = shop::system().parts.into_iter().map(|part| part.service);
        let mut processes: Vec<KillableService> = services.map(process).collect();
        processes.iter_mut().for_each(KillableService::start);
        for process in &mut processes {
            self.services.serves(process.service, process.serving().await);
        }
        processes
    }

    /// Receives mugs, enough for all tests. Their price never changes.
    pub(crate) async fn fill(&self) {
        let services = &self.services;
        receive(services, "mug", "note", 5_000).await;
        let mug = json!({ "sku": "mug", "title": "A mug", "category": "kitchen",
            "price": { "amount_minor": 1_250, "currency": "EUR" } });
        let sold = wait_until("a mug to be published", SOON, || async {
            let status = services.post("catalog", "products", &mug).await?.status();
            if status.is_success() { Ok(Some(())) } else { Err(status.to_string()) }
        });
        sold.await.expect("an answer");
    }

    /// Places an order. If the answer is lost it is placed again: then there are two orders, and both have to end.
    pub(crate) async fn place(&self, checkout: &Value) -> String {
        let placed = wait_until("an order to be placed", SOON, || async {
            let response = self.services.post("orders", "orders", checkout).await?;
            match response.status() {
                StatusCode::CREATED => response.json::<Value>().await.map(Some).map_err(error_text),
                // The service has no connection to its database for a moment, or another service got its port.
                status => Err(status.to_string()),
            }
        });
        let placed = placed.await.expect("an order");
        placed["order_id"].as_str().expect("an id").to_owned()
    }

    /// Waits until an order has ended.
    pub(crate) async fn ends(&self, order_id: &str, end: &'static str) {
        let what = format!("order {order_id} to be {end}");
        let ended = wait_until(&what, SOON, || async {
            let response = self.services.get("orders", &format!("orders/{order_id}")).await?;
            let order: Value = response.json().await.map_err(error_text)?;
            if order["status"] == end { Ok(Some(())) } else { Err(order.to_string()) }
        });
        ended.await.expect("its end");
    }

    /// Waits until these orders are at their ends in every service without violations. The stock has to add up at
    /// any time.
    pub(crate) async fn are_sound(&self, orders: &[String]) {
        let sound = wait_until("sound orders", SOON, || async {
            let report =
                audit_beside(&Report::default(), &self.databases(), SignedDuration::ZERO).await;
            let of_orders = |line: &&String| orders.iter().any(|order| line.contains(order));
            let stock = report.violations.iter().find(|line| line.contains("add up"));
            assert_eq!(stock, None);
            let Report { violations, open, recent, away, .. } = &report;
            let wrong = violations.iter().chain(open).chain(recent).filter(of_orders);
            let wrong: Vec<&String> = wrong.chain(away).collect();
            if wrong.is_empty() { Ok(Some(())) } else { Err(format!("{wrong:?}")) }
        });
        sound.await.expect("sound orders");
    }

    /// Waits until every order is at its end without violations: first by the framework's rows and the broker's
    /// queues, then also by the services' own rows.
    pub(crate) async fn is_sound(&self) {
        let (system, databases) = (shop::system(), self.databases());
        let all: Vec<_> = databases.clone().into_iter().collect();
        let quiescent_after = SignedDuration::ZERO;
        let sound = wait_until("a quiescent shop without violations", SOON, || async {
            let broker = self.env.management().audited(20).await.map_err(error_text)?;
            let framework = ballet_ops::audit::audit(&system, &all, &broker, quiescent_after).await;
            if !framework.is_settled() {
                return Err(framework.to_string());
            }
            let report = audit_beside(&framework, &databases, quiescent_after).await.and(framework);
            if report.is_settled() { Ok(Some(())) } else { Err(report.to_string()) }
        });
        sound.await.expect("a sound shop");
    }

    /// Returns the URL of each service's database.
    fn databases(&self) -> BTreeMap<String, String> {
        let url =
            |part: &Part| (part.service.to_owned(), self.env.database_url(part.service).to_owned());
        shop::system().parts.iter().map(url).collect()
    }

    /// Waits until all queues are empty: every published event is handled, and none is dead or unknown.
    pub(crate) async fn is_quiet(&self) {
        let management = self.env.management();
        let quiet = wait_until("empty queues", SOON, || async {
            for queue in management.queues().await.map_err(error_text)? {
                // A stream keeps its messages.
                if queue == "journal" {
                    continue;
                }
                let depth = management.depth(&queue).await.map_err(error_text)?;
                if depth.ready + depth.unacked > 0 {
                    return Err(format!("{queue} has {depth:?}"));
                }
            }
            Ok(Some(()))
        });
        quiet.await.expect("empty queues");
    }

    /// Waits until a service has made all its calls, and stored the outcomes.
    pub(crate) async fn has_no_open_calls(&self, service: &str) {
        let open = "select count(*) from ballet.call where closed_at is null";
        until_yields(self.env.database_url(service), open, "0", SOON).await;
    }

    /// Waits until a service has dropped a copy of an event.
    pub(crate) async fn dropped_a_copy(&self, service: &str, event_type: &str) {
        let line = format!(r#"ballet_messages_total{{type="{event_type}",outcome="duplicate"}}"#);
        let dropped = wait_until("a duplicate", SOON, || async {
            let metrics = self.services.get(service, "metrics").await?;
            let metrics = metrics.text().await.map_err(error_text)?;
            Ok::<_, String>(metrics.contains(&line).then_some(()))
        });
        dropped.await.expect("a duplicate");
    }
}

pub(crate) fn goods(card_token: &str) -> Value {
    json!({
        "customer_id": "0193f7a0-0000-7000-8000-00000000c001",
        "lines": [{ "sku": "mug", "quantity": 1,
            "unit_price": { "amount_minor": 1250, "currency": "EUR" } }],
        "card_token": card_token,
        "ship_to": { "name": "Ada", "street": "Main Street 1", "postal_code": "D02",
            "city": "Dublin", "country": "IE" },
    })
}

async fn receive(services: &Services, sku: &str, receipt: &str, quantity: u64) {
    let receipt = json!({ "receipt": receipt, "quantity": quantity });
    let counted = wait_until("goods to be counted", SOON, || async {
        let path = format!("stock/{sku}/receive");
        let status = services.post("inventory", &path, &receipt).await?.status();
        if status == StatusCode::OK { Ok(Some(())) } else { Err(status.to_string()) }
    });
    counted.await.expect("an answer");
}
