//! A small shop as its definitions document.

use ballet::core::{EventType, Part, SubscriptionPart, System, topology};
use serde_json::Value;

pub(crate) const SERVICES: &[&str] = &["orders", "inventory"];

pub(crate) fn shop() -> Value {
    let on = EventType::plain("orders.order_placed.v1");
    let counts = SubscriptionPart { name: "counts", on };
    let orders = Part { service: "orders", publishes: vec![on], ..Part::default() };
    let inventory = Part { service: "inventory", subscriptions: vec![counts], ..Part::default() };
    let system = System { name: "shop", parts: vec![orders, inventory] };
    topology::definitions(&system, |_| String::new())
}
