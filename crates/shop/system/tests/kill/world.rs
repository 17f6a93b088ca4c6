//! The shop as processes, and what is done in it while any of them may be dead.

use ballet::core::Part;
use ballet_stage::{TestEnv, wait_until};
use jiff::SignedDuration;
use reqwest::StatusCode;
use serde_json::{Value, json};
use shop::audit::{Report, audit, audit_beside};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::assortment::{Assortment, RECORD};
use crate::services::{SOON, Services, said};

/// A type that nobody knows: it becomes a dead letter.
pub(crate) const UNKNOWN: &str = "nobody.knows_this.v1";

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) env: TestEnv,
    pub(crate) services: Services,
    pub(crate) assortment: Assortment,
}

impl World {
    pub(crate) fn new(env: TestEnv) -> Self {
        Self { env, services: Services::new(), assortment: Assortment::default() }
    }

    /// Places an order. Where the answer is lost it is placed again: then there are two, and both
    /// have to end.
    pub(crate) async fn place(&self, checkout: &Value) -> String {
        let placed = wait_until("an order to be placed", SOON, || async {
            let response = self.services.post("orders", "orders", checkout).await?;
            match response.status() {
                StatusCode::CREATED => response.json::<Value>().await.map(Some).map_err(said),
                // It has no connection to its database for a moment, or another service got its port.
                status => Err(status.to_string()),
            }
        });
        let placed = placed.await.expect("an order");
        placed["order_id"].as_str().expect("an id").to_owned()
    }

    /// Waits until orders knows a product.
    pub(crate) async fn sells(&self, sku: &str) {
        let known = wait_until("a product that orders knows", SOON, || async {
            let mut orders = PgConnection::connect(self.env.database_url("orders")).await?;
            let known = "select count(*) > 0 from ballet.copy where id = $1";
            let known: bool = sqlx::query_scalar(known).bind(sku).fetch_one(&mut orders).await?;
            Ok::<_, sqlx::Error>(known.then_some(()))
        });
        known.await.expect("a product");
    }

    /// Drops a checkout on the exchange for events.
    pub(crate) async fn check_out(&self, checkout: &Value) -> String {
        let order_id = new_id();
        let properties = json!({ "type": "cart.checked_out.v1", "message_id": order_id,
            "correlation_id": order_id, "content_type": "application/json" });
        let body = checkout.to_string();
        let management = self.env.management();
        let sent = management.publish("events", "cart.checked_out.v1", &properties, &body).await;
        assert!(sent.expect("published"), "orders follows checkouts");
        order_id
    }

    /// Cancels an order; the status of the answer that came.
    pub(crate) async fn cancel(&self, order_id: &str) -> StatusCode {
        let cancelled = wait_until("an order to be cancelled", SOON, || async {
            let path = format!("orders/{order_id}/cancel");
            let status = self.services.post("orders", &path, &json!({})).await?.status();
            let decided = status.is_success() || status == StatusCode::CONFLICT;
            if decided { Ok(Some(status)) } else { Err(status.to_string()) }
        });
        cancelled.await.expect("an answer")
    }

    /// As if the time were over in which the order has to be paid.
    pub(crate) async fn becomes_due(&self, order_id: &str) {
        let mut orders =
            PgConnection::connect(self.env.database_url("orders")).await.expect("a database");
        sqlx::query("update ballet.deadline set due_at = now() where saga_id = $1::uuid")
            .bind(order_id)
            .execute(&mut orders)
            .await
            .expect("an answer");
    }

    /// Waits until a shipment is scheduled: the next that happens is the capture.
    pub(crate) async fn is_scheduled(&self, order_id: &str) {
        let scheduled = wait_until("a scheduled shipment", SOON, || async {
            let path = format!("shipments/{order_id}");
            let response = self.services.get("shipping", &path).await?;
            Ok::<_, String>((response.status() == StatusCode::OK).then_some(()))
        });
        scheduled.await.expect("a shipment");
    }

    /// Sends a service a message that it cannot take, and waits for the dead letter.
    pub(crate) async fn disturb(&self, service: &str) {
        let properties = json!({ "type": UNKNOWN, "content_type": "application/json" });
        // The default exchange, so that nobody else gets it.
        let management = self.env.management();
        let sent = management.publish("amq.default", service, &properties, "{}").await;
        assert!(sent.expect("published"), "{service} has a queue");
        let queue = format!("{service}.dead");
        let dead_letters = wait_until("the dead letter", SOON, || async {
            let dead_letters = self.dead_letters(&queue).await?;
            Ok::<_, String>((dead_letters > 0).then_some(()))
        });
        dead_letters.await.expect("a dead letter");
    }

    /// Waits until an order has ended.
    pub(crate) async fn ends(&self, order_id: &str, end: &'static str) {
        self.ends_as(order_id, &[end]).await;
    }

    /// Waits until an order has ended, and says how.
    pub(crate) async fn ends_somehow(&self, order_id: &str) -> &'static str {
        self.ends_as(order_id, &["completed", "cancelled"]).await
    }

    async fn ends_as(&self, order_id: &str, ends: &[&'static str]) -> &'static str {
        let what = format!("order {order_id} to be {}", ends.join(" or "));
        let status = wait_until(&what, SOON, || async {
            let response = self.services.get("orders", &format!("orders/{order_id}")).await?;
            let order: Value = response.json().await.map_err(said)?;
            let end = ends.iter().copied().find(|end| order["status"] == *end);
            if end.is_some() { Ok(end) } else { Err(order.to_string()) }
        });
        status.await.expect("its end")
    }

    /// Waits until these orders are at their ends in every service, and nothing is wrong with
    /// them. Stock has to add up at any time.
    pub(crate) async fn are_sound(&self, orders: &[String]) {
        let sound = wait_until("sound orders", SOON, || async {
            let report = self.audit().await;
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

    /// Waits until every order is at its end, and nothing is wrong; how many orders there are.
    pub(crate) async fn is_sound(&self) -> usize {
        let sound = wait_until("a quiescent shop without violations", SOON, || async {
            let report = self.whole_audit().await?;
            if report.is_settled() { Ok(Some(report.rows)) } else { Err(report.to_string()) }
        });
        sound.await.expect("a sound shop")
    }

    async fn audit(&self) -> Report {
        audit(&self.services.urls(), SignedDuration::ZERO).await
    }

    /// The same, with the framework's rows and the broker's queues.
    async fn whole_audit(&self) -> Result<Report, String> {
        let system = shop::system();
        let url =
            |part: &Part| (part.service.to_owned(), self.env.database_url(part.service).to_owned());
        let databases: Vec<_> = system.parts.iter().map(url).collect();
        let broker = self.env.management().audited(20).await.map_err(said)?;
        let quiescent_after = SignedDuration::ZERO;
        let framework =
            ballet_ops::audit::audit(&system, &databases, &broker, quiescent_after).await;
        let urls = self.services.urls();
        Ok(audit_beside(&framework, &urls, quiescent_after).await.and(framework))
    }

    /// Waits until all that was published is taken, and nothing of it is dead or unknown but a
    /// stranger's message: its dead letter comes twice if the process dies between publishing it
    /// and the ack.
    pub(crate) async fn is_quiet(&self) {
        let management = self.env.management();
        let quiet = wait_until("empty queues", SOON, || async {
            for queue in management.queues().await.map_err(said)? {
                // A stream keeps what it has.
                if queue == "journal" || queue == RECORD {
                    continue;
                }
                if queue.ends_with(".dead") {
                    self.dead_letters(&queue).await?;
                }
                let depth = management.depth(&queue).await.map_err(said)?;
                if depth.ready + depth.unacked > 0 {
                    return Err(format!("{queue} has {depth:?}"));
                }
            }
            Ok(Some(()))
        });
        quiet.await.expect("empty queues");
    }

    /// Waits until a service has made each of its calls, and stored the outcome.
    pub(crate) async fn has_no_open_calls(&self, service: &str) {
        let over = wait_until("no open calls", SOON, || async {
            let open = "select count(*) from ballet.call where closed_at is null";
            let url = self.env.database_url(service);
            let mut db = PgConnection::connect(url).await.map_err(said)?;
            let open: i64 = sqlx::query_scalar(open).fetch_one(&mut db).await.map_err(said)?;
            if open == 0 { Ok(Some(())) } else { Err(format!("{open} are open")) }
        });
        over.await.expect("no open calls");
    }

    /// Waits until a service has dropped a copy of an event.
    pub(crate) async fn dropped_a_copy(&self, service: &str, event_type: &str) {
        let line = format!(r#"ballet_messages_total{{type="{event_type}",outcome="duplicate"}}"#);
        let dropped = wait_until("a duplicate", SOON, || async {
            let metrics = self.services.get(service, "metrics").await?;
            let metrics = metrics.text().await.map_err(said)?;
            Ok::<_, String>(metrics.contains(&line).then_some(()))
        });
        dropped.await.expect("a duplicate");
    }

    /// Takes the dead letters out of a queue, all of them a stranger's; how many there were.
    async fn dead_letters(&self, queue: &str) -> Result<usize, String> {
        let dead_letters = self.env.management().take(queue, 10).await.map_err(said)?;
        for dead_letter in &dead_letters {
            assert_eq!(dead_letter["properties"]["type"], UNKNOWN, "{queue} has {dead_letter}");
        }
        Ok(dead_letters.len())
    }
}

#[expect(clippy::disallowed_methods, reason = "a producer in the world outside")]
fn new_id() -> String {
    Uuid::now_v7().to_string()
}
