//! A small shop as a page.

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
fn the_page_shows_the_picture_and_lists_every_projection() {
    let page = page(&graph(), "make pages");
    for part in [
        "`orders` owns it",
        "`pick` is the pivot: once the owner has recorded `inventory.stock_picked.v1`",
        "![fulfillment: a lane for each service, time downwards](fulfillment.svg)\n",
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
