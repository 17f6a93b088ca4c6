//! A small shop as a flowchart and as a page.

use ballet_core::{EventType, Part, Runs, SagaPart, StepPart, SubscriptionPart, System, Versions};

use super::*;

const WANTED: EventType = EventType::starts_saga("cart.checked_out.v1").also_from(&["shopfront"]);
const PLACED: EventType = EventType::in_saga("orders.order_placed.v1");
const CANCELLED: EventType = EventType::in_saga("orders.order_cancelled.v1");
const RESERVED: EventType = EventType::in_saga("inventory.stock_reserved.v1");
const PICKED: EventType = EventType::in_saga("inventory.stock_picked.v1");
const SHORT: EventType = EventType::in_saga("inventory.stock_short.v1");
const RELEASED: EventType = EventType::in_saga("inventory.stock_released.v1");

fn step(name: &'static str, kind: StepKind, on: EventType, done: EventType) -> StepPart {
    StepPart::new(name, kind, vec![on], done)
}

fn part(service: &'static str, steps: Vec<StepPart>) -> Part {
    let saga = SagaPart { abort: Some(CANCELLED), ..SagaPart::new("fulfillment", "orders", steps) };
    Part { service, sagas: vec![saga], ..Part::default() }
}

fn graph() -> Graph {
    let accept =
        StepPart { refused: Some(CANCELLED), ..step("accept", StepKind::Origin, WANTED, PLACED) };
    let place = StepPart { on: Vec::new(), ..step("place", StepKind::Origin, WANTED, PLACED) };
    let reserve = StepPart {
        refused: Some(SHORT),
        compensated: Some(RELEASED),
        ..step("reserve", StepKind::Compensatable, PLACED, RESERVED)
    };
    let pick = StepPart {
        compensated: Some(RELEASED),
        runs: Runs::CallsOutside,
        versions: Versions::ALL,
        ..step("pick", StepKind::Pivot, RESERVED, PICKED)
    };
    let mut inventory = part("inventory", vec![reserve, pick]);
    inventory.subscriptions = vec![SubscriptionPart { name: "carts", on: WANTED }];
    Graph::new(System { name: "shop", parts: vec![part("orders", vec![accept, place]), inventory] })
}

#[test]
fn a_flowchart_shows_steps_refusals_and_compensations() {
    let expected = "\
flowchart TD
    event_cart_checked_out([\"cart.checked_out.v1\"])
    event_cart_checked_out --> orders_accept
    orders_accept([\"<b>orders</b><br/>accept<br/><i>origin</i>\"])
    orders_place([\"<b>orders</b><br/>place<br/><i>origin</i>\"])
    inventory_reserve[\"<b>inventory</b><br/>reserve<br/><i>compensatable</i>\"]
    inventory_pick[[\"<b>inventory</b><br/>pick<br/><i>pivot, calls outside</i>\"]]
    orders_accept --> event_orders_order_placed
    event_orders_order_placed([\"orders.order_placed.v1\"])
    event_orders_order_placed --> inventory_reserve
    orders_place --> event_orders_order_placed
    inventory_reserve -->|stock_reserved| inventory_pick
    inventory_pick --> event_inventory_stock_picked
    event_inventory_stock_picked([\"inventory.stock_picked.v1\"])
    abort{{\"<b>orders</b><br/>orders.order_cancelled.v1\"}}
    orders_accept -.->|refused| abort
    inventory_reserve -.->|stock_short| abort
    abort -.-> compensate_inventory_pick[\"<b>inventory</b><br/>compensate pick<br/>stock_released\"]
    compensate_inventory_pick -.-> compensate_inventory_reserve[\"<b>inventory</b><br/>compensate reserve<br/>stock_released\"]
    classDef inventory stroke:#3b82f6,stroke-width:2px
    class inventory_reserve,compensate_inventory_reserve,inventory_pick,compensate_inventory_pick inventory
    classDef orders stroke:#10b981,stroke-width:2px
    class orders_accept,orders_place orders
";
    assert_eq!(mermaid::flowchart(&graph(), "fulfillment"), expected);
}

#[test]
fn the_page_draws_every_step_and_lists_every_projection() {
    let page = page(&graph(), "make pages");
    for part in [
        "`orders` owns it",
        "`pick` is the pivot: once the owner has recorded `inventory.stock_picked.v1`",
        "inventory_reserve[\"<b>inventory</b><br/>reserve<br/><i>compensatable</i>\"]\n",
        "| `inventory` | `carts` | `cart.checked_out.v1` |\n",
    ] {
        assert!(page.contains(part), "{part:?} is missing in:\n{page}");
    }
}

#[test]
fn sagas_that_one_event_begins_name_each_other() {
    let mut system = graph().system().clone();
    let insured = EventType::in_saga("orders.order_insured.v1");
    let mut insurance =
        part("orders", vec![step("insure", StepKind::Origin, WANTED, insured)]).sagas.remove(0);
    insurance.saga = "insurance";
    system.parts[0].sagas.push(insurance);
    let page = page(&Graph::new(system), "make pages");
    for other in ["insurance", "fulfillment"] {
        let sentence = format!("`cart.checked_out.v1` also begins `{other}`: both share the id");
        assert!(page.contains(&sentence), "{sentence:?} is missing in:\n{page}");
    }
}
