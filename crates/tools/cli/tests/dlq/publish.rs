//! `ballet publish`: accepted messages go out, and take effect once.

use std::fs;

use ballet_stage::Method;
use ballet_testkit::command::{CommandOutput, ended};
use serde_json::{Value, json};

use crate::world::{CounterWorld, TICKED, TOCKED, ballet};

pub(crate) fn contracts(world: &CounterWorld) {
    let schema = json!({ "type": "object", "required": ["number"],
        "properties": { "number": { "type": "integer", "format": "int64" } } });
    let event = |name: &str| json!({ "name": name, "role": "plain", "schema": schema });
    let contract = json!({
        "contract": 1, "service": "counter",
        "subscriptions": [{ "name": "count_ticks", "on": TICKED }, { "name": "count_tocks", "on": TOCKED }],
        "events": [event(TICKED), event(TOCKED)],
    });
    let folder = world.place.join("clocks");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("counter.json"), contract.to_string()).expect("a contract");
}

async fn publish(
    world: &CounterWorld,
    user: &str,
    text: &str,
    arguments: &[&str],
) -> CommandOutput {
    let file = world.place.join("messages");
    fs::write(&file, text).expect("written");
    let mut command = ballet(&world.env, &world.place);
    command
        .env("AMQP_URL", world.env.amqp_url(user))
        .env("BALLET_CONTRACTS", world.place.join("clocks"));
    command.arg("publish").arg(&file).args(arguments);
    ended(command).await
}

/// First what is wrong, while nothing is counted, and last what breaks the broker.
#[tokio::test]
async fn what_contracts_accept_is_published_once_and_nothing_else_leaves() {
    let world = CounterWorld::new("publish").await;
    contracts(&world);
    one_wrong_message_keeps_all_from_leaving_and_its_place_is_said(&world).await;
    what_is_published_has_its_effect_once(&world).await;
    a_broker_that_does_not_take_it_is_told_apart_from_one_that_is_away(&world).await;
    world.close().await;
}

async fn what_is_published_has_its_effect_once(world: &CounterWorld) {
    let id = world.new_id();
    let lines = [
        json!({ "type": TICKED, "message_id": id, "app_id": "clock", "body": { "number": 0 },
            "headers": { "causation_id": id, "attempt": 3 } }),
        json!({ "type": TOCKED, "body": { "number": 1 } }),
    ];
    let text = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    let rows: Vec<Value> = publish(world, "ops", &text, &["-o", "json"]).await.ends_with(0).json();
    assert_eq!(rows[0]["message_id"], json!(id));
    assert_eq!((&rows[0]["state"], &rows[1]["state"]), (&json!("published"), &json!("published")));
    world.all_counted_once(2).await;
    // The one with an id is the same message, the other a new one.
    publish(world, "ops", &lines[0].to_string(), &[]).await.succeeds();
    let bare: String = (2..600).map(|number| format!("{{\"number\":{number}}}\n")).collect();
    let many =
        publish(world, "ops", &bare, &["--type", TICKED, "--app-id", "clock"]).await.succeeds();
    assert_eq!(many.matches("published clock.ticked.v1").count(), 598, "{many}");
    world.all_counted_once(600).await;
}

async fn one_wrong_message_keeps_all_from_leaving_and_its_place_is_said(world: &CounterWorld) {
    let text = "{\"number\":0}\n{\"number\":\"one\"}\n{}\n";
    let wrong = publish(world, "ops", text, &["--type", TICKED]).await.ends_with(1);
    wrong.says(&[
        "line 2: wrong_shape: ",
        "line 3: wrong_shape: ",
        "2 of 3 messages are wrong: nothing is published",
    ]);
    assert!(world.counted().await.is_empty());
}

async fn a_broker_that_does_not_take_it_is_told_apart_from_one_that_is_away(world: &CounterWorld) {
    // Only rights to redrive.
    let refused =
        publish(world, "redrive", "{\"number\":0}", &["--type", TICKED]).await.ends_with(1);
    assert!(refused.out.contains("not published clock.ticked.v1"), "{refused:?}");
    assert!(refused.out.contains("ACCESS_REFUSED"), "{refused:?}");
    // Not even the journal's queue takes it, so the broker returns it.
    world.env.management().delete_queue("journal").await.expect("deleted");
    let path = ["exchanges", world.env.vhost(), "route"];
    world.env.management().call(Method::DELETE, &path, None).await.expect("deleted");
    let returned = publish(world, "ops", "{\"number\":0}", &["--type", TICKED]).await.ends_with(1);
    assert!(returned.out.contains("no queue is bound for it"), "{returned:?}");
    let mut away = ballet(&world.env, &world.place);
    fs::write(world.place.join("messages"), "{\"number\":0}").expect("written");
    away.env("AMQP_URL", "amqp://ops:ops@127.0.0.1:1/clocks");
    away.env("BALLET_CONTRACTS", world.place.join("clocks"));
    away.args(["publish", "messages", "--type", TICKED]);
    ended(away).await.ends_with(4).says(&["cannot be reached"]);
}
