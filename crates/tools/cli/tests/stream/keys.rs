//! `ballet replay --new-ids` and declared business keys.

use ballet::core::topology;
use ballet_amqp::BasicProperties;
use ballet_testkit::command::ended;
use serde_json::{Value, json};

use crate::replay::{published, replay};
use crate::world::{StreamWorld, event};

#[tokio::test]
async fn new_ids_reach_the_keys_that_services_make_and_no_others() {
    let contracts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/contracts/shop");
    let definitions = topology::definitions(&shop::system(), |_| String::new());
    let recorded = StreamWorld::with("keys", &definitions).await;
    let id = |number: u32| format!("0193f7a0-{number:04x}-7000-8000-00000000{number:04}");
    let (order, shipment, customer, cart, before) = (id(1), id(2), id(3), id(4), id(5));
    let of = |number: u32, name: &str, body: Value| {
        let properties = BasicProperties::default()
            .with_message_id(id(number).into())
            .with_correlation_id(order.clone().into());
        event(name, properties, &body)
    };
    recorded
        .publish(vec![
            of(1, "cart.checked_out.v1", json!({ "cart_id": cart, "customer_id": customer })),
            of(11, "orders.order_placed.v1", json!({ "order_id": order, "customer_id": customer })),
            // Before the event that makes the shipment.
            of(
                12,
                "shipping.shipment_dispatched.v1",
                json!({ "order_id": order,
                "shipment_id": shipment, "tracking": format!("parcel_{shipment}") }),
            ),
            of(
                13,
                "shipping.shipment_scheduled.v1",
                json!({ "order_id": order,
                "shipment_id": shipment }),
            ),
            of(
                14,
                "shipping.shipment_delivered.v1",
                json!({ "order_id": order,
                "shipment_id": shipment }),
            ),
            // Scheduled before the recording.
            of(
                15,
                "shipping.shipment_delivered.v1",
                json!({ "order_id": order,
                "shipment_id": before }),
            ),
        ])
        .await;
    let file = recorded.record("keys.jsonl").await;
    let test = StreamWorld::with("keys-target", &definitions).await;
    let arguments = [&*file, "--pace", "max", "--new-ids"];
    let said = ended(replay(&test, &[&arguments[..], &["--contracts", contracts]].concat()))
        .await
        .ends_with(0)
        .err;
    assert!(said.contains("these keys are no UUIDs, and their values stay: tracking."), "{said}");
    let bodies = async || {
        let all = published(&test).await;
        all.into_iter().map(|record| record["body"].clone()).collect::<Vec<_>>()
    };
    let all = bodies().await;
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let (new_order, new_shipment) = (text(&all[1]["order_id"]), text(&all[3]["shipment_id"]));
    assert!(new_order != order && new_shipment != shipment, "{all:?}");
    let expected = [
        json!({ "cart_id": cart, "customer_id": customer }),
        json!({ "order_id": new_order, "customer_id": customer }),
        json!({ "order_id": new_order, "shipment_id": new_shipment,
            "tracking": format!("parcel_{new_shipment}") }),
        json!({ "order_id": new_order, "shipment_id": new_shipment }),
        json!({ "order_id": new_order, "shipment_id": new_shipment }),
        json!({ "order_id": new_order, "shipment_id": before }),
    ];
    assert_eq!(all, expected);

    // Without contracts it is unknown who makes a shipment.
    let mut outside = replay(&test, &arguments);
    outside.current_dir("/").env_remove("BALLET_CONTRACTS");
    ended(outside).await.ends_with(0).says(&["keys that services make stay as they are"]);
    let all = bodies().await.split_off(6);
    assert_ne!(text(&all[1]["order_id"]), order);
    assert_eq!(text(&all[3]["shipment_id"]), shipment);
    // Named contracts have to exist.
    let nowhere = [&arguments[..], &["--contracts", "nowhere"]].concat();
    ended(replay(&test, &nowhere)).await.ends_with(2).says(&["cannot read nowhere"]);
    test.close().await;
    recorded.close().await;
}
