//! Changes of the three systems' contracts: designs that are broken, and near misses.

use serde_json::{Value, json};

fn step<'a>(part: &'a mut Value, name: &str) -> &'a mut Value {
    let steps = part["steps"].as_array_mut().expect("steps");
    steps.iter_mut().find(|step| step["name"] == name).expect("a step")
}

fn without(list: &mut Value, event: &str) {
    list.as_array_mut().expect("a list").retain(|one| one != event);
}

fn add<'a>(part: &'a mut Value, name: &str, kind: &str, on: &[&str], done: &str) -> &'a mut Value {
    let new = json!({ "name": name, "kind": kind, "on": on, "done": done });
    part["steps"].as_array_mut().expect("steps").push(new);
    step(part, name)
}

/// A van is booked before the decision and loaded after it, unless it was missed.
fn book_van(part: &mut Value) {
    let on = ["orders.order_placed.v1"];
    let booked = "shipping.van_booked.v1";
    add(part, "book_van", "compensatable", &on, booked)["refused"] =
        json!("shipping.van_missed.v1");
    let on = ["orders.order_confirmed.v1", booked];
    add(part, "load_van", "retriable", &on, "shipping.van_loaded.v1");
}

#[derive(Clone, Copy)]
pub(super) struct ChangedDesign {
    pub(super) system: &'static str,
    pub(super) saga: &'static str,
    /// The service whose part is changed.
    pub(super) service: &'static str,
    pub(super) says: &'static str,
    pub(super) change: fn(&mut Value),
    /// The rule and the step. Nothing for a near miss.
    pub(super) finds: Option<(&'static str, &'static str)>,
}

impl ChangedDesign {
    const fn of(system: &'static str, saga: &'static str) -> Self {
        Self { system, saga, service: "", says: "", change: |_| {}, finds: None }
    }

    const fn with(self, service: &'static str, says: &'static str, change: fn(&mut Value)) -> Self {
        Self { service, says, change, ..self }
    }

    const fn finds(self, rule: &'static str, step: &'static str) -> Self {
        Self { finds: Some((rule, step)), ..self }
    }
}

const SHOP: ChangedDesign = ChangedDesign::of("shop", "order_fulfillment");
const RIDES: ChangedDesign = ChangedDesign::of("rides", "ride_dispatch");
const STREAMING: ChangedDesign = ChangedDesign::of("streaming", "playback_session");

pub(super) const BROKEN: &[ChangedDesign] = &[
    SHOP.with("orders", "a declined payment aborts nothing", |part| {
        without(&mut part["aborts_on"], "payments.payment_declined.v1");
    })
    .finds("B074", "authorize_payment"),
    SHOP.with(
        "orders",
        "the decision does not wait for the pivot, which may refuse later",
        |part| step(part, "confirm_order")["on"] = json!(["shipping.shipment_scheduled.v1"]),
    )
    .finds("B074", "capture_payment"),
    SHOP.with("orders", "the decision waits for an outcome and its opposite", |part| {
        let on = ["payments.payment_captured.v1", "payments.payment_capture_failed.v1"];
        step(part, "confirm_order")["on"] = json!(on);
    })
    .finds("B074", "confirm_order"),
    SHOP.with("orders", "a join waits for what comes in aborted runs only", |part| {
        let on = ["inventory.stock_committed.v1", "shipping.shipment_cancelled.v1"];
        step(part, "complete_order")["on"] = json!(on);
    })
    .finds("B074", "complete_order"),
    SHOP.with("orders", "a second decision beside the first", |part| {
        let second = json!({
            "name": "accept_order",
            "kind": "decision",
            "on": ["inventory.stock_reserved.v1"],
            "done": "orders.order_accepted.v1",
        });
        part["steps"].as_array_mut().expect("steps").push(second);
    })
    .finds("B076", "confirm_order"),
    SHOP.with("orders", "the deadline passes with the abort itself", |part| {
        part["deadline"]["passed"] = json!("orders.order_cancelled.v1");
    })
    .finds("B076", "confirm_order"),
    SHOP.with("inventory", "stock is committed before the decision", |part| {
        step(part, "commit_stock")["on"] = json!(["inventory.stock_reserved.v1"]);
    })
    .finds("B075", "commit_stock"),
    SHOP.with("inventory", "the service hears of no abort", |part| part["abort"] = Value::Null)
        .finds("B075", "reserve_stock"),
    SHOP.with("inventory", "a step publishes the abort", |part| {
        step(part, "commit_stock")["done"] = json!("orders.order_cancelled.v1");
    })
    .finds("B076", "confirm_order"),
    SHOP.with(
        "shipping",
        "a join waits for what a refusal prevents, while others go on with the rest",
        |part| {
            book_van(part);
            let on = ["shipping.van_missed.v1"];
            add(part, "note_missed", "retriable", &on, "shipping.van_noted.v1");
        },
    )
    .finds("B074", "load_van"),
    SHOP.with(
        "orders",
        "the owner refuses after the decision, and its abort comes too late",
        |part| {
            let on = ["orders.order_confirmed.v1"];
            let step = add(part, "check_order", "compensatable", &on, "orders.order_checked.v1");
            step["refused"] = json!("orders.order_cancelled.v1");
        },
    )
    .finds("B074", "check_order"),
    SHOP.with("shipping", "the service waits for an abort that nobody publishes", |part| {
        part["abort"] = json!("orders.order_withdrawn.v1");
    })
    .finds("B075", "schedule_shipment"),
    SHOP.with("shipping", "a delivery may be refused after the decision", |part| {
        let step = step(part, "deliver_shipment");
        step["kind"] = json!("compensatable");
        step["refused"] = json!("shipping.shipment_lost.v1");
    })
    .finds("B074", "deliver_shipment"),
    RIDES
        .with(
            "dispatch",
            "the ride starts with the first reservation, while another may still be refused",
            |part| step(part, "start_ride")["on"] = json!(["location.driver_reserved.v1"]),
        )
        .finds("B074", "reserve_driver"),
    RIDES
        .with("dispatch", "a fare may be refused after the ride", |part| {
            let step = step(part, "charge_fare");
            step["kind"] = json!("compensatable");
            step["refused"] = json!("dispatch.fare_refused.v1");
        })
        .finds("B074", "charge_fare"),
    RIDES
        .with("location", "a driver is let go before the decision", |part| {
            step(part, "release_driver")["on"] = json!(["location.driver_reserved.v1"]);
        })
        .finds("B075", "release_driver"),
    STREAMING
        .with("playback", "the decision waits for neither licence nor slot", |part| {
            step(part, "start_playback")["on"] = json!(["accounts.viewer_admitted.v1"]);
        })
        .finds("B074", "grant_license"),
    STREAMING
        .with("accounts", "a slot is released before the decision", |part| {
            step(part, "release_slot")["on"] = json!(["accounts.stream_slot_reserved.v1"]);
        })
        .finds("B075", "release_slot"),
];

pub(super) const NEAR: &[ChangedDesign] = &[
    SHOP.with("orders", "a run without a deadline, in which every refusal aborts", |part| {
        part["deadline"] = Value::Null;
    }),
    SHOP.with("orders", "an order is complete when it is delivered, whatever stock does", |part| {
        step(part, "complete_order")["on"] = json!(["shipping.shipment_delivered.v1"]);
    }),
    SHOP.with("payments", "a payment that waits for the stock alone", |part| {
        step(part, "authorize_payment")["on"] = json!(["inventory.stock_reserved.v1"]);
    }),
    SHOP.with("payments", "steps that call nothing outside", |part| {
        step(part, "authorize_payment")["calls_outside"] = json!(false);
        step(part, "capture_payment")["calls_outside"] = json!(false);
    }),
    SHOP.with(
        "shipping",
        "a refused shipment is not the end: another step takes its place",
        |part| {
            step(part, "schedule_shipment")["refused"] = json!("shipping.van_missed.v1");
            let other = json!({
                "name": "schedule_later",
                "kind": "compensatable",
                "on": ["shipping.van_missed.v1"],
                "done": "shipping.shipment_scheduled.v1",
                "refused": "shipping.shipment_rejected.v1",
                "compensated": "shipping.shipment_cancelled.v1",
            });
            part["steps"].as_array_mut().expect("steps").push(other);
        },
    ),
    SHOP.with("shipping", "of two joins, the one runs whose van was booked or missed", |part| {
        book_van(part);
        let on = ["orders.order_confirmed.v1", "shipping.van_missed.v1"];
        add(part, "call_courier", "retriable", &on, "shipping.courier_called.v1");
    }),
    SHOP.with(
        "orders",
        "the owner refuses before the decision, which waits for its answer",
        |part| {
            let on = ["orders.order_placed.v1"];
            let step = add(part, "check_order", "compensatable", &on, "orders.order_checked.v1");
            step["refused"] = json!("orders.order_cancelled.v1");
            let decision = self::step(part, "confirm_order");
            decision["on"] = json!(["payments.payment_captured.v1", "orders.order_checked.v1"]);
        },
    ),
    RIDES.with("location", "a reservation that is undone silently", |part| {
        step(part, "reserve_driver")["compensated"] = Value::Null;
    }),
    STREAMING.with(
        "playback",
        "the decision waits for the slot alone, which comes after the licence",
        |part| step(part, "start_playback")["on"] = json!(["accounts.stream_slot_reserved.v1"]),
    ),
];
