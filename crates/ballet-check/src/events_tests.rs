//! The table and the page of a small system.

use ballet_core::{Part, ReaderPart, SubscriptionPart, System, TelemetryType};
use schemars::{Schema, json_schema};

use super::*;

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
fn the_table_has_one_row_for_each_event() {
    let graph = graph();
    assert_eq!(
        table(&graph, &catalog(&graph), code),
        "| event | published by | consumed by | meaning |\n\
         |---|---|---|---|\n\
         | `cart.checked_out.v1` | `shopfront` | `orders` | To buy. |\n\
         | `orders.extra.v1` | `orders` | – | Something |\n"
    );
}

#[test]
fn the_page_says_who_does_what_with_an_event() {
    let graph = graph();
    let keys =
        [(CHECKOUT, Key::of("reason", "why")), (CHECKOUT, Key::of("cart", "cart_id").made_here())];
    let page = page(&graph, &catalog(&graph).with_keys(keys), "make pages");
    for part in [
        "| [`cart.checked_out.v1`](#cartchecked_outv1) |",
        "## cart.checked_out.v1\n\nTo buy. More.\n",
        "- Published by `shopfront` (a foreign producer).\n",
        "- Consumed by `orders`, for `carts`.\n",
        "the message's own id is.\n- Its keys: `reason` (`why`), `cart` (`cart_id`, made here).\n\n|",
        "optional.\n\n| field",
        "- No service consumes it; the journal keeps it.\n",
        "| `why` | text | yes | Why \\| not. |\n",
        "`make pages`",
    ] {
        assert!(page.contains(part), "{part:?} is missing in:\n{page}");
    }
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
    let page = page(&graph, &catalog(&graph).with_telemetry([(beat, schema)]), "make pages");
    for part in [
        "### orders.beat.v1\n\nA beat.\n",
        "- Published by `orders`.\n- Read by `nurse`, its reader `pulse`.\n",
        "- 4 streams, `telemetry.orders.beat.v1.0` to `telemetry.orders.beat.v1.3`. Each keeps 2 days",
        "| `at` | text | yes | When. |\n",
    ] {
        assert!(page.contains(part), "{part:?} is missing in:\n{page}");
    }
}
