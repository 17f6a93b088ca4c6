//! The payments service of one test, and the card processor that it calls.

use std::ops::Deref;
use std::sync::Arc;

use ballet::SagaId;
use ballet_stage::wait_until;
use common::cards::RemoteProvider;
use common::cards::Sandbox;
use common::outside::Webhooks;
use reqwest::Response;
use serde_json::{Value, json};
use shop_events::OrderId;
use shop_events::ShipmentId;
use shop_events::inventory::StockReserved;
use shop_events::orders::{CancelReason, OrderCancelled, OrderPlaced};
use shop_events::shipping::ShipmentScheduled;
use shop_rig::partner::{KEY, Partner};
use shop_rig::rig::{Rig, SOON, connection, new_id, now, secrets};
use shop_rig::samples::placed;
use uuid::Uuid;

pub(crate) const NEW_SECRET: &str = "the-new-secret-of-the-tests";
pub(crate) const OLD_SECRET: &str = "the-old-secret-of-the-tests";

pub(crate) struct TestPayments {
    rig: Rig,
}

impl Deref for TestPayments {
    type Target = Rig;

    fn deref(&self) -> &Rig {
        &self.rig
    }
}

/// A processor that approves every card but one.
fn decides(path: &str, key: Uuid, request: &Value) -> Value {
    match path {
        "/authorizations" if request["card_token"] == "card_declined" => {
            json!({ "result": "declined", "reason": "card_declined" })
        }
        "/authorizations" => json!({ "result": "approved", "reference": format!("auth_{key}") }),
        "/captures" => json!({ "result": "captured", "reference": request["reference"] }),
        "/voids" => json!({ "result": "voided", "reference": request["reference"] }),
        "/refunds" => json!({ "result": "refunded", "reference": request["reference"] }),
        other => panic!("{other} is no path of the processor"),
    }
}

impl TestPayments {
    pub(crate) async fn new(name: &str) -> Self {
        let partner = Partner::start(decides).await;
        let remote = RemoteProvider::new(connection(&partner)).expect("a processor");
        let signed = secrets(&format!("{NEW_SECRET},{OLD_SECRET}"));
        let webhooks = Webhooks::signed_with(Some(signed), "PAYMENT_WEBHOOK_SECRETS");
        let service = payments::service_with(Arc::new(remote), webhooks);
        let part = payments::participant(Sandbox::default()).part();
        Self { rig: Rig::new(name, part, partner, service).await }
    }

    /// Publishes the events that make payments authorise a new order's money. Returns the order.
    pub(crate) async fn order(&self, card: &str) -> Uuid {
        let order_id = new_id();
        let placed = OrderPlaced { card_token: card.to_owned(), ..placed(SagaId(order_id)) };
        self.publish(order_id, &placed).await;
        let order = OrderId(order_id);
        self.publish(order_id, &StockReserved { order_id: order, lines: Vec::new() }).await;
        order_id
    }

    /// Publishes the event that makes payments capture the money.
    pub(crate) async fn ship(&self, order_id: Uuid) {
        let (order, shipment_id) = (OrderId(order_id), ShipmentId(order_id));
        self.publish(order_id, &ShipmentScheduled { order_id: order, shipment_id }).await;
    }

    /// Publishes that the order is cancelled.
    pub(crate) async fn cancel(&self, order_id: Uuid) {
        let (order, reason) = (OrderId(order_id), CancelReason::CustomerCancelled);
        let (failed_step, detail) = (None, None);
        let cancelled = OrderCancelled { order_id: order, reason, failed_step, detail };
        self.publish(order_id, &cancelled).await;
    }

    /// Returns the payment of an order.
    pub(crate) async fn payment(&self, order_id: Uuid) -> Value {
        self.get(&format!("/payments/{order_id}")).await
    }

    /// Waits until a payment has a state.
    pub(crate) async fn payment_is(&self, order_id: Uuid, state: &str) -> Value {
        let what = format!("the payment of {order_id} to be {state}");
        wait_until(&what, SOON, || async {
            let payment = self.payment(order_id).await;
            if payment["state"] == state { Ok(Some(payment)) } else { Err(payment.to_string()) }
        })
        .await
        .expect("the state")
    }

    /// Waits until the processor got a request at a path for an order. Returns its key.
    pub(crate) async fn is_asked(&self, path: &str, order_id: Uuid) -> Uuid {
        wait_until("the processor to be asked", SOON, || async {
            let done = self.partner.operations(path, &order_id.to_string());
            Ok::<_, String>(done.first().map(|(key, _)| *key))
        })
        .await
        .expect("a request")
    }

    /// Sends a body to the route for webhooks, with these signatures.
    pub(crate) async fn send(&self, signatures: &[String], body: &str) -> Response {
        self.rig.send("/webhooks/payment-provider", signatures, body).await
    }

    /// Sends a webhook as the processor does.
    pub(crate) async fn webhook(&self, body: &Value) -> u16 {
        let body = body.to_string();
        let signed = common::outside::signature(NEW_SECRET, now(), body.as_bytes());
        self.send(&[signed], &body).await.status().as_u16()
    }

    /// Waits until a call to the processor is listed as stuck because of this.
    pub(crate) async fn is_stuck(&self, order_id: Uuid, why: &str) {
        wait_until(&format!("a call that is stuck: {why}"), SOON, || async {
            let all = self.stuck().await;
            let of_order = all.iter().find(|one| one.saga_id == Some(SagaId(order_id)));
            match of_order {
                Some(stuck) if stuck.detail.contains(why) => {
                    assert!(!stuck.detail.contains(KEY), "{}", stuck.detail);
                    Ok(Some(()))
                }
                other => Err(format!("{:?}", other.map(|stuck| &stuck.detail))),
            }
        })
        .await
        .expect("stuck");
    }

    /// Waits for this many events of payments. Returns the type and the order of each.
    pub(crate) async fn events(&self, count: usize) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let told = |event: &Value| {
            (text(&event["routing_key"]), text(&event["properties"]["correlation_id"]))
        };
        wait_until(&format!("{count} events"), SOON, || async {
            let told = self.seen().await.iter().map(told).collect::<Vec<_>>().into_iter();
            let own: Vec<_> = told.filter(|(name, _)| name.starts_with("payments.")).collect();
            if own.len() >= count { Ok(Some(own)) } else { Err(format!("{} events", own.len())) }
        })
        .await
        .expect("events")
    }

    pub(crate) async fn close(self) {
        self.rig.close().await;
    }
}
