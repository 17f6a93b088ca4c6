//! Dead letters of several causes, and those that were edited.

use serde_json::json;

use crate::world::{CounterWorld, TICKED};

/// Puts a dead letter of a tick there, as a failure with this detail leaves it.
async fn dead_tick(world: &CounterWorld, detail: &str, body: &str) -> String {
    let id = world.new_id();
    let properties = json!({ "message_id": id, "type": TICKED, "headers": {
        "x-dead-reason": "permanent", "x-dead-step": "count_ticks", "x-dead-detail": detail,
        "x-dead-at": "2026-01-01T00:00:00Z", "x-dead-service": "counter" } });
    let put = world.env.management().publish("dead", "counter", &properties, body).await;
    assert!(put.expect("published"));
    id
}

#[tokio::test]
async fn a_group_has_an_id_that_selects_exactly_its_letters() {
    let world = CounterWorld::new("group_ids").await;
    let mut ids = Vec::new();
    for (field, count) in [("quantity", 4), ("sku", 2)] {
        for line in 0..count {
            let detail = format!("the body does not fit the contract at lines[{line}].{field}");
            ids.push(dead_tick(&world, &detail, "{}").await);
        }
    }
    world.dead(6).await;
    std::fs::write(world.place.join("body.json"), r#"{"number": 2}"#).expect("written");
    world.ballet(&["edit", &ids[0], "--body", "body.json"]).await.ends_with(0);
    let groups = world.ballet(&["groups", "-o", "jsonl"]).await.ends_with(0).lines();
    let counts: Vec<_> = groups.iter().map(|group| group["dead_letters"].clone()).collect();
    assert_eq!(counts, [3, 2, 1], "{groups:?}");
    for group in &groups {
        let id = group["group"].as_str().expect("an id");
        let listed = world.list(&["--group", id]).await;
        assert_eq!(group["dead_letters"], listed.len(), "{group}: {listed:?}");
        assert!(listed.iter().any(|letter| letter["id"] == group["example"]), "{listed:?}");
    }
    let of = |at: usize| groups[at]["group"].as_str().expect("an id");
    let advice = format!("dlq redrive --group {}\n", of(0));
    let table = world.ballet(&["groups"]).await.ends_with(0).prints(&[of(0), of(1), of(2)]);
    assert!(table.err.ends_with(&advice), "{table:?}");
    world.ballet(&["discard", "--group", of(1), "--yes"]).await.ends_with(0).says(&["2 dead"]);
    let left = world.list(&[]).await;
    assert!(
        left.len() == 4
            && left
                .iter()
                .all(|letter| ids[..4].contains(&letter["id"].as_str().expect("an id").to_owned())),
        "{left:?}"
    );
    world.close().await;
}
