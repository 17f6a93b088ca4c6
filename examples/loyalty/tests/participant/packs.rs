//! A program that takes no packs.

use ballet::core::envelope::pack;
use ballet_stage::{left_out, python};
use ballet_testkit::participant::{Program, ProgramSuite, Scenario};
use serde_json::json;

use crate::alone::{self, PYTHON, TRIGGER};
use crate::contract::in_python;
use crate::faults::TAKES_NO_PACKS;

#[test]
fn who_takes_no_packs_is_tried_without_them() {
    let mut contract = in_python();
    contract.part.takes_packs = false;
    let suite = ProgramSuite::new(Program::new("none"), contract);
    assert!(!suite.scenarios().contains(&Scenario::Packed));
}

/// `ballet check` refuses such a system. Should one run all the same, nothing is lost.
#[tokio::test]
async fn a_pack_for_who_takes_none_is_one_dead_letter_and_others_go_on() {
    let Some(python) = python().await else { return left_out(PYTHON) };
    let system = alone::asleep("no_packs").await;
    let copy = TAKES_NO_PACKS.copy("run");
    let program = alone::start_in(copy.dir(), &python, &system);
    let order = || json!({ "customer_id": system.new_id(), "total": { "amount_minor": 2500 } });
    let member = || {
        json!({ "specversion": "1.0", "id": system.new_id(), "source": "orders", "type": TRIGGER,
            "correlationid": system.new_id(), "data": order() })
    };
    let body = json!([member(), member()]).to_string();
    let properties = json!({ "content_type": pack::CONTENT_TYPE, "type": TRIGGER,
        "app_id": "orders", "delivery_mode": 2, "headers": { "x-members": 2 } });
    system.publish_raw(TRIGGER, &properties, &body).await;
    let alone = json!({ "message_id": system.new_id(), "correlation_id": system.new_id(),
        "content_type": "application/json", "delivery_mode": 2 });
    system.publish_raw(TRIGGER, &alone, order().to_string()).await;
    system.until("loyalty", "select count(*) from account where points = 25", 1).await;
    let dead = system.dead_letters(1).await;
    let [letter] = &dead[..] else { panic!("{dead:?}") };
    assert_eq!(letter["properties"]["headers"]["x-dead-reason"], "wrong_content_type");
    assert_eq!(letter["payload"], body);
    drop(program);
    system.close(1).await;
}
