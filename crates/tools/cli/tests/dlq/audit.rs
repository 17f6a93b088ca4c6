//! `ballet audit`: by contracts alone, for any system.

use ballet_stage::wait_until;
use ballet_testkit::command::{CommandOutput, ended};
use serde_json::{Value, json};
use sqlx::Executor;

use crate::hostile::ESCAPES;
use crate::shop::{ShopWorld, checkout};
use crate::world::SOON;

async fn audit(shop: &ShopWorld, more: &[&str]) -> CommandOutput {
    let contracts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/contracts/shop");
    let named = ["audit", "--contracts", contracts, "--quiescent-after", "0"];
    let mut command = shop.command(&[&named, more].concat());
    command.env("RABBITMQ_MANAGEMENT_URL", shop.env.management_url());
    ended(command).await
}

async fn until(shop: &ShopWorld, code: i32, words: &str) -> CommandOutput {
    wait_until(&format!("an audit with {words:?}"), SOON, || async {
        let said = audit(shop, &[]).await;
        let is_said = said.code == Some(code) && said.out.contains(words);
        if is_said { Ok(Some(said)) } else { Err(format!("{said:#?}")) }
    })
    .await
    .expect("said")
}

pub(crate) async fn any_system_is_audited_by_its_contracts_and_addresses_alone(shop: &ShopWorld) {
    let order = shop.new_order(&checkout()).await;
    shop.order_is(&order, "completed").await;
    until(shop, 0, "everything is quiescent").await.prints(&[
        "rows of 7 services",
        "no violations",
        "not judged: what must hold between",
    ]);

    shop.drop(&ShopWorld::new_id(), "no JSON").await;
    shop.dead("orders").await;
    let waits = until(shop, 1, "go on only when a person acts").await;
    assert!(waits.out.contains("dead letter of orders"), "{waits:#?}");
    // An event's name must not steer the terminal.
    let forged = ShopWorld::new_id();
    let properties = json!({ "message_id": forged, "type": ESCAPES });
    let management = shop.env.management();
    let published = management.publish("events", "cart.checked_out.v1", &properties, "{}").await;
    assert!(published.expect("published"));
    let waits = until(shop, 1, "forged_type").await;
    assert!(!waits.out.contains('\u{1b}'), "{waits:#?}");
    shop.ballet(&["dlq", "discard", "--all", "--yes"]).await.ends_with(0);
    let shown = shop.ballet(&["sagas", "show", &forged]).await.succeeds();
    assert!(shown.contains("discarded by ada") && !shown.contains('\u{1b}'), "{shown:?}");
    until(shop, 0, "everything is quiescent").await;

    let mut db = shop.database("payments").await;
    db.execute("delete from ballet.inbox").await.expect("deleted");
    let wrong = until(shop, 1, "which is not in the inbox").await;
    assert!(wrong.out.contains("payments: saga"), "{wrong:#?}");
    let json = audit(shop, &["-o", "json"]).await.ends_with(1);
    let report: Value = json.json();
    assert_eq!(report[0]["own_tables"], "not judged");
    assert!(report[0]["violations"].as_array().is_some_and(|all| !all.is_empty()), "{report}");

    let mut away = shop.command(&["audit", "--contracts", "nowhere"]);
    away.env("RABBITMQ_MANAGEMENT_URL", shop.env.management_url());
    ended(away).await.ends_with(2).says(&["nowhere"]);
}
