//! The payments service of one test, and its card processor.

use std::sync::Arc;

use ballet_stage::wait_until;
use common::cards::{RemoteProvider, Sandbox};
use serde_json::{Value, json};
use shop_events::inventory::StockReserved;
use shop_events::orders::OrderPlaced;
use shop_events::shipping::ShipmentScheduled;
use shop_events::{OrderId, ShipmentId};
use uuid::Uuid;

use crate::outside::partner::Partner;
use crate::outside::rig::{Rig, Routes, connection, new_id, placed, signed_by_both};
use crate::shop::SOON;

const ROUTES: Routes =
    Routes { service: "payments", rows: "/payments", webhooks: "/webhooks/payment-provider" };

/// It approves every card but one.
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

impl Rig {
    pub(crate) async fn payments(name: &str) -> Self {
        let partner = Partner::start(decides).await;
        let remote = RemoteProvider::new(connection(&partner)).expect("a processor");
        let service =
            payments::Payments { provider: Arc::new(remote), webhooks: signed_by_both() }.service();
        let part = payments::Payments::new(Sandbox::default()).participant().part();
        Self::new(name, part, ROUTES, partner, service).await
    }

    /// Payments then authorises a new order's money. Returns the order.
    pub(crate) async fn order(&self, card: &str) -> Uuid {
        let order_id = new_id();
        let placed = OrderPlaced { card_token: card.to_owned(), ..placed(order_id) };
        self.publish(order_id, &placed).await;
        let order = OrderId(order_id);
        self.publish(order_id, &StockReserved { order_id: order, lines: Vec::new() }).await;
        order_id
    }

    /// Payments then captures the money.
    pub(crate) async fn ship(&self, order_id: Uuid) {
        let (order, shipment_id) = (OrderId(order_id), ShipmentId(order_id));
        self.publish(order_id, &ShipmentScheduled { order_id: order, shipment_id }).await;
    }

    /// Waits for events of payments. Returns types and orders.
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
}
