//! The shipping service of one test, and its carrier.

use std::sync::Arc;

use serde_json::{Value, json};
use shipping::remote::RemoteCarrier;
use shipping::sandbox::Sandbox;
use shop_events::OrderId;
use shop_events::orders::OrderConfirmed;
use shop_events::payments::PaymentAuthorized;
use uuid::Uuid;

use crate::outside::partner::Partner;
use crate::outside::rig::{Rig, Routes, connection, money, new_id, placed, signed_by_both};

const ROUTES: Routes =
    Routes { service: "shipping", rows: "/shipments", webhooks: "/webhooks/carrier" };

/// It does not go to Antarctica.
fn decides(path: &str, key: Uuid, request: &Value) -> Value {
    match path {
        "/shipments" if request["ship_to"]["country"] == "AQ" => {
            json!({ "result": "refused", "reason": "no_service_to_country" })
        }
        "/shipments" => json!({ "result": "booked", "tracking": format!("parcel_{key}") }),
        "/cancellations" => json!({ "result": "cancelled", "tracking": request["tracking"] }),
        "/deliveries" => json!({ "result": "delivered", "tracking": request["tracking"] }),
        other => panic!("{other} is no path of the carrier"),
    }
}

impl Rig {
    pub(crate) async fn shipping(name: &str) -> Self {
        let partner = Partner::start(decides).await;
        let remote = RemoteCarrier::new(connection(&partner)).expect("a carrier");
        let service =
            shipping::Shipping { carrier: Arc::new(remote), webhooks: signed_by_both() }.service();
        let part = shipping::Shipping::new(Sandbox::default()).participant().part();
        Self::new(name, part, ROUTES, partner, service).await
    }

    /// Shipping then books a parcel for a new order. Returns the order.
    pub(crate) async fn parcel(&self, country: &str) -> Uuid {
        let order_id = new_id();
        let mut placed = placed(order_id);
        placed.ship_to.country = country.parse().expect("a country");
        self.publish(order_id, &placed).await;
        let (order, amount) = (OrderId(order_id), money(1_500));
        self.publish(order_id, &PaymentAuthorized { order_id: order, amount }).await;
        order_id
    }

    /// Shipping then hands the parcel over.
    pub(crate) async fn confirm(&self, order_id: Uuid) {
        let confirmed = OrderConfirmed { order_id: OrderId(order_id), total: money(1_500) };
        self.publish(order_id, &confirmed).await;
    }
}
