//! The page of a small system.

use ballet_core::{Part, ReaderPart, SubscriptionPart, System, TelemetryType};
use schemars::{Schema, json_schema};

use super::*;
use crate::contracts::roles::ConsumerPurpose;

const CHECKOUT: EventType = EventType::starts_saga("cart.checked_out.v1").also_from(&["shopfront"]);
const EXTRA: EventType = EventType::plain("orders.extra.v1");

fn graph() -> Graph {
    let follows = SubscriptionPart { name: "carts", on: CHECKOUT };
    let part = Part {
        service: "orders",
        subscriptions: vec![follows],
        publishes: vec![EXTRA],
        ..Part::default()
    };
    Graph::new(System { name: "shop", parts: vec![part] })
}

fn catalog(graph: &Graph) -> Catalog {
    let schema = |meaning: &str| -> Schema {
        json_schema!({
            "type": "object", "description": meaning, "required": ["why"],
            "properties": {"why": {"type": "string", "description": "Why | not."}},
        })
    };
    let entries = [(CHECKOUT, schema("To buy.\nMore.")), (EXTRA, schema("Something"))];
    Catalog::new(graph.system(), entries).expect("a catalog")
}

#[test]
fn the_contents_have_one_line_for_each_service() {
    assert_eq!(
        contents(&catalog(&graph())),
        "- [`cart.checked_out.v1`](#cartchecked_outv1)\n\
         - [`orders.extra.v1`](#ordersextrav1)\n"
    );
}

#[test]
fn the_page_says_who_does_what_with_an_event() {
    let graph = graph();
    let keys =
        [(CHECKOUT, Key::of("reason", "why")), (CHECKOUT, Key::of("cart", "cart_id").made_here())];
    let page = page(&graph, &catalog(&graph).with_keys(keys));
    for part in [
        "- [`cart.checked_out.v1`](#cartchecked_outv1)\n",
        "## cart.checked_out.v1\n\nTo buy. More.\n\n",
        "It is published by the foreign producer `shopfront`. Consumed by `orders` for `carts`. It may \
         start a saga",
        "the message's own id. Keys: `reason` (`why`), `cart` (`cart_id`, made here).\n\n- `why`",
        "No service consumes it. It belongs to no saga.\n\n- `why` (text): Why | not.\n",
    ] {
        assert!(page.contains(part), "{part:?} is missing in:\n{page}");
    }
}

#[test]
fn those_who_do_the_same_are_named_together() {
    let consumer = |service, purpose| EventConsumer { service, purpose };
    let consumers = [
        consumer("cart", ConsumerPurpose::Copy("product")),
        consumer("orders", ConsumerPurpose::Projection("note_price")),
        consumer("orders", ConsumerPurpose::Copy("product")),
    ];
    assert_eq!(
        consumed_by(&consumers),
        "Consumed by `cart`, `orders` for a copy of `product`; by `orders` for `note_price`."
    );
}

#[test]
fn a_long_list_of_fields_is_on_the_page_once() {
    let field = |name: &str| SchemaField {
        name: name.to_owned(),
        kind: "text".to_owned(),
        required: name != "d",
        meaning: "Any.".to_owned(),
    };
    let long =
        SchemaShape { fields: ["a", "b", "c", "d"].map(field).into(), ..SchemaShape::default() };
    let short = SchemaShape { fields: vec![field("a")], ..SchemaShape::default() };
    let mut shown = PrintedLists::default();
    let first = shown.content("orders.first.v1", &long);
    assert!(first.ends_with("- `d` (text, optional): Any.\n"), "{first}");
    assert_eq!(
        shown.content("orders.second.v1", &long),
        "\nIt has the fields of [`orders.first.v1`](#ordersfirstv1).\n"
    );
    assert_eq!(shown.content("Short", &short), shown.content("Other", &short));
}

#[test]
fn the_page_says_who_reads_telemetry_and_how_long_it_is_kept() {
    let beat = TelemetryType::new("orders.beat.v1").partitions(4).kept_days(2);
    let mut system = graph().system().clone();
    system.parts[0].telemetry = vec![beat];
    let reader = ReaderPart { name: "pulse", reads: beat, in_memory: false };
    system.parts.push(Part { service: "nurse", readers: vec![reader], ..Part::default() });
    let graph = Graph::new(system);
    let schema = json_schema!({
        "type": "object", "description": "A beat.", "required": ["at"],
        "properties": {"at": {"type": "string", "description": "When."}},
    });
    let page = page(&graph, &catalog(&graph).with_telemetry([(beat, schema)]));
    for part in [
        "### orders.beat.v1\n\nA beat.\n",
        "- Published by `orders`.\n- Read by `nurse`, its reader `pulse`.\n",
        "- 4 streams, `telemetry.orders.beat.v1.0` to `telemetry.orders.beat.v1.3`. Each keeps 2 days",
        "- `at` (text): When.\n",
    ] {
        assert!(page.contains(part), "{part:?} is missing in:\n{page}");
    }
}
